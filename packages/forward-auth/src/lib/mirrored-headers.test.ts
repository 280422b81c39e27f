import { expect, test } from 'vitest'
import { readMirrored } from './mirrored-headers.js'

const read = (headers: Record<string, string>, method = 'POST') =>
  readMirrored(method, { method: 'GET', target: '/auth', headers: new Headers(headers) })
const modern = { 'MCP-Protocol-Version': '2026-07-28' }

test.each([
  [{ 'Mcp-Method': 'tools/list' }, { action: 'tools/list', kind: 'server' }],
  [
    { 'Mcp-Method': 'server/discover', 'Mcp-Name': 'ignored' },
    { action: 'server/discover', kind: 'server' },
  ],
  [
    { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'search' },
    { action: 'tools/call', kind: 'tool', name: 'search' },
  ],
  [
    { 'Mcp-Method': 'prompts/get', 'Mcp-Name': ' a b ' },
    { action: 'prompts/get', kind: 'prompt', name: 'a b' },
  ],
  [
    { 'Mcp-Method': 'tasks/cancel', 'Mcp-Name': 't-1' },
    { action: 'tasks/cancel', kind: 'server', name: 't-1' },
  ],
  [
    { 'Mcp-Method': 'resources/read', 'Mcp-Name': 'file:///a,b?c=d' },
    { action: 'resources/read', kind: 'resource', name: 'file:///a,b?c=d' },
  ],
  [
    { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?ZMOpbG90LCBw?=' },
    { action: 'tools/call', kind: 'tool', name: 'délot, p' },
  ],
  // The markers are case-sensitive: this is a name
  [
    { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?BASE64?ZMOp?=' },
    { action: 'tools/call', kind: 'tool', name: '=?BASE64?ZMOp?=' },
  ],
])('[M8, M9] reads %o', (headers, operation) => {
  expect(read({ ...modern, ...headers })).toEqual({ kind: 'operation', operation })
  expect(read({ 'MCP-Protocol-Version': '2027-01-31', ...headers })).toEqual({ kind: 'operation', operation })
})

test.each([
  {},
  { 'Mcp-Method': '' },
  { 'Mcp-Method': 'tools/list, tools/call' },
  { 'Mcp-Method': 'tools/call/' },
  { 'Mcp-Method': '*' },
  { 'Mcp-Method': 'tools/call' },
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': '' },
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'search, delete' },
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'd\xe9lot' },
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?%%%?=' },
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?gICA?=' },
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?Zg?=' },
  // A NUL behind the name, and a method that some servers take for the other
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?ZGVsZXRlX25vdGUA?=' },
  { 'Mcp-Method': 'Tools/Call', 'Mcp-Name': 'search' },
  { 'Mcp-Method': 'TOOLS/LIST' },
  { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?Zg==?=, =?base64?Zg==?=' },
])('[M8, M9, M25] finds %o malformed [finding 2]', (headers) => {
  expect(() => read({ ...modern, ...headers } as Record<string, string>)).toThrow(
    expect.objectContaining({ status: 400, code: -32020 }),
  )
})

test.each(['2025-11-25', '2026-07-27', 'x', '', '2026-07-28, 2025-11-25', '2026-7-28', '9', 'draft', '2026-07-28x'])(
  '[M26] does not rely on the headers of revision "%s"',
  (version) => {
    const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'tools/list' }
    expect(read(headers)).toEqual({ kind: 'unreliable' })
    expect(read({ 'Mcp-Method': 'tools/list' })).toEqual({ kind: 'unreliable' })
  },
)

test.each(['GET', 'DELETE', 'OPTIONS', 'PUT'])('[M26] does not rely on the headers of a %s', (method) => {
  expect(read({ ...modern, 'Mcp-Method': 'tools/list' }, method)).toEqual({ kind: 'unreliable' })
})

test.each([
  'completion/complete',
  'subscriptions/listen',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/result',
])('what a %s is about is in no header [finding 2]', (action) => {
  expect(read({ ...modern, 'Mcp-Method': action, 'Mcp-Name': 'a' })).toEqual({ kind: 'unmirrored' })
})
