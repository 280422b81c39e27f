import { describe, expect, test } from 'vitest'
import { type Dialect, readOriginal } from './dialect.js'

const complete: Record<Dialect, Record<string, string>> = {
  forwarded: {
    'x-forwarded-method': 'POST',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'MCP.example.com:443',
    'x-forwarded-uri': '/notes/mcp?a=/b',
  },
  original: { 'x-original-method': 'POST', 'x-original-url': 'HTTPS://MCP.example.com:443/notes/mcp?a=/b' },
  'ext-authz': { host: 'MCP.example.com:443', 'x-forwarded-proto': 'https' },
}
const dialects = Object.keys(complete) as Dialect[]
const read = (dialect: Dialect, headers: Record<string, string>, target = '/auth/notes/mcp?a=/b', method = 'POST') =>
  readOriginal(dialect, { method, target, isRaw: true, headers: new Headers(headers) }, '/auth')
const misconfigured = (reason = /./) =>
  expect.objectContaining({ status: 401, code: 'misconfigured', reason: expect.stringMatching(reason) })

test.each(dialects)('%s tells method, origin and path', (dialect) => {
  expect(read(dialect, complete[dialect])).toEqual({
    method: 'POST',
    origin: 'https://mcp.example.com',
    path: '/notes/mcp',
  })
})

describe.each(dialects)('[attack 146] %s without one of its headers', (dialect) => {
  test.each(Object.keys(complete[dialect]))('is refused: %s', (name) => {
    const { [name]: _, ...rest } = complete[dialect]
    expect(() => read(dialect, rest)).toThrow(misconfigured(/is missing$/i))
    expect(() => read(dialect, { ...rest, [name]: '' })).toThrow(misconfigured())
  })
})

test.each(dialects)('[attack 142] %s reads no header of another dialect', (dialect) => {
  const others = Object.assign({}, ...dialects.filter((other) => other !== dialect).map((other) => complete[other]))
  for (const name of Object.keys(complete[dialect])) delete others[name]
  expect(() => read(dialect, others)).toThrow(misconfigured(/is missing$/))
  const forwarded = {
    forwarded: 'host=evil',
    'x-forwarded-prefix': '/evil',
    'x-forwarded-port': '1',
    'x-rewrite-url': '/evil',
  }
  expect(read(dialect, { ...others, ...complete[dialect], ...forwarded })).toEqual(read(dialect, complete[dialect]))
})

test.each([
  ['x-forwarded-method', 'GET, OPTIONS'],
  ['x-forwarded-method', 'get'],
  ['x-forwarded-proto', 'https, http'],
  ['x-forwarded-proto', 'wss'],
  ['x-forwarded-host', 'mcp.example.com, evil.test'],
  ['x-forwarded-host', 'evil.test@mcp.example.com'],
  ['x-forwarded-host', 'mcp.example.com.'],
  ['x-forwarded-host', 'mcp.example.com/notes/mcp?'],
  ['x-forwarded-host', 'mcp.example.com:x'],
  ['x-forwarded-host', 'mcp.example.com\\evil'],
  ['x-forwarded-uri', 'https://mcp.example.com/notes/mcp'],
  ['x-forwarded-uri', 'notes/mcp'],
])('[attack 146] forwarded refuses %s: %s', (name, value) => {
  expect(() => read('forwarded', { ...complete.forwarded, [name]: value })).toThrow(misconfigured())
})

test.each([
  '/notes/mcp',
  '//mcp.example.com/notes/mcp',
  'https:/notes/mcp',
  'https://mcp.example.com',
  'https://mcp.example.com?/notes/mcp',
  'https://mcp.example.com#/notes/mcp',
  'https://mcp.example.com\\@evil.test/notes/mcp',
  'https://evil@mcp.example.com/notes/mcp',
  'https://mcp.example.com, https://mcp.example.com/notes/mcp',
  'ftp://mcp.example.com/notes/mcp',
])('[attack 146] original refuses X-Original-URL: %s', (value) => {
  const code = expect.stringMatching(/^(?:misconfigured|ambiguous_path)$/)
  expect(() => read('original', { ...complete.original, 'x-original-url': value })).toThrow(
    expect.objectContaining({ code }),
  )
})

test.each(['/auth', '/authnotes/mcp', '/notes/mcp', '/'])('ext-authz refuses the path %s', (target) => {
  expect(() => read('ext-authz', complete['ext-authz'], target)).toThrow(misconfigured(/does not start with/))
})

test('another port is another origin', () => {
  expect(read('forwarded', { ...complete.forwarded, 'x-forwarded-host': 'mcp.example.com:8443' })).toMatchObject({
    origin: 'https://mcp.example.com:8443',
  })
  expect(read('forwarded', { ...complete.forwarded, 'x-forwarded-host': '[::1]:443' })).toMatchObject({
    origin: 'https://[::1]',
  })
})

test.each([
  '/notes/mcp, /x',
  '/notes/mcp#x',
  '/notes mcp',
  '/public/../notes/mcp',
  '/public/..\\notes/mcp',
  '/public\\..\\notes/mcp',
  '/public/%2e%2e/notes/mcp',
  '/public/..%2fnotes/mcp',
  '/public/..;/notes/mcp',
  '/public/%252e%252e/notes/mcp',
  '/notes%2fmcp',
  '/notes/%6dcp',
  '/notes//mcp',
  '/notes/mcp;x',
  '/notes/mcp%3Fx',
  '/notes/mcp%23',
  '/notes/mcp%00',
  '/notes/mcp?a\\b',
  '/notes/mcp?a#b',
  '/notes/mcp?a\tb',
])('the target %s is malformed in every dialect [finding 13, attack 143]', (target) => {
  const told: Record<Dialect, readonly [Record<string, string>, string]> = {
    forwarded: [{ ...complete.forwarded, 'x-forwarded-uri': target }, '/auth'],
    original: [{ ...complete.original, 'x-original-url': `https://mcp.example.com${target}` }, '/auth'],
    'ext-authz': [complete['ext-authz'], `/auth${target}`],
  }
  for (const dialect of dialects) {
    expect(() => read(dialect, ...told[dialect])).toThrow(
      expect.objectContaining({ status: 400, code: 'ambiguous_path' }),
    )
  }
})

test('ext-authz decides on nothing that a host has normalised [finding 13]', () => {
  const request = { method: 'GET', target: '/auth/notes/mcp', headers: new Headers(complete['ext-authz']) }
  for (const isRaw of [false, undefined]) {
    const told = { ...request, ...(isRaw === undefined ? {} : { isRaw }) }
    expect(() => readOriginal('ext-authz', told, '/auth')).toThrow(misconfigured(/toNodeHandler/))
  }
})
