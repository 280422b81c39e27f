import { afterEach, expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Handler } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from '../proxy/proxy.js'
import { clientCredentials } from './client-credentials.js'
import type { UpstreamIssuerOptions } from './token-endpoint.js'
import { tokenExchange } from './token-exchange.js'

afterEach(() => void vi.useRealTimers())

const issuer = 'https://login.example.com'

/** A token endpoint that numbers its tokens. */
function fakeEndpoint(answer: (form: URLSearchParams, count: number) => Response | undefined = () => undefined) {
  const forms: URLSearchParams[] = []
  const headers: Headers[] = []
  const options: UpstreamIssuerOptions = {
    issuer,
    clientId: 'gateway',
    clientSecret: 'gateway-secret',
    fetch: async (url, init) => {
      if (String(url).includes('/.well-known/')) return Response.json({ issuer, token_endpoint: `${issuer}/token` })
      const form = new URLSearchParams(String(init?.body))
      const count = forms.push(form)
      headers.push(new Headers(init?.headers))
      await new Promise((resolve) => setTimeout(resolve, 1))
      const token = {
        access_token: `token-${count}`,
        token_type: 'Bearer',
        expires_in: 300,
        issued_token_type: 'x',
      }
      return answer(form, count) ?? Response.json(token)
    },
  }
  return { forms, headers, options }
}

const user = (token: string): AuthInfo => ({ token, clientId: 'app', scopes: [], expiresAt: Date.now() / 1000 + 3600 })

test('client credentials: one token for all, asked for once and again shortly before its end', async () => {
  const { forms, headers, options } = fakeEndpoint()
  const token = clientCredentials({ ...options, scope: 'notes', resource: 'https://notes.example.com/mcp' })
  expect(await Promise.all([token.get({}), token.get({ auth: user('a') }), token.get({})])).toEqual([
    'token-1',
    'token-1',
    'token-1',
  ])
  expect(Object.fromEntries(forms[0] as URLSearchParams)).toEqual({
    grant_type: 'client_credentials',
    scope: 'notes',
    resource: 'https://notes.example.com/mcp',
  })
  expect(headers[0]?.get('authorization')).toMatch(/^Basic /)
  vi.useFakeTimers({ now: Date.now() + 269_000, toFake: ['Date'] })
  expect(await token.get({})).toBe('token-1')
  vi.setSystemTime(Date.now() + 2000)
  expect(await token.get({})).toBe('token-2')
})

test('exchange: each caller gets a token of their own, for theirs', async () => {
  const { forms, options } = fakeEndpoint()
  const token = tokenExchange({ ...options, audience: 'notes' })
  const [ada, again, bob] = await Promise.all(
    [user('ada'), user('ada'), user('bob')].map((auth) => token.get({ auth })),
  )
  expect(again).toBe(ada)
  expect(bob).not.toBe(ada)
  expect(Object.fromEntries(forms[0] as URLSearchParams)).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: 'notes',
    subject_token: 'ada',
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  })
  await expect(token.get({})).rejects.toMatchObject({ code: 'invalid_configuration' })
})

test('exchange: callers whose proxy tells no token share none', async () => {
  const { forms, options } = fakeEndpoint()
  const token = tokenExchange(options)
  for (const name of ['ada', 'bob']) {
    const auth = { ...user(name), token: '' }
    await expect(token.get({ auth })).rejects.toMatchObject({ code: 'invalid_configuration' })
  }
  expect(forms).toEqual([])
})

test('what was exchanged for a token is not used longer than that token', async () => {
  const { forms, options } = fakeEndpoint()
  const token = tokenExchange(options)
  const auth = { ...user('ada'), expiresAt: Date.now() / 1000 + 10 }
  await token.get({ auth })
  vi.useFakeTimers({ now: Date.now() + 6000, toFake: ['Date'] })
  await token.get({ auth })
  expect(forms).toHaveLength(2)
})

test.each([
  ['refuses', () => Response.json({ error: 'invalid_target' }, { status: 400 }), 'outbound_refused'],
  ['is down', () => new Response('', { status: 503 }), 'temporarily_unavailable'],
  ['talks nonsense', () => Response.json({ hello: 1 }), 'outbound_refused'],
  ['binds the token to a key', () => Response.json({ access_token: 'x', token_type: 'DPoP' }), 'outbound_refused'],
] as const)(
  'an issuer that %s is an error of the gateway, and is asked again the next time',
  async (_what, answer, code) => {
    const { forms, options } = fakeEndpoint((_form, count) => (count === 1 ? answer() : undefined))
    const token = clientCredentials(options)
    await expect(token.get({})).rejects.toMatchObject({ code })
    expect(await token.get({})).toBe('token-2')
    expect(forms).toHaveLength(2)
  },
)

test.each<Partial<UpstreamIssuerOptions>>([
  { clientSecret: '' },
  { clientId: '' },
  { issuer: 'http://login.example.com' },
])('%j is refused at construction', (wrong) => {
  expect(() => clientCredentials({ ...fakeEndpoint().options, ...wrong })).toThrow(GatewayError)
})

function call(handler: Handler, auth?: AuthInfo): Promise<Response> | Response {
  const body = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
  const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer caller' }
  const request = new Request('https://mcp.example.com/mcp', { method: 'POST', headers, body })
  return compose([message()], handler)(request, auth === undefined ? {} : { auth })
}

/** An upstream that takes some tokens only. */
function upstream(accepts: (token: string) => boolean) {
  const seen: string[] = []
  return {
    seen,
    fetch: async (_url: string, init: RequestInit) => {
      const token = new Headers(init.headers).get('authorization') ?? ''
      seen.push(token)
      return accepts(token) ? Response.json({ jsonrpc: '2.0', id: 7, result: {} }) : new Response(null, { status: 401 })
    },
  }
}

test("the upstream gets its own token and never the caller's [attack 148]", async () => {
  const { seen, fetch } = upstream(() => true)
  const response = await call(
    proxy('https://up.example/mcp', { token: tokenExchange(fakeEndpoint().options), fetch }),
    user('caller'),
  )
  expect(response.status).toBe(200)
  expect(seen).toEqual(['Bearer token-1'])
})

test('a token that the upstream refuses is replaced once, and then it is 502', async () => {
  const revoked = upstream((token) => token !== 'Bearer token-1')
  const token = clientCredentials(fakeEndpoint().options)
  expect((await call(proxy('https://up.example/mcp', { token, fetch: revoked.fetch }))).status).toBe(200)
  expect(revoked.seen).toEqual(['Bearer token-1', 'Bearer token-2'])
  const never = upstream(() => false)
  expect((await call(proxy('https://up.example/mcp', { token, fetch: never.fetch }))).status).toBe(502)
  expect(never.seen).toEqual(['Bearer token-2', 'Bearer token-3'])
})
