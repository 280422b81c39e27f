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

test('paths are compared as text', () => {
  const route = place('/mcp')
  const table = new RouteTable([route])
  expect(table.find(url, '/mcp')).toBe(route)
  expect(table.find(url, '/mcp/')).toBe(route)
  for (const path of ['/', '/MCP', '/mcp/x', '/mcpx', '//mcp', '/mcp//', '/./mcp', '/%6dcp', '/mcp;x', '/mcp%2f']) {
    expect(table.find(url, path)).toBeUndefined()
  }
  expect(table.find('https://other.example', '/mcp')).toBeUndefined()
  expect(table.find('http://mcp.example.com', '/mcp')).toBeUndefined()
})

test('[attack 143] what is below a server belongs to it only where every proxy reads the path alike', () => {
  const [outer, inner, root] = [place('/mcp', true), place('/mcp/inner'), place('https://b.example', true)]
  const table = new RouteTable([outer, inner, root])
  expect(table.find(url, '/mcp/a/b')).toBe(outer)
  expect(table.find(url, '/mcp/a%20b')).toBe(outer)
  expect(table.find(url, '/mcp/inner')).toBe(inner)
  // The inner one has no paths below it
  expect(table.find(url, '/mcp/inner/x')).toBe(outer)
  expect(table.find('https://b.example', '/anything')).toBe(root)
  for (const rest of [
    '..',
    '.',
    '../x',
    'a/../../x',
    '%2e%2e/x',
    '.%2E',
    'a%2fb',
    'a%5Cb',
    'a\\b',
    'a//b',
    '/a',
    'a;b',
    'a%00',
    'a%25',
    'a%zz',
    'a%',
    'a#b',
    'ä',
  ]) {
    expect(table.find(url, `/mcp/${rest}`)).toBeUndefined()
  }
  expect(table.find(url, `/mcp/${'a'.repeat(3000)}`)).toBeUndefined()
})

test('[attack 157] a long path that fits nothing is read in linear time', () => {
  const table = new RouteTable([place('/mcp', true)])
  // Were it quadratic, this test would run for longer than a test may
  expect(table.find(url, `/mcp/${'a'.repeat(2_000_000)}!"`)).toBeUndefined()
})
