import type { ServerResponse } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { httpServer, recordingLogger } from '../../../../../test/fixtures/loopback.js'
import { translateEras } from '../eras/http/translate-eras.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from './proxy.js'

const good = '{"jsonrpc":"2.0","id":7,"result":{}}'
const json = { 'Content-Type': 'application/json' }
const stream = { 'Content-Type': 'text/event-stream' }
const key = (name: string) => `io.modelcontextprotocol/${name}`
const legacy = { jsonrpc: '2.0', id: 7, method: 'tools/list' }
const initialize = {
  jsonrpc: '2.0',
  id: 7,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
}
const modern = {
  ...legacy,
  params: { _meta: { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} } },
}

type Say = (response: ServerResponse) => void
const coded =
  (coding: string, body: Uint8Array | string, type = json) =>
  (response: ServerResponse) => {
    response.writeHead(200, { ...type, 'Content-Encoding': coding }).end(body)
  }
const page = '<!doctype html><title>Sign in</title>'

/** What an upstream answers, and what the client reads of it. */
const answers: [string, Say, RegExp][] = [
  ['a page', (to) => to.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page), /text\/html/],
  ['a long page', (to) => to.writeHead(200, { 'Content-Type': 'TEXT/HTML' }).end(page.repeat(9999)), /text\/html/i],
  ['XML', (to) => to.writeHead(200, { 'Content-Type': 'application/xml' }).end('<a/>'), /application\/xml/],
  ['a page called JSON', (to) => to.writeHead(200, json).end(page), /no JSON-RPC message/],
  ['a page without a type', (to) => to.writeHead(200).end(page), /no content type/],
  ['null', (to) => to.writeHead(200, json).end('null'), /no JSON-RPC message/],
  ['a text', (to) => to.writeHead(200, json).end('"ok"'), /no JSON-RPC message/],
  ['nothing', (to) => to.writeHead(200).end(), /200 without a body/],
  ['empty JSON', (to) => to.writeHead(200, json).end(), /200 without a body/],
  ['white space', (to) => to.writeHead(200, json).end(' \n'), /200 without a body/],
  ['202', (to) => to.writeHead(202).end(), /202 without a body/],
  ['204', (to) => to.writeHead(204).end(), /204 without a body/],
  ['half a message', (to) => to.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"resu'), /cut off/],
  ['an unknown coding', coded('zstd-x', good), /zstd-x/],
  ['two codings', coded('gzip, br', brotliCompressSync(gzipSync(good))), /gzip, br/],
  ['JSON called gzip', coded('gzip', good), /gzip.*cannot be unpacked/],
  ['JSON called Brotli', coded('br', good), /br.*cannot be unpacked/],
  ['JSON called deflate', coded('deflate', good), /deflate.*cannot be unpacked/],
  ['cut gzip', coded('gzip', gzipSync(good).subarray(0, -12)), /gzip.*cannot be unpacked/],
  [
    'gzip with another checksum',
    coded('gzip', Buffer.concat([gzipSync(good).subarray(0, -8), Buffer.alloc(8)])),
    /gzip.*cannot be unpacked/,
  ],
]

async function setUp(say: Say, eras?: ReturnType<typeof translateEras>) {
  const { url } = await httpServer((request, response) => void request.resume().on('end', () => say(response)))
  const logger = recordingLogger()
  const handler = compose([message()], proxy(url, eras === undefined ? {} : { eras }))
  const post = (body: typeof legacy | typeof modern) => {
    const isModern = 'params' in body && '_meta' in body.params
    const headers = {
      ...json,
      Accept: 'application/json, text/event-stream',
      ...(isModern ? { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': body.method } : {}),
    }
    const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers, body: JSON.stringify(body) })
    return handler(request, { logger })
  }
  return { post, logger, handler }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe.each([
  ['a legacy request', legacy],
  ['a modern request', modern],
])('%s', (_era, body) => {
  test.each(answers)('that the upstream answers with %s is answered 502, with what came', async (_what, say, told) => {
    const { post, logger } = await setUp(say)
    const response = await post(body)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({
      id: 7,
      error: { code: -31502, message: expect.stringMatching(told) },
    })
    expect(logger.lines.filter(({ level }) => level === 'error' || level === 'warn')).toHaveLength(1)
    expect(JSON.stringify(logger.lines)).not.toContain('Sign in')
  })
})

describe.each([
  ['a legacy client', initialize],
  ['a modern client', modern],
])('behind a translation, %s', (_era, body) => {
  test.each(answers)('reads that the upstream answered with %s', async (_what, say, told) => {
    const { post, logger } = await setUp(say, translateEras())
    const response = await post(body)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ id: 7, error: { message: expect.stringMatching(told) } })
    expect(logger.lines.some(({ level }) => level === 'error' || level === 'warn')).toBe(true)
  })

  test.each(answers)('reads that a server that was %s only later', async (_what, say, told) => {
    let isWell = true
    const { url } = await httpServer(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      const { id, method } = text === '' ? {} : JSON.parse(text)
      const isMine = body === initialize ? method === 'server/discover' : method === 'initialize'
      const result =
        body === initialize
          ? { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, resultType: 'complete' }
          : { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
      if (request.method !== 'POST') response.writeHead(405).end()
      else if (id === undefined) response.writeHead(202).end()
      else if (isMine && isWell) response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
      else if (isWell) {
        const error = { code: -32601, message: 'Method not found' }
        response.writeHead(404, json).end(JSON.stringify({ jsonrpc: '2.0', id, error }))
      } else say(response)
    })
    const handler = compose([message()], proxy(url, { eras: translateEras() }))
    const post = (sent: object, headers: Record<string, string>) => {
      const init = { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(sent) }
      return handler(new Request('https://mcp.example.com/mcp', init), {})
    }
    const first = await post(
      body === initialize ? body : { ...modern, method: 'server/discover' },
      body === initialize ? {} : { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'server/discover' },
    )
    expect(await first.json()).toMatchObject({ id: 7, result: {} })
    isWell = false
    const session = first.headers.get('mcp-session-id')
    const second = await post(
      body === initialize ? legacy : modern,
      session === null
        ? { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' }
        : { 'Mcp-Session-Id': session },
    )
    expect(await second.json()).toMatchObject({ id: 7, error: { message: expect.stringMatching(told) } })
  })
})

test.each(['text/plain', 'application/octet-stream', 'application/vnd.api+json', 'text/json', undefined])(
  'a message that is called %s is one, and is called JSON',
  async (type) => {
    const { post } = await setUp((to) =>
      to.writeHead(200, type === undefined ? {} : { 'Content-Type': type }).end(`\ufeff ${good}\n`),
    )
    const response = await post(legacy)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await response.json()).toEqual(JSON.parse(good))
  },
)

test.each([
  ['a page about an error', 404, 'text/html; charset=utf-8'],
  ['an image with a script', 200, 'image/svg+xml'],
  ['XML with a script', 200, 'text/xml'],
  ['a page without a type', 404, undefined],
])('a browser that opens the address runs nothing of %s of the upstream [attack 149]', async (_, status, type) => {
  const { url } = await httpServer((_, response) => {
    response.writeHead(status, type === undefined ? {} : { 'Content-Type': type }).end('<script>alert(1)</script>')
  })
  const response = await proxy(url)(new Request('https://mcp.example.com/mcp'), {})
  expect(response.status).toBe(status)
  expect(response.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'")
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
})

test('a batch and an error of HTTP pass as they are', async () => {
  const batch = await setUp((to) => to.writeHead(200, json).end(`[${good}]`))
  expect(await (await batch.post(legacy)).text()).toBe(`[${good}]`)
  const refused = await setUp((to) => to.writeHead(404, { 'Content-Type': 'text/html' }).end(page))
  const response = await refused.post(legacy)
  expect([response.status, await response.text()]).toEqual([404, page])
})

test('a long message passes as a stream, however it is called', async () => {
  const long = JSON.stringify({ jsonrpc: '2.0', id: 7, result: { text: 'x'.repeat(200_000) } })
  const { post } = await setUp((to) => to.writeHead(200, { 'Content-Type': 'application/json' }).end(long))
  expect(await (await post(legacy)).text()).toBe(long)
})

test.each([
  ['GET', 502],
  ['DELETE', 502],
])('a page is no answer to %s either', async (method, status) => {
  const { handler } = await setUp((to) => to.writeHead(200, { 'Content-Type': 'text/html' }).end(page))
  const response = await handler(new Request('https://mcp.example.com/mcp', { method }), {})
  expect([response.status, (await response.json()).error.message]).toEqual([
    status,
    expect.stringContaining('text/html'),
  ])
})

test.each([
  ['an empty stream', (to: ServerResponse) => to.writeHead(200, stream).end(), /without a message/],
  ['a wrong coding', coded('gzip', `data: ${good}\n\n`, stream as never), /cannot be unpacked/],
  ['a cut coding', coded('gzip', gzipSync('').subarray(0, -6), stream as never), /cannot be unpacked/],
])('an event stream with %s ends with an error for the request that waits', async (_what, say, told) => {
  for (const body of [legacy, modern]) {
    const { post } = await setUp(say)
    const response = await post(body)
    const [, data = ''] = /data: (.*)\n\n$/.exec(await response.text()) ?? []
    expect(JSON.parse(data)).toMatchObject({ id: 7, error: { message: expect.stringMatching(told) } })
  }
})

test('a stream that a legacy client can resume ends as it came [L6]', async () => {
  const { post } = await setUp((to) => to.writeHead(200, stream).end('id: 1\ndata:\n\n'))
  expect(await (await post(legacy)).text()).toBe('id: 1\ndata:\n\n')
})

test('another fetch whose answer cannot be unpacked is named too', async () => {
  const body = () =>
    new ReadableStream({
      start: (controller) => controller.error(new TypeError('terminated', { cause: { code: 'Z_DATA_ERROR' } })),
    })
  const headers = { ...json, 'Content-Encoding': 'gzip' }
  const handler = compose(
    [message()],
    proxy('http://a.internal/mcp', { fetch: async () => new Response(body(), { headers }) }),
  )
  const init = { method: 'POST', headers: json, body: JSON.stringify(legacy) }
  const response = await handler(new Request('https://mcp.example.com/mcp', init), {})
  expect([response.status, (await response.json()).error.message]).toEqual([502, expect.stringContaining('gzip')])
})
