import { type AuthInfo, type Authority, GatewayError, type RequestRecord } from '@mcp-gateway/core'
import { createLogger } from '@mcp-gateway/core/logging'
import { expect, test } from 'vitest'
import { createForwardAuth } from './create-forward-auth.js'
import type { ForwardAuthOptions } from './forward-auth-options.js'

const url = 'https://mcp.example.com'

const authority: Authority = {
  issuer: 'https://login.example.com',
  match: (request) => new URL(request.url).pathname === '/token',
  handle: () => Response.json({ error: 'invalid_grant' }, { status: 400 }),
  protect: () => ({
    verifyAccessToken: async (token): Promise<AuthInfo> => {
      if (token === 'outage') throw new GatewayError('temporarily_unavailable', 'the issuer is away')
      const cause = { seen: 'https://other.example', expected: [`${url}/notes/mcp`] }
      if (token !== 'good') throw new GatewayError('invalid_token', 'The token is for another audience', { cause })
      const extra = { issuer: 'https://login.example.com', subject: 'ada' }
      return { token, clientId: 'app', scopes: ['notes'], expiresAt: Date.now() / 1000 + 60, extra }
    },
  }),
}

function watched(options: Partial<ForwardAuthOptions> = {}) {
  const lines: Record<string, unknown>[] = []
  const records: RequestRecord[] = []
  const app = createForwardAuth({
    url,
    auth: authority,
    dialect: 'forwarded',
    servers: { '/notes/mcp': { requiredScopes: ['notes'] }, '/admin/mcp': { requiredScopes: ['notes', 'admin'] } },
    logger: createLogger({ write: (line) => void lines.push(JSON.parse(line)) }),
    observe: (record) => void records.push(record),
    ...options,
  })
  const ask = (path: string, token?: string, headers: Record<string, string> = {}) =>
    app.handle(
      new Request('http://127.0.0.1:9100/auth', {
        headers: {
          'X-Forwarded-Method': 'POST',
          'X-Forwarded-Proto': 'https',
          'X-Forwarded-Host': 'mcp.example.com',
          'X-Forwarded-Uri': path,
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...headers,
        },
      }),
      { client: { address: '192.0.2.1' } },
    )
  return { app, ask, lines, records }
}

test('a request that may pass is one line, with the fields of the gateway', async () => {
  const { ask, lines, records } = watched()
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const response = await ask('/notes/mcp?q=secret', 'good', { 'X-Request-Id': 'request-1', traceparent })
  expect(response.status).toBe(200)
  expect(lines).toEqual([
    {
      timestamp: expect.any(String),
      level: 'info',
      message: 'request',
      service: 'forward-auth',
      request_id: 'request-1',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      http_method: 'POST',
      path: '/notes/mcp',
      status: 200,
      decision: 'allow',
      latency_ms: expect.any(Number),
      client_address: '192.0.2.1',
      client_id: 'app',
      user_sub: expect.stringMatching(/^[\da-f]{16}$/),
      resource: `${url}/notes/mcp`,
    },
  ])
  expect(records).toMatchObject([{ status: 200, decision: 'allow', auth: { clientId: 'app' } }])
})

test.each<[string, string, string | undefined, object]>([
  ['no token', '/notes/mcp', undefined, { status: 401, error_code: 'unauthorized', refused_by: 'bearerAuth' }],
  [
    'a token for another audience',
    '/notes/mcp',
    'bad',
    { error_code: 'invalid_token', reason: 'The token is for another audience', seen: 'https://other.example' },
  ],
  [
    'a missing scope',
    '/admin/mcp',
    'good',
    { status: 403, error_code: 'insufficient_scope', client_id: 'app', missing_scopes: ['admin'] },
  ],
  ['a path with two readings', '/notes%2fmcp', 'good', { status: 400, refused_by: 'forwardAuth', path: '' }],
  ['a path that is nobody’s', '/eyJwYXN0ZWQi', 'good', { status: 401, path: '' }],
])('%s is one line at info that says why', async (_what, path, token, fields) => {
  const { ask, lines } = watched()
  await ask(path, token)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({ level: 'info', service: 'forward-auth', decision: 'deny', ...fields })
  expect(JSON.stringify(lines)).not.toContain('eyJ')
})

test('what cannot be decided is a line at error, and a refusal of a policy names the policy', async () => {
  const outage = watched()
  await outage.ask('/notes/mcp', 'outage')
  expect(outage.lines.at(-1)).toMatchObject({
    level: 'error',
    status: 503,
    decision: 'error',
    reason: 'the issuer is away',
  })
  const policy = async () => ({ allow: false, reason: 'not on Sundays' }) as const
  const refusing = watched({ servers: { '/notes/mcp': { policy, olderRevisions: 'whole-server' } } })
  await refusing.ask('/notes/mcp', 'good')
  expect(refusing.lines.at(-1)).toMatchObject({
    status: 403,
    refused_by: 'policy',
    reason: 'not on Sundays',
    client_id: 'app',
  })
})

test('what is served besides decisions has lines too, and health checks have none', async () => {
  const { app, lines } = watched()
  await app.fetch(new Request(`${url}/token`, { method: 'POST' }))
  await app.fetch(new Request(`${url}/pasted-token`))
  await app.fetch(new Request(`${url}/health`))
  expect(lines).toMatchObject([
    { path: '/token', status: 400 },
    { path: '', status: 401 },
  ])
  expect(lines).toHaveLength(2)
})
