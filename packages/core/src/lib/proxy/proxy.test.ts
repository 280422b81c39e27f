import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Context, Handler, Middleware } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from './proxy.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function upstream(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

/** An address where nobody listens. */
async function nowhere(): Promise<string> {
  const server = createTcpServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}/mcp`
}

const json = { 'Content-Type': 'application/json' }
const ping = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
const modernPing =
  '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
const modern = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'ping' }

const modernCall = (name: string, toolArguments: object): string =>
  modernPing.replace(
    '"ping","params":{',
    `"tools/call","params":{"name":"${name}","arguments":${JSON.stringify(toolArguments)},`,
  )

interface Call {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly context?: Context
  readonly signal?: AbortSignal
}

async function call(
  handler: Handler,
  { method = 'POST', headers, body = ping, context = {}, signal }: Call = {},
): Promise<Response> {
  const request = new Request('https://mcp.example.com/notes/mcp?token=secret', {
    method,
    headers: { ...json, ...headers },
    body: method === 'POST' ? body : null,
    signal,
  })
  return compose([message()], handler)(request, context)
}

const user = (subject: string, more: Partial<AuthInfo> = {}): AuthInfo => ({
  token: 'secret-token',
  clientId: 'app',
  scopes: ['a', 'b'],
  expiresAt: Number.MAX_SAFE_INTEGER,
  extra: {
    issuer: 'https://login.example.com',
    subject,
    roles: ['admin', 'dev,ops'],
    groups: [],
    claims: { name: 'Ada' },
  },
  ...more,
})

const until = (condition: () => boolean) =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5000, interval: 2 })

test('the body goes as it came and the answer comes as it was', async () => {
  const body =
    '{"id":7, "jsonrpc":"2.0","method":"tools/call","params":{"name":"x","arguments":{"n":12345678901234567890}}}'
  let got = ''
  const url = await upstream(async (request, response) => {
    for await (const chunk of request) got += chunk
    response.writeHead(200, json).end('{"id":7,"result":{"n":12345678901234567890},"jsonrpc":"2.0"}')
  })
  const response = await call(proxy(url), { body })
  expect(got).toBe(body)
  expect(await response.text()).toBe('{"id":7,"result":{"n":12345678901234567890},"jsonrpc":"2.0"}')
})

test('credentials, identity, forwarding and hop-by-hop headers of the client stay here, in every spelling [attack 139, attack 140, attack 148]', async () => {
  let got: IncomingHttpHeaders = {}
  let target: string | undefined
  const url = await upstream((request, response) => {
    got = request.headers
    target = request.url
    response.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"result":{}}')
  })
  await call(proxy(url, { forwardHeaders: ['X-Tenant'], headers: { 'X-Api-Key': 'ours' } }), {
    headers: {
      Authorization: 'Bearer secret-token',
      DPoP: 'secret-proof',
      Cookie: 'session=secret',
      'Proxy-Authorization': 'Basic secret',
      'X-Api-Key': 'theirs',
      'x-user-id': 'mallory',
      X_User_Id: 'mallory',
      'X-User.Id': 'mallory',
      'X-AUTH-TOKEN': 'mallory',
      'X-Forwarded-User': 'mallory',
      'X-Forwarded-For': '6.6.6.6',
      'X-Forwarded-Host': 'evil.com',
      'X-Original-URL': '/admin',
      Forwarded: 'for=6.6.6.6',
      'X-Tenant': 'acme',
      'Mcp-Name': 'legacy, so nobody compared it',
      'Mcp-Method': 'tools/list',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'User-Agent': 'test/1',
    },
    context: {
      auth: user('ada'),
      resource: 'https://mcp.example.com/notes/mcp',
      requestId: 'r-1',
      client: { address: '203.0.113.9' },
    },
  })
  expect(target).toBe('/mcp')
  expect(JSON.stringify(got)).not.toMatch(/secret|mallory|6\.6\.6\.6|evil|admin\/|theirs/)
  expect(got).toMatchObject({
    'x-user-id': 'ada',
    'x-user-name': 'Ada',
    'x-roles': 'admin,dev%2Cops',
    'x-scopes': 'a b',
    'x-client-id': 'app',
    'x-tenant': 'acme',
    'x-api-key': 'ours',
    'x-request-id': 'r-1',
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-host': 'mcp.example.com',
    'x-forwarded-proto': 'https',
    'user-agent': 'test/1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  })
  expect(got).not.toHaveProperty('mcp-name')
  expect(got).not.toHaveProperty('mcp-method')
})

test('no header of a stranger gets through but the listed ones, whatever its name [attack 139, attack 140]', async () => {
  const seen: string[] = []
  const handler = proxy('http://upstream.example/mcp', {
    fetch: async (_url, init) => {
      seen.push(...new Headers(init.headers).keys())
      return new Response('{"jsonrpc":"2.0","id":7,"result":{}}', { headers: json })
    },
  })
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~\dA-Za-z-]{1,20}$/)
  await fc.assert(
    fc.asyncProperty(token, fc.constantFrom('', 'x-user', 'X-Forwarded-', 'auth'), async (name, prefix) => {
      seen.length = 0
      await call(handler, { headers: { [`${prefix}${name}`]: '1' } })
      expect([
        'accept-encoding',
        'content-type',
        'accept',
        'user-agent',
        'baggage',
        'traceparent',
        'tracestate',
      ]).toEqual(expect.arrayContaining(seen))
    }),
  )
})

test('modern mirrored headers go along, session ids of modern clients do not', async () => {
  let got: IncomingHttpHeaders = {}
  const url = await upstream((request, response) => {
    got = request.headers
    response.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"result":{}}')
  })
  const response = await call(proxy(url), {
    body: modernPing,
    headers: { ...modern, 'Mcp-Param-City': 'Uppsala', 'Mcp-Session-Id': 'x' },
  })
  expect(response.status).toBe(200)
  expect(got).toMatchObject({ 'mcp-method': 'ping', 'mcp-param-city': 'Uppsala', 'mcp-protocol-version': '2026-07-28' })
  expect(got).not.toHaveProperty('mcp-session-id')
})

test('parameter headers of tools go on as they came, known or not, and what the upstream says to them comes back [M10]', async () => {
  const sent = {
    'mcp-param-city': '=?base64?VXBwc2FsYSDDhQ==?=',
    'mcp-param-count': '42.0',
    'mcp-param-unknown-to-all': ' x ',
    'mcp-param-empty': '',
  }
  let got: IncomingHttpHeaders = {}
  let body = ''
  const url = await upstream(async (request, response) => {
    got = request.headers
    for await (const chunk of request) body += chunk
    response.writeHead(400, json).end('{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"differs"}}')
  })
  const message = modernCall('weather', { city: 'Paris', count: 42 })
  const headers = { ...modern, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'weather', ...sent }
  const response = await call(proxy(url), { body: message, headers })
  expect(got).toMatchObject({ ...sent, 'mcp-param-unknown-to-all': 'x' })
  expect(body).toBe(message)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code: -32020 } })
})

test.each([
  ['weather_v2', 'weather_v2'],
  ['wetter für uns', '=?base64?d2V0dGVyIGbDvHIgdW5z?='],
  ['=?base64?eA==?=', '=?base64?PT9iYXNlNjQ/ZUE9PT89?='],
])('who renames a tool to %s on the way need not know of the header that mirrors it [M8, M9]', async (name, header) => {
  let got: IncomingHttpHeaders = {}
  const url = await upstream((request, response) => {
    got = request.headers
    response.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"result":{}}')
  })
  const rename: Middleware = (request, context, next) => {
    const { params, ...rest } = context.message?.json() ?? { jsonrpc: '2.0' }
    return next(request, { ...context, message: context.message?.with({ ...rest, params: { ...params, name } }) })
  }
  const headers = { ...modern, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'weather' }
  await call(compose([rename], proxy(url)), { body: modernCall('weather', {}), headers })
  expect(got).toMatchObject({ 'mcp-method': 'tools/call', 'mcp-name': header })
})

test('claims with line breaks and other scripts are encoded, and one that is too long is refused [attack 141]', async () => {
  let got: IncomingHttpHeaders = {}
  const url = await upstream((request, response) => {
    got = request.headers
    response.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"result":{}}')
  })
  const evil = 'a\r\nX-Admin: 1\0 é%'
  await call(proxy(url), { context: { auth: user(evil) } })
  expect(decodeURIComponent(got['x-user-id'] as string)).toBe(evil)
  expect(got).not.toHaveProperty('x-admin')
  const long = await call(proxy(url), { context: { auth: user('x'.repeat(5000)) } })
  expect([long.status, (await long.json()).error.message]).toEqual([
    403,
    'The userId of this token is too long to be passed on',
  ])
})

test('identity can be kept from an upstream', async () => {
  let got: IncomingHttpHeaders = {}
  const url = await upstream((request, response) => {
    got = request.headers
    response.writeHead(200, json).end('{}')
  })
  await call(proxy(url, { identityHeaders: false }), { context: { auth: user('ada') } })
  expect(got).not.toHaveProperty('x-user-id')
})

test('cookies, challenges, CORS and other headers of the upstream stay here [attack 149]', async () => {
  const url = await upstream((_request, response) => {
    response
      .writeHead(200, {
        ...json,
        'Set-Cookie': 'a=1',
        'WWW-Authenticate': 'Bearer',
        'Access-Control-Allow-Origin': '*',
        'X-User-Id': 'x',
        Server: 'x',
        'Retry-After': '3',
      })
      .end('{"jsonrpc":"2.0","id":7,"result":{}}')
  })
  const response = await call(proxy(url))
  expect([...response.headers.keys()]).toEqual(['content-type', 'retry-after'])
})

test.each([401, 407])('%d of the upstream is not the client’s to solve [attack 149]', async (status) => {
  const url = await upstream((_request, response) => {
    response.writeHead(status, { 'WWW-Authenticate': 'Bearer resource_metadata="http://internal"' }).end()
  })
  const response = await call(proxy(url))
  expect(response.status).toBe(502)
  expect(response.headers.has('www-authenticate')).toBe(false)
  expect(await response.json()).toMatchObject({ id: 7, error: { code: -31502 } })
})

test('a redirect of the upstream is 502, and is not followed with the body', async () => {
  let hits = 0
  const url = await upstream((_request, response) => {
    hits++
    response.writeHead(307, { Location: 'http://169.254.169.254/' }).end()
  })
  const response = await call(proxy(url))
  expect(response.status).toBe(502)
  expect(await response.text()).not.toContain('169.254')
  expect(hits).toBe(1)
})

test('other errors of the upstream pass with their JSON', async () => {
  const url = await upstream((_request, response) => {
    response.writeHead(404, json).end('{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"x"}}')
  })
  const response = await call(proxy(url))
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: { code: -32601 } })
})

test('events arrive one by one as they are sent, with no compression in between', async () => {
  let encoding: string | undefined
  let next = () => {}
  const url = await upstream((request, response) => {
    encoding = request.headers['accept-encoding'] as string
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
    next = () => response.end('data: 2\n\n')
  })
  const response = await call(proxy(url), { headers: { 'Accept-Encoding': 'gzip' } })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('event: message\ndata: 1\n\n')
  next()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('event: message\ndata: 2\n\n')
  expect((await reader.read()).done).toBe(true)
  expect(encoding).toBe('identity')
})

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
])('an answer that is compressed although nobody asked for it is unpacked: %s', async (encoding, compress) => {
  const text = '{"jsonrpc":"2.0","id":7,"result":{"text":"é"}}'
  const url = await upstream((_request, response) => {
    const body = compress(Buffer.from(text))
    response.writeHead(200, { ...json, 'Content-Encoding': encoding, 'Content-Length': body.length }).end(body)
  })
  const response = await call(proxy(url))
  expect(response.headers.get('content-encoding')).toBeNull()
  expect(await response.text()).toBe(text)
})

test('a compressed answer that breaks off is 502', async () => {
  const url = await upstream((_request, response) => {
    const body = gzipSync(Buffer.from('{"jsonrpc":"2.0","id":7,"result":{}}'))
    response.writeHead(200, { ...json, 'Content-Encoding': 'gzip' }).end(body.subarray(0, 20))
  })
  expect((await call(proxy(url))).status).toBe(502)
})

test('the connection is used again, and one that the upstream has closed meanwhile is not', async () => {
  let connections = 0
  const server = createServer((_request, response) => response.writeHead(200, json).end('{}'))
  server.on('connection', () => connections++)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => void server.close())
  const handler = proxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  for (let turn = 0; turn < 3; turn++) expect((await call(handler)).status).toBe(200)
  expect(connections).toBe(1)
  server.closeAllConnections()
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  expect((await call(handler)).status).toBe(200)
  expect(connections).toBe(2)
})

test('a fetch that was replaced, and a connection pool of the application, stay in charge', async () => {
  const handler = proxy('http://nowhere.test/mcp')
  vi.stubGlobal('fetch', async () => new Response('{"jsonrpc":"2.0","id":7,"result":"mocked"}', { headers: json }))
  try {
    expect(await (await call(handler)).json()).toMatchObject({ result: 'mocked' })
  } finally {
    vi.unstubAllGlobals()
  }
  const pool = Symbol.for('undici.globalDispatcher.1')
  const globals = globalThis as unknown as Record<symbol, unknown>
  const before = globals[pool]
  let asked: unknown
  class ProxyAgent {
    dispatch({ origin }: { origin: unknown }, handlers: { onError(error: Error): void }): boolean {
      asked = origin
      handlers.onError(new Error('enough'))
      return true
    }
  }
  try {
    globals[pool] = new ProxyAgent()
    expect((await call(handler)).status).toBe(502)
    expect(String(asked)).toBe('http://nowhere.test')
  } finally {
    globals[pool] = before
  }
})

test.each(['JSON', 'SSE'])('transforms see the answer before the client does: %s', async (kind) => {
  const url = await upstream((_request, response) => {
    const text = '{"jsonrpc":"2.0","id":7,"result":{"secret":1}}'
    if (kind === 'JSON') response.writeHead(200, json).end(text)
    else response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(`id: 1\ndata: ${text}\n\n`)
  })
  const response = await call(proxy(url), {
    context: { transforms: [(message) => message.with({ jsonrpc: '2.0', id: message.id, result: { open: 1 } })] },
  })
  const text = await response.text()
  expect(text).not.toContain('secret')
  expect(text).toContain('{"jsonrpc":"2.0","id":7,"result":{"open":1}}')
})

test('a large body of known length streams, with its length', async () => {
  const size = 8 * 1_048_576
  const url = await upstream((_request, response) => {
    response
      .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': size })
      .end(Buffer.alloc(size, 0x20))
  })
  const response = await call(proxy(url))
  expect(response.headers.get('content-length')).toBe(`${size}`)
  expect((await response.arrayBuffer()).byteLength).toBe(size)
})

test('a client that goes away ends the request to the upstream: before the answer and in the middle of it [M17]', async () => {
  let open = 0
  let arrived = 0
  const url = await upstream((request, response) => {
    arrived++
    open++
    response.on('close', () => open--)
    if (request.method === 'GET') response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(':\n\n')
  })
  const handler = proxy(url)
  const abort = new AbortController()
  const pending = call(handler, { signal: abort.signal }).catch(() => 'gone')
  await until(() => arrived === 1)
  abort.abort()
  expect(await pending).toBe('gone')
  await until(() => open === 0)
  const stream = await call(handler, { method: 'GET' })
  await until(() => open === 1)
  await stream.body?.cancel()
  await until(() => open === 0)
})

test('an upstream that goes away in the middle of short JSON is 502', async () => {
  const url = await upstream((_request, response) => {
    response.writeHead(200, json).write('{"half":')
    setTimeout(() => response.destroy(), 10)
  })
  const response = await call(proxy(url))
  expect([response.status, await response.json()]).toMatchObject([502, { id: 7, error: { code: -31502 } }])
})

test('an upstream that falls silent in the middle of short JSON is 504', async () => {
  const url = await upstream((_request, response) => void response.writeHead(200, json).write('{"half":'))
  const response = await call(proxy(url, { idleTimeout: 0.05 }))
  expect([response.status, await response.json()]).toMatchObject([504, { id: 7, error: { code: -31504 } }])
})

test('an upstream that goes away in the middle of long JSON breaks the answer', async () => {
  const url = await upstream((_request, response) => {
    response.writeHead(200, json).write(' '.repeat(200_000))
    setTimeout(() => response.destroy(), 20)
  })
  const response = await call(proxy(url))
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow()
})

test('JSON of unknown length arrives whole, short or long', async () => {
  const handler = proxy(
    await upstream(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      response.writeHead(200, json).write('{"jsonrpc":"2.0","id":7,"result":"')
      response.end(`${'x'.repeat(body.includes('long') ? 300_000 : 10)}"}`)
    }),
  )
  for (const [method, size] of [
    ['short', 10],
    ['long', 300_000],
  ] as const) {
    const response = await call(handler, { body: `{"jsonrpc":"2.0","id":7,"method":"${method}"}` })
    expect(((await response.json()) as { result: string }).result).toHaveLength(size)
  }
})

test.each([
  ['modern', 'without an id', modernPing, modern],
  ['modern', 'with an id', modernPing, modern],
  ['legacy', 'without an id', ping, {}],
  ['legacy', 'with an id', ping, {}],
])('an upstream that goes away in the middle of a stream: %s, after an event %s', async (era, id, body, headers) => {
  const url = await upstream((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(`${id === 'with an id' ? 'id: 1\n' : ''}data: {}\n\ndata: {"half`)
    setTimeout(() => response.destroy(), 10)
  })
  const response = await call(proxy(url), { body, headers })
  if (era === 'legacy' && id === 'with an id') await expect(response.text()).rejects.toThrow()
  else
    expect(await response.text()).toMatch(
      /data: \{"half\n\nevent: message\ndata: \{"jsonrpc":"2.0","id":7,"error":\{"code":-31502,.*\}\n\n$/,
    )
})

test('a stream that is silent for too long ends with an error for the request', async () => {
  let closed = false
  const url = await upstream((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(':\n\n')
    response.on('close', () => {
      closed = true
    })
  })
  const response = await call(proxy(url, { idleTimeout: 0.05 }), { body: modernPing, headers: modern })
  expect(await response.text()).toContain('"code":-31504')
  await until(() => closed)
})

test('an answer that does not begin in time is 504 as a JSON-RPC error, and the upstream is let go', async () => {
  let closed = false
  const url = await upstream((_request, response) => {
    response.on('close', () => {
      closed = true
    })
  })
  const response = await call(proxy(url, { firstByteTimeout: 0.05 }))
  expect(response.status).toBe(504)
  expect(await response.json()).toMatchObject({ jsonrpc: '2.0', id: 7, error: { code: -31504 } })
  await until(() => closed)
})

test('an upstream that is not there is 502 as a JSON-RPC error that names no address', async () => {
  const url = await nowhere()
  const response = await call(proxy(url))
  expect(response.status).toBe(502)
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0', id: 7, error: { code: -31502 } })
  expect(text).not.toContain('127.0.0.1')
})

test('an upstream that hangs up is 502, and the request is not sent to another', async () => {
  const hits = { rude: 0, good: 0 }
  const rude = await upstream((request) => {
    hits.rude++
    request.socket.destroy()
  })
  const good = await upstream((_request, response) => {
    hits.good++
    response.writeHead(200, json).end('{}')
  })
  const handler = proxy([rude, good])
  const statuses: number[] = []
  for (let round = 0; round < 4; round++) {
    const response = await call(handler)
    await response.text()
    statuses.push(response.status)
  }
  expect(statuses.sort()).toEqual([200, 200, 502, 502])
  expect(hits).toEqual({ rude: 2, good: 2 })
})

test('of several upstreams, one that is down is passed over, and then left alone', async () => {
  let hits = 0
  const good = await upstream((_request, response) => {
    hits++
    response.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"result":{}}')
  })
  const warn = vi.fn()
  const logger = { debug() {}, info() {}, warn, error() {} }
  const handler = proxy([await nowhere(), good])
  for (let round = 0; round < 6; round++) expect((await call(handler, { context: { logger } })).status).toBe(200)
  expect(hits).toBe(6)
  expect(warn).toHaveBeenCalledOnce()
})

test('requests go round, to the least busy', async () => {
  const hits = [0, 0, 0]
  const urls = await Promise.all(
    hits.map((_, index) =>
      upstream((_request, response) => {
        hits[index] = (hits[index] as number) + 1
        setTimeout(() => response.writeHead(200, json).end('{}'), 5)
      }),
    ),
  )
  const handler = proxy(urls)
  await Promise.all(Array.from({ length: 9 }, () => call(handler)))
  expect(hits).toEqual([3, 3, 3])
})

test('a health check takes an upstream out and brings it back', async () => {
  let sick = false
  const hits = { a: 0, b: 0 }
  const make = (name: 'a' | 'b') =>
    upstream((request, response) => {
      if (request.url === '/health') {
        response.writeHead(name === 'a' && sick ? 503 : 200).end()
        return
      }
      hits[name]++
      response.writeHead(200, json).end('{}')
    })
  const handler = proxy([await make('a'), await make('b')], { healthCheck: { path: '/health', interval: 0.01 } })
  const hitsInFour = async () => {
    const before = hits.a
    for (let index = 0; index < 4; index++) await call(handler)
    return hits.a - before
  }
  sick = true
  await expect.poll(hitsInFour, { interval: 15, timeout: 30_000 }).toBe(0)
  sick = false
  await expect.poll(hitsInFour, { interval: 15, timeout: 30_000 }).toBeGreaterThan(0)
})

/** An upstream with sessions of its own. */
function sessionServer(name: string, sessions: Set<string>): RequestListener {
  return async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (body.includes('"initialize"')) {
      const id = `${name}-${sessions.size}`
      sessions.add(id)
      response.writeHead(200, { ...json, 'Mcp-Session-Id': id }).end('{"jsonrpc":"2.0","id":7,"result":{}}')
      return
    }
    const known = sessions.has(`${request.headers['mcp-session-id']}`)
    response.writeHead(known ? 200 : 404, json).end(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { name } }))
  }
}

const initialize = '{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'

test('a session stays with the upstream where it began, from any replica of the gateway that has the secret', async () => {
  const urls = await Promise.all(['a', 'b', 'c'].map((name) => upstream(sessionServer(name, new Set()))))
  const sessionSecret = 's'.repeat(32)
  const replicas = [proxy(urls, { sessionSecret }), proxy([...urls].reverse(), { sessionSecret })]
  const auth = user('ada')
  for (let round = 0; round < 3; round++) {
    const opened = await call(replicas[0] as Handler, { body: initialize, context: { auth } })
    const session = opened.headers.get('mcp-session-id') as string
    const names = new Set<string>()
    for (const handler of [...replicas, ...replicas]) {
      const response = await call(handler, { headers: { 'Mcp-Session-Id': session }, context: { auth } })
      expect(response.status).toBe(200)
      names.add(((await response.json()) as { result: { name: string } }).result.name)
    }
    expect(names.size).toBe(1)
  }
})

test('a session of one resource does not exist under another, although the upstream is the same [L9]', async () => {
  const handler = proxy(await upstream(sessionServer('a', new Set())), { sessionSecret: 's'.repeat(32) })
  const at = (resource: string): Context => ({ auth: user('ada'), resource })
  const opened = await call(handler, {
    body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
    context: at('https://mcp.example.com/free'),
  })
  const headers = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id') as string }
  expect((await call(handler, { headers, context: at('https://mcp.example.com/free') })).status).toBe(200)
  expect((await call(handler, { headers, context: at('https://mcp.example.com/strict') })).status).toBe(404)
})

test('a session of another principal does not exist, nor does one that was made up [L7, L9]', async () => {
  const sessions = new Set<string>()
  const url = await upstream(sessionServer('a', sessions))
  const handler = proxy(url)
  const opened = await call(handler, { body: initialize, context: { auth: user('ada') } })
  const session = opened.headers.get('mcp-session-id') as string
  const status = async (id: string, context: Context) =>
    (await call(handler, { headers: { 'Mcp-Session-Id': id }, context })).status
  expect(await status(session, { auth: user('ada') })).toBe(200)
  expect(await status(session, { auth: user('ada', { token: 'refreshed' }) })).toBe(200)
  expect(await status(session, { auth: user('mallory') })).toBe(404)
  expect(
    await status(session, { auth: user('ada', { extra: { issuer: 'https://other.example', subject: 'ada' } }) }),
  ).toBe(404)
  expect(await status(session, {})).toBe(404)
  const [raw] = sessions
  for (const forged of [
    raw as string,
    `x${session}`,
    session.replace(/\.[\da-f]{8}/, '.00000000'),
    `${session}x`,
    '',
  ]) {
    expect(await status(forged, { auth: user('ada') })).toBe(404)
  }
})

test('when the upstream of a session is gone and there is another, the client is told to begin anew [L7]', async () => {
  const sessions = new Set<string>()
  const server = createServer(sessionServer('a', sessions))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const first = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  const handler = proxy([first, await upstream(sessionServer('b', new Set()))])
  let session = ''
  while (!sessions.size) session = (await call(handler, { body: initialize })).headers.get('mcp-session-id') as string
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  // The first request may still find a connection that is about to break
  const status = async () => (await call(handler, { headers: { 'Mcp-Session-Id': session } })).status
  await vi.waitFor(async () => expect(await status()).toBe(404), { timeout: 5000, interval: 5 })
  expect((await call(handler, { body: initialize })).status).toBe(200)
})

test.each<[string, () => Handler]>([
  ['no URL', () => proxy([])],
  ['the same URL twice', () => proxy(['http://a/', 'http://a/'])],
  ['no http', () => proxy('ftp://a/')],
  ['no URL at all', () => proxy('upstream:3000 ')],
  ['credentials in the URL', () => proxy('http://a:b@c/')],
  ['a limit that is none', () => proxy('http://a/', { firstByteTimeout: 0 })],
  ['a short secret', () => proxy('http://a/', { sessionSecret: 'short' })],
  ['the token to be forwarded', () => proxy('http://a/', { forwardHeaders: ['Authorization'] })],
  ['an identity header to be forwarded', () => proxy('http://a/', { forwardHeaders: ['X-User-Id'] })],
  ['a header that HTTP does not allow', () => proxy('http://a/', { headers: { 'X-A': 'a\r\nb' } })],
])('%s is refused at construction', (_what, make) => {
  expect(make).toThrow(/proxy|Timeout|Secret|headers|Headers/)
})
