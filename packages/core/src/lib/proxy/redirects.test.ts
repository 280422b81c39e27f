import { describe, expect, test } from 'vitest'
import { httpServer, recordingLogger } from '../../../../../test/fixtures/loopback.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from './proxy.js'

const json = { 'Content-Type': 'application/json' }
const body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}'

async function upstream(location: (path: string, base: string) => string | undefined, status = 307) {
  const seen: string[] = []
  const { url } = await httpServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    seen.push(
      `${request.method} ${request.url} ${text} ${request.headers['x-api-key']} ${request.headers.authorization}`,
    )
    const to = location(request.url ?? '', new URL(url).origin)
    if (to !== undefined) response.writeHead(status, { Location: to }).end('Moved')
    else response.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"result":{}}')
  })
  return { url, seen }
}

const token = { get: async () => 'secret-token', drop: async () => {} }

function post(url: string, options: Parameters<typeof proxy>[1] = {}, query = '') {
  const logger = recordingLogger()
  const handler = compose([message()], proxy(url, { headers: { 'X-Api-Key': 'ours' }, token, ...options }))
  const request = new Request(`https://mcp.example.com/mcp${query}`, { method: 'POST', headers: json, body })
  return { response: handler(request, { logger }), logger }
}

describe.each([307, 308])('%i', (status) => {
  test.each([
    ['a path', (path: string) => (path === '/mcp' ? '/mcp/' : undefined)],
    ['a whole URL', (path: string, base: string) => (path === '/mcp' ? `${base}/mcp/` : undefined)],
    ['a relative path', (path: string) => (path === '/mcp' ? './mcp/' : undefined)],
    ['a fragment too', (path: string) => (path === '/mcp' ? '/mcp/#top' : undefined)],
  ])('to the same origin is followed with method and body: %s', async (_how, location) => {
    const { url, seen } = await upstream(location, status)
    expect((await post(url).response).status).toBe(200)
    const same = `${body} ours Bearer secret-token`
    expect(seen).toEqual([`POST /mcp ${same}`, `POST /mcp/ ${same}`])
  })
})

test.each([301, 302, 303, 300])('%i, which changes the method, is not followed', async (status) => {
  const { url, seen } = await upstream(() => '/other', status)
  expect((await post(url).response).status).toBe(502)
  expect(seen).toHaveLength(1)
})

test('no request reaches another origin, with its Authorization or without', async () => {
  const other = await upstream(() => undefined)
  const localhost = (base: string) => base.replace('127.0.0.1', 'localhost')
  for (const to of [
    () => other.url,
    (_path: string, base: string) => `${localhost(base)}/mcp/`,
    (_path: string, base: string) => `${base.replace('http:', 'https:')}/mcp/`,
    (_path: string, base: string) => `${base.replace('//', '//user:password@')}/mcp/`,
    () => `//${new URL(other.url).host}/mcp`,
  ]) {
    const { url, seen } = await upstream(to)
    const { response, logger } = post(url)
    expect((await response).status).toBe(502)
    expect(seen).toHaveLength(1)
    expect(JSON.stringify(logger.lines)).not.toMatch(/secret-token|password/)
  }
  expect(other.seen).toEqual([])
})

test.each([
  ['to itself', () => '/mcp', 1],
  ['by another', (path: string) => (path === '/mcp' ? '/a' : '/mcp'), 2],
  ['of three', (path: string) => ({ '/mcp': '/a', '/a': '/b', '/b': '/a' })[path], 3],
] as const)('a loop %s is named', async (_how, location, times) => {
  const { url, seen } = await upstream(location as (path: string) => string)
  const { response, logger } = post(url)
  expect([(await response).status, (await (await response).json()).error.message]).toEqual([
    502,
    'The server redirects in a loop',
  ])
  expect(seen).toHaveLength(times)
  expect(logger.lines).toMatchObject([{ level: 'error', text: 'an upstream redirects in a loop' }])
})

test('a request is not redirected for ever', async () => {
  let n = 0
  const { url, seen } = await upstream(() => `/${++n}`)
  const { response } = post(url)
  expect((await (await response).json()).error.message).toBe('The server redirects too often in a row')
  expect(seen).toHaveLength(6)
})

test('a body that was streamed is not sent again', async () => {
  const { url, seen } = await upstream((path) => (path === '/mcp' ? '/mcp/' : undefined))
  const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers: json, body })
  expect((await proxy(url)(request, {})).status).toBe(502)
  expect(seen).toHaveLength(1)
})

describe('the query of the client', () => {
  test.each([
    ['?a=1&b=%20x+y&a=2', '', '/mcp?a=1&b=%20x+y&a=2'],
    ['?a=1', '?key=k', '/mcp?key=k&a=1'],
    ['?key=theirs&KEY=theirs&%6bey=theirs&a=1', '?key=k', '/mcp?key=k&a=1'],
    ['?access_token=t&Access_Token=t&a', '', '/mcp?a'],
    ['?access%5Ftoken=t', '', '/mcp'],
    ['?', '', '/mcp'],
    ['?a=%0d%0ax', '?', '/mcp?a=%0d%0ax'],
  ])('%s is added to %j by option', async (query, own, target) => {
    const { url, seen } = await upstream(() => undefined)
    await post(url + own, { forwardQuery: true }, query).response
    expect(seen[0]).toContain(`POST ${target} {`)
  })

  test('stays here otherwise', async () => {
    const { url, seen } = await upstream(() => undefined)
    await post(url, {}, '?a=1').response
    expect(seen[0]).toContain('POST /mcp {')
    expect(() => proxy(url, { forwardQuery: 'yes' as never })).toThrow('forwardQuery')
  })
})
