import { expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Handler } from '../contract/handler.js'
import { createGateway } from '../gateway/create-gateway.js'
import type { GatewayOptions } from '../gateway/gateway-options.js'
import { respond } from '../http/respond.js'
import { transformResponse } from '../message/transform-response.js'
import { proxy } from '../proxy/proxy.js'
import { requireScopes } from '../resource-server/require-scopes.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { mcpRequest } from '../testing/mcp-request.js'
import { type AuditOptions, createAudit } from './create-audit.js'
import { createEventIds } from './event-id.js'
import { memoryAudit } from './memory-audit.js'
import { safeText } from './safe-text.js'

const url = 'https://mcp.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const issuer = 'https://login.example.com'

/** A server that shows its answers to who is in front, as those of this repository do. */
const local =
  (handler: Handler): Handler =>
  async (request, context) =>
    transformResponse(context, await handler(request, context))

const authority: Authority = {
  issuer,
  protect: () => ({
    verifyAccessToken: async (token): Promise<AuthInfo> => {
      if (token === 'outage') throw new GatewayError('temporarily_unavailable', 'the issuer does not answer')
      if (token !== 'good') throw new GatewayError('invalid_token', 'The token was signed by somebody else')
      const claims = { jti: 'token-7', act: { sub: 'agent', act: { sub: 'planner' } } }
      const extra = { subject: 'ada', issuer, claims }
      return { token, clientId: 'app', scopes: ['read'], expiresAt: Date.now() / 1000 + 60, extra }
    },
  }),
}

function audited(options: { server?: Handler; audit?: Partial<AuditOptions>; gateway?: Partial<GatewayOptions> } = {}) {
  const store = memoryAudit()
  const audit = createAudit({ sink: store, logger: quiet, replica: 'one', batchDelay: 0, ...options.audit })
  const gateway = createGateway({
    url,
    auth: authority,
    servers: { '/notes/mcp': options.server ?? echo },
    logger: quiet,
    observe: audit,
    ...options.gateway,
  })
  const events = async () => {
    await audit.flush()
    return store.events
  }
  /** Asks, and reads the answer to its end. */
  const ask = async (request: Request) => {
    const response = await gateway.fetch(request)
    return { status: response.status, text: await response.text() }
  }
  return { gateway, audit, store, events, ask }
}

/** Answers as the name of the tool says. */
const echo: Handler = (request, context) => {
  const { message } = context
  const answers: Record<string, object> = {
    fail: { result: { isError: true, content: [] } },
    wrong: { error: { code: -32602, message: 'no such tool' } },
  }
  const answer = {
    jsonrpc: '2.0',
    id: message?.id ?? null,
    ...(answers[message?.name ?? ''] ?? { result: { content: [] } }),
  }
  return local(() => respond(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } }))(
    request,
    context,
  )
}

const call = (name: string, more: Partial<Parameters<typeof mcpRequest>[0]> = {}) =>
  mcpRequest({
    url: `${url}/notes/mcp`,
    token: 'good',
    method: 'tools/call',
    params: { name, arguments: { city: 'Paris', secret: 'hunter2-hunter2' } },
    ...more,
  })

test('a call is one event: who, by what, which tool, how it went, how long, and the names of its arguments alone', async () => {
  const { gateway, events } = audited()
  const request = call('add', {
    era: 'modern',
    id: 'seven',
    params: {
      name: 'add',
      arguments: { city: 'Paris', secret: 'hunter2-hunter2' },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
        'io.modelcontextprotocol/clientInfo': { name: 'editor', version: '2.1' },
      },
    },
    headers: {
      'X-Request-Id': 'request-1',
      'User-Agent': 'test/1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
  })
  await (await gateway.handle(request, { client: { address: '192.0.2.1' } })).text()
  const all = await events()
  expect(all).toHaveLength(1)
  expect(all[0]).toEqual({
    id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
    ts: expect.any(Number),
    type: 'tool_call',
    outcome: 'ok',
    subjectIss: issuer,
    subjectId: 'ada',
    clientId: 'app',
    clientName: 'editor',
    clientVersion: '2.1',
    credentialId: 'token-7',
    actor: ['agent', 'planner'],
    server: `${url}/notes/mcp`,
    method: 'tools/call',
    targetType: 'tool',
    target: 'add',
    era: 'modern',
    protocolVersion: '2026-07-28',
    requestId: 'request-1',
    jsonrpcId: 'seven',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    durationMs: expect.any(Number),
    requestBytes: expect.any(Number),
    responseBytes: expect.any(Number),
    argumentKeys: ['city', 'secret'],
    ip: '192.0.2.1',
    userAgent: 'test/1',
    replica: 'one',
    v: 1,
  })
  expect(Math.abs((all[0]?.ts ?? 0) - Date.now())).toBeLessThan(5000)
  expect(JSON.stringify(all)).not.toMatch(/Paris|hunter2|good/)
})

test.each<[string, Request, object, Partial<GatewayOptions>]>([
  ['a tool that failed', call('fail'), { type: 'tool_call', outcome: 'tool_error' }, {}],
  ['an error of the server', call('wrong'), { type: 'tool_call', outcome: 'protocol_error', code: '-32602' }, {}],
  [
    'no token',
    call('add', { token: undefined }),
    { type: 'authentication', outcome: 'unauthenticated', code: 'unauthorized', method: 'POST /notes/mcp' },
    {},
  ],
  [
    'a refused token',
    call('add', { token: 'bad' }),
    {
      type: 'authentication',
      outcome: 'unauthenticated',
      code: 'invalid_token',
      reason: 'The token was signed by somebody else',
    },
    {},
  ],
  [
    'an outage of the issuer',
    call('add', { token: 'outage' }),
    { outcome: 'error', code: 'temporarily_unavailable' },
    {},
  ],
  [
    'a foreign Origin',
    call('add', { headers: { Origin: 'https://evil.example' } }),
    { type: 'request', outcome: 'denied', code: 'foreign_origin' },
    {},
  ],
  [
    'a missing scope',
    call('add'),
    { type: 'authorization', outcome: 'step_up', reason: 'needs write', target: 'add', subjectId: 'ada' },
    { middleware: [requireScopes({ operations: { 'tools/call': ['write'] } })] },
  ],
  [
    'a message that is none',
    new Request(`${url}/notes/mcp`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good' },
      body: '{"jsonrpc":"2.0"}',
    }),
    { type: 'request', outcome: 'invalid', code: '-32600', subjectId: 'ada' },
    {},
  ],
  [
    'a rate limit',
    call('add'),
    { type: 'request', outcome: 'denied', code: 'too_many_requests' },
    { storage: memoryStorage(), rateLimits: { address: { limit: 1, window: 60 } }, addressHeader: 'x-address' },
  ],
  [
    'an upstream that cannot be reached',
    call('add'),
    { type: 'tool_call', outcome: 'upstream_down', code: 'upstream_unreachable', upstreamMs: expect.any(Number) },
    {
      servers: {
        '/notes/mcp': proxy('http://notes.internal/mcp', {
          fetch: async () => {
            throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
          },
        }),
      },
    },
  ],
  [
    'a decision of a policy',
    call('add'),
    { type: 'authorization', outcome: 'denied', code: 'denied', policy: ['rule-1'], reason: 'not you', target: 'add' },
    {
      middleware: [
        (_request, { record }) => {
          if (record !== undefined) {
            record.policies = ['rule-1']
            record.refusal = { by: 'policy', code: 'denied', reason: 'not you' }
            record.decision = 'deny'
          }
          return respond('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}')
        },
      ],
    },
  ],
])('what is refused or fails is an event too: %s', async (_what, request, event, options) => {
  const { ask, events } = audited({ gateway: options })
  if (options.rateLimits !== undefined) request.headers.set('x-address', '192.0.2.1')
  await ask(request)
  if (options.rateLimits !== undefined) {
    const again = call('add')
    again.headers.set('x-address', '192.0.2.1')
    await ask(again)
  }
  const all = await events()
  expect(all.at(-1)).toMatchObject(event)
})

test('each call of a batch has its event', async () => {
  const { ask, events } = audited()
  const batch = ['add', 'fail', 'wrong'].map((name, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name },
  }))
  await ask(
    new Request(`${url}/notes/mcp`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: 'Bearer good',
        'MCP-Protocol-Version': '2025-03-26',
      },
      body: JSON.stringify(batch),
    }),
  )
  expect(await events()).toMatchObject([
    { target: 'add', jsonrpcId: '0', outcome: 'ok', subjectId: 'ada' },
    { target: 'fail', jsonrpcId: '1', outcome: 'tool_error' },
    { target: 'wrong', jsonrpcId: '2', outcome: 'protocol_error', code: '-32602' },
  ])
})

test('a stream is an event when it ends, and tells whether the answer came', async () => {
  const encoder = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const server: Handler = (request, context) =>
    local(() => {
      const body = new ReadableStream<Uint8Array>({
        start: (given) => {
          controller = given
        },
      })
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
    })(request, context)
  const { gateway, events } = audited({ server })
  const first = await gateway.fetch(call('add'))
  expect(await events()).toEqual([])
  controller?.enqueue(encoder.encode('data: {"jsonrpc":"2.0","id":1,"result":{"isError":true}}\n\n'))
  controller?.close()
  await first.text()
  expect(await events()).toMatchObject([{ target: 'add', outcome: 'tool_error' }])

  const second = await gateway.fetch(call('add'))
  controller?.close()
  await second.text()
  expect((await events())[1]).toMatchObject({ outcome: 'upstream_down' })

  const gone = new AbortController()
  const third = await gateway.fetch(new Request(call('add'), { signal: gone.signal }))
  gone.abort()
  await third.body?.cancel()
  expect((await events())[2]).toMatchObject({ outcome: 'cancelled' })

  const fourth = await gateway.fetch(call('add', { id: 9 }))
  await gateway
    .fetch(
      new Request(`${url}/notes/mcp`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good' },
        body: '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}',
      }),
    )
    .then((response) => response.body?.cancel())
  await fourth.body?.cancel()
  expect((await events()).at(-1)).toMatchObject({ outcome: 'cancelled', jsonrpcId: '9' })
})

test('lists, pings and metadata are no events unless they are asked for or fail, and paths that lead nowhere never are', async () => {
  const { ask, events } = audited()
  for (const method of ['tools/list', 'ping']) await ask(call('add', { method, params: {} }))
  await ask(new Request(`${url}/.well-known/oauth-protected-resource/notes/mcp`))
  await ask(new Request(`${url}/nowhere`))
  expect(await events()).toEqual([])
  const more = audited({ audit: { successes: ['list', 'authentication', 'authorization'] } })
  await more.ask(call('add', { method: 'tools/list', params: {} }))
  const [authentication, list] = await more.events()
  expect(list).toMatchObject({ type: 'list', outcome: 'ok' })
  expect(authentication).toMatchObject({ type: 'authentication', outcome: 'ok', subjectId: 'ada', parentId: list?.id })
})

test('arguments and results are kept where they are asked for, without credentials, and cut', async () => {
  const { ask, events } = audited({ audit: { arguments: true, results: true, maxContentBytes: 200 } })
  const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'
  const params = { name: 'add', arguments: { password: 'hunter2', note: `Bearer ${jwt}`, long: 'ä'.repeat(300) } }
  await ask(call('add', { params }))
  const [event] = await events()
  expect(event).toMatchObject({ truncated: true, result: '{"content":[]}' })
  expect(event?.arguments).toMatch(/^\{"password":"\[redacted\]","note":"Bearer \[redacted\]"/)
  expect(new TextEncoder().encode(event?.arguments).length).toBeLessThanOrEqual(202)
  expect(JSON.stringify(event)).not.toMatch(/hunter2|eyJ/)
})

test('contents of a large message are not kept, however few would be', async () => {
  const { ask, events } = audited({ audit: { arguments: true } })
  const given = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`key ${index}`, 'value']))
  await ask(call('add', { params: { name: 'add', arguments: given } }))
  const [event] = await events()
  expect(event).toMatchObject({ arguments: expect.stringMatching(/^\[of a message of \d+ bytes\]$/), truncated: true })
  expect(event?.argumentKeys).toHaveLength(64)
})

test.each([
  ['a name of 1 MB', 'x'.repeat(1_000_000)],
  ['half of a surrogate pair', 'a\ud800b'],
  ['a formula', '=HYPERLINK("https://evil.example")'],
  ['a credential', `sk-${'a1'.repeat(20)}`],
])('a tool that is named by a stranger: %s', async (_what, name) => {
  const { ask, events } = audited()
  await ask(call('add', { params: { name, arguments: { [name]: 1, 'a\0b': 2 } } }))
  const [event] = await events()
  expect(event).toBeDefined()
  expect(JSON.stringify(event).length).toBeLessThan(2000)
  expect(JSON.stringify(event)).not.toMatch(/\\u0000|\\ud800|sk-a1/)
})

test('what looks like a credential is found before the text is cut', () => {
  const jwt = `eyJhbGciOiJSUzI1NiJ9.${'a'.repeat(40)}.sig`
  expect(safeText(`${'x '.repeat(20)}${jwt}`, 45)).not.toContain('eyJ')
})

test('ids grow when the clock goes back, and durations do not depend on it', async () => {
  let now = 1_800_000_000_000
  const next = createEventIds(() => now)
  const ids = [next(), next()]
  now -= 3_600_000
  for (let count = 0; count < 10_000; count++) ids.push(next())
  now += 7_200_000
  ids.push(next())
  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids).size).toBe(ids.length)

  const { ask, events } = audited({
    server: (request, context) => {
      vi.setSystemTime(Date.now() - 3_600_000)
      return echo(request, context)
    },
  })
  vi.useFakeTimers({ toFake: ['Date'] })
  await ask(call('add'))
  vi.useRealTimers()
  const [event] = await events()
  expect(event?.durationMs).toBeGreaterThanOrEqual(0)
  expect(event?.durationMs).toBeLessThan(5000)
})

test('what an authorization server tells is an event, and its refusals are told once', async () => {
  const { audit, events, ask } = audited({
    gateway: {
      auth: {
        ...authority,
        match: (request) => new URL(request.url).pathname === '/token',
        handle: (_request, { record, requestId }) => {
          if (record !== undefined) record.refusal = { by: 'oauth-server', code: 'invalid_grant' }
          if (asksTwice) audit.onEvent({ type: 'token_refused', issuer, error: 'invalid_grant', requestId })
          return new Response(null, { status: 400 })
        },
      },
    },
  })
  let asksTwice = true
  await ask(new Request(`${url}/token`, { method: 'POST' }))
  expect(await events()).toMatchObject([
    { type: 'authentication', outcome: 'denied', method: 'oauth/token_refused', code: 'invalid_grant' },
  ])
  asksTwice = false
  await ask(new Request(`${url}/token`, { method: 'POST' }))
  expect((await events())[1]).toMatchObject({ type: 'authentication', outcome: 'invalid', method: 'POST /token' })
  audit.onEvent({
    type: 'login',
    issuer,
    subject: 'github|1',
    clientId: 'app',
    provider: 'github',
    clientAddress: '::1',
  })
  audit.onEvent({ type: 'client_registered', issuer, clientId: 'app' })
  expect((await events()).slice(2)).toMatchObject([
    { type: 'authentication', outcome: 'ok', subjectId: 'github|1', subjectIss: issuer, ip: '::1' },
    { type: 'admin', outcome: 'ok', method: 'oauth/client_registered' },
  ])
})

test('users with long names are not taken for one', async () => {
  const long = 'x'.repeat(300)
  const { audit, events } = audited()
  audit.onEvent({ type: 'login', subject: `${long}1` })
  audit.onEvent({ type: 'login', subject: `${long}2` })
  const [one, two] = await events()
  expect(one?.subjectId).toMatch(/^sha256:/)
  expect(one?.subjectId).not.toBe(two?.subjectId)
})
