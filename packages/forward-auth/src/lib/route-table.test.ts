import { expect, test } from 'vitest'
import { type Placed, RouteTable, readLocation } from './route-table.js'

const url = 'https://mcp.example.com'
const place = (key: string, subpaths = false): Placed => ({ location: readLocation(url, key), subpaths })

test('a path is under the public URL, an absolute URL stands for itself, and both keep how they were written', () => {
  expect(readLocation('https://MCP.example.com:443', '/notes/mcp')).toEqual({
    resource: 'https://MCP.example.com:443/notes/mcp',
    origin: 'https://mcp.example.com',
    path: '/notes/mcp',
  })
  expect(readLocation('https://a.example/gateway/', '/mcp').path).toBe('/gateway/mcp')
  expect(readLocation(url, 'https://b.example')).toEqual({
    resource: 'https://b.example',
    origin: 'https://b.example',
    path: '/',
  })
  expect(readLocation(url, 'http://localhost:3000/mcp').origin).toBe('http://localhost:3000')
})

test.each([
  'notes',
  '/notes/',
  '/notes//mcp',
  '/notes/../mcp',
  '/notes/%6dcp',
  '/notes?x',
  '/notes#x',
  '/no tes',
  'http://public.example/mcp',
  'https://user@b.example/mcp',
  'ftp://b.example/mcp',
])('%s is refused as a place of a server', (key) => {
  expect(() => readLocation(url, key)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
})

test('one place holds one server', () => {
  expect(() => new RouteTable([place('/mcp'), place('https://mcp.example.com:443/mcp')])).toThrow('twice')
})

const found = <T>(route: T) => ({ kind: 'found', route })

test('paths are compared as text', () => {
  const route = place('/mcp')
  const table = new RouteTable([route])
  expect(table.find(url, '/mcp')).toEqual(found(route))
  expect(table.find(url, '/mcp/')).toEqual(found(route))
  for (const path of ['/', '/MCP', '/mcp/x', '/mcpx', '/mcp.', '/%E2%93%9Ccp']) {
    expect(table.find(url, path)).toEqual({ kind: 'unknown' })
  }
  expect(table.find('https://other.example', '/mcp')).toEqual({ kind: 'unknown' })
  expect(table.find('http://mcp.example.com', '/mcp')).toEqual({ kind: 'unknown' })
})

test('the nearest location decides, also one that has no paths below it [finding 6, attack 143]', () => {
  const [outer, inner, deep, root] = [
    place('/tools', true),
    place('/tools/admin'),
    place('/tools/admin/logs', true),
    place('https://b.example', true),
  ]
  const table = new RouteTable([outer, inner, deep, root])
  expect(table.find(url, '/tools/a/b')).toEqual(found(outer))
  expect(table.find(url, '/tools/a%20b/caf%C3%A9')).toEqual(found(outer))
  expect(table.find(url, '/tools/Readme')).toEqual(found(outer))
  expect(table.find(url, '/tools/administrators')).toEqual(found(outer))
  expect(table.find(url, '/tools/admin')).toEqual(found(inner))
  expect(table.find(url, '/tools/admin/')).toEqual(found(inner))
  expect(table.find(url, '/tools/admin/x')).toEqual({ kind: 'unknown' })
  expect(table.find(url, '/tools/admin/logs/x')).toEqual(found(deep))
  expect(table.find('https://b.example', '/anything')).toEqual(found(root))
  expect(table.find('https://b.example', '/')).toEqual(found(root))
})

test.each([
  'ADMIN',
  'Admin/',
  'aDmin/x',
  'admin.',
  'admin%20',
  'admin.%20./x',
  '%EF%BD%81dmin',
  'admin/LOGS/x',
  '%E2%93%90dmin',
  'adm%C4%B1n',
  'adm%C4%B0n/x',
  'ad%C2%ADmin',
  'admin%E2%80%8B',
])('/tools/%s opens neither server, since others may read it as the inner one [finding 6]', (rest) => {
  const table = new RouteTable([place('/tools', true), place('/tools/admin'), place('/tools/admin/logs', true)])
  expect(table.find(url, `/tools/${rest}`).kind).not.toBe('found')
})

test("what is below two locations that differ in case alone is neither's [finding 6]", () => {
  const [upper, lower] = [place('/Tools', true), place('/tools', true)]
  const table = new RouteTable([upper, lower])
  expect(table.find(url, '/Tools')).toEqual(found(upper))
  expect(table.find(url, '/tools')).toEqual(found(lower))
  expect(table.find(url, '/tools/x')).toEqual({ kind: 'ambiguous' })
})

test('[attack 157] a long path that fits nothing is read in linear time', () => {
  const table = new RouteTable([place('/mcp', true)])
  // Were it quadratic, this test would run for longer than a test may
  expect(table.find(url, `/mcp/${'a'.repeat(2_000_000)}`)).toEqual({ kind: 'unknown' })
  expect(table.find(url, '/a'.repeat(1_000_000))).toEqual({ kind: 'unknown' })
})
