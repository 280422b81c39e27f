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
  readOriginal(dialect, { method, target, headers: new Headers(headers) }, '/auth')

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
    expect(read(dialect, rest)).toMatch(/is missing$/i)
    expect(read(dialect, { ...rest, [name]: '' })).toBeTypeOf('string')
  })
})

test.each(dialects)('[attack 142] %s reads no header of another dialect', (dialect) => {
  const others = Object.assign({}, ...dialects.filter((other) => other !== dialect).map((other) => complete[other]))
  for (const name of Object.keys(complete[dialect])) delete others[name]
  expect(read(dialect, others)).toMatch(/is missing$/)
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
  ['x-forwarded-uri', '/notes/mcp, /x'],
  ['x-forwarded-uri', '/notes/mcp#x'],
  ['x-forwarded-uri', '/notes mcp'],
])('[attack 146] forwarded refuses %s: %s', (name, value) => {
  expect(read('forwarded', { ...complete.forwarded, [name]: value })).toBeTypeOf('string')
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
  expect(read('original', { ...complete.original, 'x-original-url': value })).toBeTypeOf('string')
})

test.each(['/auth', '/authnotes/mcp', '/notes/mcp', '/'])('ext-authz refuses the path %s', (target) => {
  expect(read('ext-authz', complete['ext-authz'], target)).toMatch(/does not start with/)
})

test('another port is another origin', () => {
  expect(read('forwarded', { ...complete.forwarded, 'x-forwarded-host': 'mcp.example.com:8443' })).toMatchObject({
    origin: 'https://mcp.example.com:8443',
  })
  expect(read('forwarded', { ...complete.forwarded, 'x-forwarded-host': '[::1]:443' })).toMatchObject({
    origin: 'https://[::1]',
  })
})
