import { createHash } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Handler } from '../contract/handler.js'
import type { RequestRecord } from '../contract/request-record.js'
import { respond } from '../http/respond.js'
import { proxy } from '../proxy/proxy.js'
import { requireScopes } from '../resource-server/require-scopes.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createGateway } from './create-gateway.js'
import type { GatewayOptions } from './gateway-options.js'

const url = 'https://mcp.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const call = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add","arguments":{"secret":"s"}}}'

const authority: Authority = {
  issuer: 'https://login.example.com',
  protect: () => ({
    verifyAccessToken: async (token): Promise<AuthInfo> => {
      if (token === 'outage') throw new GatewayError('temporarily_unavailable', 'the issuer does not answer')
      if (token !== 'good') throw new GatewayError('invalid_token', 'The token was signed by somebody else')
      const extra = { subject: 'ada', issuer: 'https://login.example.com' }
      return { token, clientId: 'app', scopes: ['read'], expiresAt: Date.now() / 1000 + 60, extra }
    },
  }),
}

function watched(server: Handler, options: Partial<GatewayOptions> = {}) {
  const records: RequestRecord[] = []
  const lines: Record<string, unknown>[] = []
  const write = (level: string) => (fields: Record<string, unknown>, text: string) => {
    if (text === 'request') lines.push({ level, ...fields })
  }
  const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const gateway = createGateway({
    url,
    auth: authority,
    servers: { '/notes/mcp': server },
    logger,
    observe: (record) => void records.push(record),
    ...options,
  })
  return { gateway, records, lines }
}

function post(path = '/notes/mcp', headers: Record<string, string> = {}, body = call): Request {
  return new Request(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good', ...headers },
    body,
  })
}

const answer: Handler = () => respond('{"jsonrpc":"2.0","id":7,"result":{"text":"ä"}}')

test('an observer gets one record of a request, with who asked for what, when, and what came of it', async () => {
  const { gateway, records } = watched(answer)
  const request = post('/notes/mcp', { 'X-Request-Id': 'request-1', traceparent: 'x' })
  await gateway.handle(request, { client: { address: '192.0.2.1' } })
  expect(records).toHaveLength(1)
  const [record] = records
  expect(record).toMatchObject({
    requestId: 'request-1',
    method: 'POST',
    path: '/notes/mcp',
    host: 'mcp.example.com',
    traceparent: 'x',
    clientAddress: '192.0.2.1',
    route: { kind: 'server', path: '/notes/mcp' },
    auth: { clientId: 'app', extra: { subject: 'ada' } },
    resource: `${url}/notes/mcp`,
    requestBytes: call.length,
    message: { era: 'legacy', method: 'tools/call', id: 7, target: 'add' },
    decision: 'allow',
    status: 200,
    responseBytes: 47,
  })
  expect(record?.refusal).toBeUndefined()
  const { start, tokenChecked = 0, firstByte = 0, end = 0 } = record?.times ?? { start: Number.NaN }
  expect([start, tokenChecked, firstByte, end]).toEqual([start, tokenChecked, firstByte, end].sort((a, b) => a - b))
})

const limit = { limit: 1, window: 60 }
const endless: Handler = () => {
  throw new Error('broken')
}

test.each<[string, Request, object, Partial<GatewayOptions>]>([
  ['no token', post('/notes/mcp', { Authorization: '' }), { by: 'bearerAuth', code: 'unauthorized' }, {}],
  [
    'a refused token, with the reason of the verifier',
    post('/notes/mcp', { Authorization: 'Bearer bad' }),
    { by: 'bearerAuth', code: 'invalid_token', reason: 'The token was signed by somebody else' },
    {},
  ],
  ['a foreign Origin', post('/notes/mcp', { Origin: 'https://evil.example' }), { by: 'originCheck' }, {}],
  ['a foreign page', post('/notes/mcp', { 'Sec-Fetch-Site': 'cross-site' }), { code: 'foreign_page' }, {}],
  [
    'a message that is none',
    post('/notes/mcp', {}, '{"jsonrpc":"2.0"}'),
    { by: 'message', code: -32600, reason: expect.stringContaining('needs "method"') },
    {},
  ],
  [
    'another content type',
    post('/notes/mcp', { 'Content-Type': 'text/plain' }),
    { by: 'message', code: 'unsupported_media_type' },
    {},
  ],
  ['a body that is too large', post(), { by: 'message', code: 'too_large' }, { message: { maxBytes: 10 } }],
  [
    'a missing scope',
    post(),
    { by: 'requireScopes', code: 'insufficient_scope', reason: 'needs write' },
    { middleware: [requireScopes({ operations: { 'tools/call': ['write'] } })] },
  ],
  [
    'a missing scope of the server',
    post(),
    { by: 'bearerAuth', code: 'insufficient_scope' },
    { servers: { '/notes/mcp': { server: answer, requiredScopes: ['write'] } } },
  ],
  ['another method', new Request(`${url}/notes/mcp`, { method: 'PUT' }), { code: 'method_not_allowed' }, {}],
  ['a path that leads nowhere', new Request(`${url}/other`), { by: 'gateway', code: 'not_found' }, {}],
  ['a path with two readings', new Request(`${url}/other//x`), { by: 'gateway', code: 'malformed_path' }, {}],
])(
  'the record of a request that reached no server says who refused it and why: %s',
  async (_, request, refusal, options) => {
    const { gateway, records, lines } = watched(answer, options)
    await gateway.fetch(request)
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({ decision: 'deny', refusal })
    expect(records[0]?.upstream).toBeUndefined()
    expect(lines).toMatchObject([{ decision: 'deny' }])
  },
)

test('a request over the limit is a denial by the rate limit', async () => {
  const rateLimits = { identity: limit }
  const { gateway, records } = watched(answer, { storage: memoryStorage(), rateLimits })
  await gateway.fetch(post())
  await gateway.fetch(post())
  expect(records[0]).toMatchObject({ decision: 'allow' })
  expect(records[1]).toMatchObject({
    decision: 'deny',
    status: 429,
    refusal: { by: 'rateLimit', reason: 'by identity' },
  })
})

test.each<[string, string, Handler, object]>([
  ['an outage of the issuer', 'outage', answer, { by: 'bearerAuth', code: 'temporarily_unavailable' }],
  ['a handler that throws', 'good', endless, { by: 'gateway', code: 'internal', reason: 'broken' }],
])('the record of a request that failed says where: %s', async (_, token, server, refusal) => {
  const { gateway, records, lines } = watched(server)
  await gateway.fetch(post('/notes/mcp', { Authorization: `Bearer ${token}` }))
  expect(records).toMatchObject([{ decision: 'error', refusal }])
  expect(lines).toMatchObject([{ decision: 'error' }])
})

test.each([
  [200, 'allow'],
  [202, 'allow'],
  [400, 'allow'],
  [401, 'deny'],
  [402, 'allow'],
  [403, 'deny'],
  [404, 'allow'],
  [428, 'allow'],
  [429, 'deny'],
  [499, 'allow'],
  [500, 'error'],
  [503, 'error'],
])('an answer of a server with status %i is written down as: %s', async (status, decision) => {
  const { gateway, records, lines } = watched(() => new Response(null, { status }))
  await gateway.fetch(post())
  expect(records).toMatchObject([{ status, decision }])
  expect(lines).toMatchObject([{ status, decision }])
})

test('the record tells which upstream was asked, for how long, and what it answered', async () => {
  const send = async () => new Response('{}', { status: 500, headers: { 'Content-Type': 'application/json' } })
  const { gateway, records } = watched(proxy('https://user.internal/mcp?key=secret', { fetch: send }))
  await gateway.fetch(post())
  expect(records[0]?.upstream).toEqual({
    server: expect.stringMatching(/^https:\/\/user\.internal\/mcp\?\[redacted/),
    status: 500,
    duration: expect.any(Number),
  })
  expect(records[0]?.times.upstreamAsked).toBeGreaterThan(records[0]?.times.start ?? Number.NaN)
  expect(records[0]?.decision).toBe('error')
})

test('an upstream that cannot be reached is an error of the proxy', async () => {
  const send = async () => {
    throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
  }
  const { gateway, records } = watched(proxy('https://user.internal/mcp', { fetch: send }))
  await gateway.fetch(post())
  expect(records).toMatchObject([
    { decision: 'error', refusal: { by: 'proxy', code: 'upstream_unreachable' }, upstream: { status: undefined } },
  ])
})

test('the observer hears when a stream begins, and the record tells its end and its bytes', async () => {
  const stream = new TransformStream<Uint8Array, Uint8Array>()
  const writer = stream.writable.getWriter()
  const ended = vi.fn()
  const records: RequestRecord[] = []
  const { gateway } = watched(
    () => new Response(stream.readable, { headers: { 'Content-Type': 'text/event-stream' } }),
    {
      observe: (record) => {
        records.push(record)
        record.onEnd(ended)
      },
    },
  )
  const get = new Request(`${url}/notes/mcp`, { headers: { Authorization: 'Bearer good' } })
  const response = await gateway.fetch(get)
  expect(records[0]).toMatchObject({ status: 200, responseBytes: undefined, times: { end: undefined } })
  const text = response.text()
  await writer.write(new TextEncoder().encode('data: ä\n\n'))
  await writer.close()
  expect(await text).toBe('data: ä\n\n')
  expect(ended).toHaveBeenCalledTimes(1)
  expect(records[0]).toMatchObject({ responseBytes: 10, times: { end: expect.any(Number) } })
  records[0]?.onEnd(ended)
  expect(ended).toHaveBeenCalledTimes(2)
})

test('the record of a stream whose reader goes away ends too', async () => {
  const ended = vi.fn()
  const { gateway } = watched(
    () => new Response(new ReadableStream(), { headers: { 'Content-Type': 'text/event-stream' } }),
    {
      observe: (record) => record.onEnd(ended),
    },
  )
  const response = await gateway.fetch(post())
  await response.body?.cancel()
  expect(ended).toHaveBeenCalledTimes(1)
})

test.each<[string, (record: RequestRecord) => unknown]>([
  ['throws', () => nothing()],
  ['rejects', () => Promise.reject(new Error('no'))],
  ['throws at the end', (record) => record.onEnd(nothing)],
])('an observer that %s harms no request, and is logged', async (_, observe) => {
  const error = vi.fn()
  const { gateway } = watched(answer, { observe: observe as never, logger: { ...quiet, error } })
  expect((await gateway.fetch(post())).status).toBe(200)
  await vi.waitFor(() => expect(error).toHaveBeenCalledTimes(1))
  expect(error).toHaveBeenCalledWith({ service: 'gateway', err: expect.any(Error) }, 'the observer of requests failed')
})

function nothing(): never {
  throw new Error('no')
}

test('a batch is denied when one of its messages is, and says why', async () => {
  const { gateway, records } = watched(answer, {
    middleware: [requireScopes({ operations: { 'tools/call': ['write'] } })],
  })
  await gateway.fetch(post('/notes/mcp', {}, `[${call},{"jsonrpc":"2.0","id":8,"method":"ping"}]`))
  expect(records).toMatchObject([{ status: 200, decision: 'deny', refusal: { by: 'requireScopes' } }])
})

test('health checks are not observed', async () => {
  const { gateway, records } = watched(answer)
  await gateway.fetch(new Request(`${url}/health`))
  expect(records).toEqual([])
})

test('an observer that is no function is refused at construction', () => {
  expect(() => watched(answer, { observe: 'metrics' as never })).toThrow(
    /observe must not be this string; give a function/,
  )
})

const userKey = 'a key that all replicas have: 32 characters'

async function hashOfAda(logging: GatewayOptions['logging']): Promise<unknown> {
  const { gateway, lines } = watched(answer, { logging })
  await gateway.fetch(post())
  await gateway.fetch(post())
  expect(lines[0]?.user_sub).toBe(lines[1]?.user_sub)
  return lines[0]?.user_sub
}

test('the log names a user by an HMAC, which replicas with one key share, and without one a process alone', async () => {
  const { createHmac } = await import('node:crypto')
  const expected = createHmac('sha256', userKey).update('ada').digest('hex').slice(0, 16)
  expect(await hashOfAda({ userKey })).toBe(expected)
  const random = await hashOfAda(undefined)
  expect(random).toMatch(/^[\da-f]{16}$/)
  expect(random).not.toBe(expected)
  expect(random).toBe(await hashOfAda(undefined))
  vi.resetModules()
  const inAnotherProcess = await import('./user-hash.js')
  expect(inAnotherProcess.createUserHash()('ada')).not.toBe(random)
})

test('a key of the log that can be guessed is refused at construction', () => {
  expect(() => watched(answer, { logging: { userKey: 'short' } })).toThrow(/logging\.userKey must be/)
})

test('the line says in one vocabulary who asked for what, and what came of it', async () => {
  const upstream = proxy('http://notes.internal/mcp', {
    fetch: async () =>
      new Response('{"jsonrpc":"2.0","id":7,"result":{}}', {
        headers: { 'Content-Type': 'application/json', 'Mcp-Session-Id': 'upstream-1' },
      }),
  })
  const { gateway, lines, records } = watched(upstream)
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const response = await gateway.handle(post('/notes/mcp', { 'X-Request-Id': 'request-1', traceparent }), {
    client: { address: '192.0.2.1' },
  })
  const session = createHash('sha256')
    .update(response.headers.get('mcp-session-id') ?? '')
    .digest('hex')
    .slice(0, 16)
  expect(lines).toEqual([
    {
      level: 'info',
      service: 'gateway',
      request_id: 'request-1',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      http_method: 'POST',
      path: '/notes/mcp',
      status: 200,
      decision: 'allow',
      latency_ms: expect.any(Number),
      upstream: 'http://notes.internal/mcp',
      upstream_ms: expect.any(Number),
      client_address: '192.0.2.1',
      client_id: 'app',
      user_sub: expect.stringMatching(/^[\da-f]{16}$/),
      session,
      resource: `${url}/notes/mcp`,
      method: 'tools/call',
      target: 'add',
    },
  ])
  expect(records[0]).toMatchObject({ session })
})

test('of a session id of an unheard-of length only the start is hashed [attack 157]', async () => {
  const { gateway, lines } = watched(answer)
  const start = 's'.repeat(512)
  for (const id of [start, start + 'x'.repeat(15_000), start + 'y'.repeat(15_000)]) {
    await gateway.fetch(post('/notes/mcp', { Authorization: 'Bearer bad', 'Mcp-Session-Id': id }))
  }
  const expected = createHash('sha256').update(start).digest('hex').slice(0, 16)
  expect(lines.map(({ session }) => session)).toEqual([expected, expected, expected])
})

test('a refusal is a line at info with the error that the client got, who refused and which scopes are missing', async () => {
  const middleware = [requireScopes({ operations: { 'tools/call': ['read', 'write', 'admin'] } })]
  const { gateway, lines } = watched(answer, { middleware })
  await gateway.fetch(post())
  expect(lines[0]).toMatchObject({
    level: 'info',
    decision: 'deny',
    status: 403,
    error_code: 'insufficient_scope',
    refused_by: 'requireScopes',
    client_id: 'app',
    user_sub: expect.any(String),
    missing_scopes: ['write', 'admin'],
  })
  await gateway.fetch(post('/notes/mcp', { Origin: 'https://evil.example' }))
  expect(lines[1]).toMatchObject({ error_code: -31403, refusal: 'foreign_origin', refused_by: 'originCheck' })
  await gateway.fetch(post('/nowhere'))
  expect(lines[2]).toMatchObject({ status: 404, error_code: 'not_found', reason: 'Nothing is served at this path' })
})

test.each<[string, Handler, object]>([
  ['a handler that throws', endless, { status: 500, error_code: -31500, refusal: 'internal', reason: 'broken' }],
  ['an upstream that fails', () => new Response(null, { status: 502 }), { status: 502 }],
])('%s is a line at error', async (_what, server, fields) => {
  const { gateway, lines } = watched(server)
  await gateway.fetch(post())
  expect(lines[0]).toMatchObject({ level: 'error', decision: 'error', ...fields })
})

test('of an error that an upstream has written the code is in the line, and none of its words', async () => {
  const body = '{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"hunter2"}}'
  const upstream = proxy('http://notes.internal/mcp', {
    fetch: async () => new Response(body, { status: 400, headers: { 'Content-Type': 'application/json' } }),
  })
  const { gateway, lines } = watched(upstream)
  await gateway.fetch(post())
  expect(lines[0]).toMatchObject({ status: 400, error_code: -32602 })
  expect(JSON.stringify(lines)).not.toContain('hunter2')
})

const batchOf = (...targets: string[]) =>
  JSON.stringify(
    targets.map((name, id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } })),
  )
const batch = { 'MCP-Protocol-Version': '2025-03-26' }

test('each message of a batch has a record of its own, and the whole tells of the first refusal', async () => {
  const { gateway, records, lines } = watched(answer, {
    middleware: [
      (request, context, next) => {
        if (context.message?.name !== 'two') return next(request, context)
        if (context.record !== undefined) {
          context.record.refusal = { by: 'policy', code: 'denied', reason: 'not two' }
          context.record.decision = 'deny'
        }
        return respond('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}')
      },
    ],
  })
  await gateway.fetch(post('/notes/mcp', batch, batchOf('one', 'two', 'three')))
  expect(records).toHaveLength(1)
  const [whole] = records
  expect(whole?.parts).toMatchObject([
    { message: { id: 0, target: 'one' }, status: 200, auth: { clientId: 'app' }, requestId: whole?.requestId },
    { message: { id: 1, target: 'two' }, refusal: { by: 'policy', reason: 'not two' }, decision: 'deny' },
    { message: { id: 2, target: 'three' } },
  ])
  expect(whole?.parts?.[2]?.refusal).toBeUndefined()
  expect(whole).toMatchObject({ refusal: { by: 'policy' }, decision: 'deny', message: { target: 'three' } })
  expect(lines).toMatchObject([{ decision: 'deny', refused_by: 'policy' }])
})

test('several observers hear of a request, and one that fails keeps nobody from the answer', async () => {
  const heard: string[] = []
  const { gateway } = watched(answer, {
    observe: [
      () => {
        throw new Error('broken')
      },
      () => void heard.push('a function'),
      { observe: () => void heard.push('a piece') },
    ],
  })
  expect((await gateway.fetch(post())).status).toBe(200)
  expect(heard).toEqual(['a function', 'a piece'])
})

test('a piece that observes may hold the answer, sees messages, is asked by /ready and closed last', async () => {
  const order: string[] = []
  const { gateway } = watched(
    (_request, { message }) => {
      order.push(`server ${message?.name}`)
      return respond('{"jsonrpc":"2.0","id":7,"result":{}}')
    },
    {
      observe: {
        name: 'audit',
        observe: () => void order.push('observe'),
        hold: async () => {
          order.push('hold')
          return new Response(null, { status: 503 })
        },
        middleware: (request, context, next) => {
          order.push(`message ${context.message?.name}`)
          return next(request, context)
        },
        check: async () => {
          throw new Error('down')
        },
        close: async () => void order.push('close'),
      },
    },
  )
  expect((await gateway.fetch(post())).status).toBe(503)
  expect((await gateway.fetch(post('/notes/mcp', { Authorization: '' }))).status).toBe(503)
  const ready = await gateway.fetch(new Request(`${url}/ready`))
  expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('audit')])
  await gateway.close()
  expect(order).toEqual(['message add', 'server add', 'observe', 'hold', 'observe', 'hold', 'close'])
})

test.each([[1], [{}], [[{ observe: 1 }]], ['text']])('refuses %j as an observer', (observe) => {
  expect(() => watched(answer, { observe: observe as never })).toThrow(
    expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining('observe') }),
  )
})
