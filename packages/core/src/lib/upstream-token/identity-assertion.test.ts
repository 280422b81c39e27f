import { generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { afterEach, expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { proxy } from '../proxy/proxy.js'
import { type IdentityAssertionOptions, identityAssertion } from './identity-assertion.js'

afterEach(() => void vi.useRealTimers())

const idp = 'https://idp.example.com'
const issuer = 'https://login.wiki.example'
const resource = 'https://wiki.example/mcp'
const type = 'urn:ietf:params:oauth:token-type:id-jag'
const { privateKey } = await generateKeyPair('ES256')

/** What differs from what was asked for. */
interface Wrong {
  readonly claims?: JWTPayload
  readonly typ?: string
  readonly answer?: Record<string, unknown>
  readonly refusal?: (url: string) => Response | undefined
}

/** An identity provider and the upstream's authorization server. */
function servers({ claims, typ = 'oauth-id-jag+jwt', answer, refusal }: Wrong = {}) {
  const sent: { url: string; form: Record<string, string>; authorization: string | null }[] = []
  const fetch: IdentityAssertionOptions['fetch'] = async (input, init) => {
    const url = String(input)
    const server = url.startsWith(idp) ? idp : issuer
    if (url.includes('/.well-known/')) return Response.json({ issuer: server, token_endpoint: `${server}/token` })
    const form = Object.fromEntries(new URLSearchParams(String(init?.body)))
    sent.push({ url, form, authorization: new Headers(init?.headers).get('authorization') })
    const refused = refusal?.(server)
    if (refused !== undefined) return refused
    if (server === issuer) {
      return Response.json({ access_token: `for-wiki-${sent.length}`, token_type: 'Bearer', expires_in: 300 })
    }
    const now = Math.floor(Date.now() / 1000)
    const all = {
      iss: idp,
      aud: issuer,
      sub: 'alice',
      client_id: 'gateway-at-wiki',
      jti: 'x',
      resource,
      iat: now,
      exp: now + 60,
    }
    const jwt = await new SignJWT({ ...all, ...claims }).setProtectedHeader({ alg: 'ES256', typ }).sign(privateKey)
    return Response.json({ issued_token_type: type, access_token: jwt, token_type: 'N_A', expires_in: 60, ...answer })
  }
  const options: IdentityAssertionOptions = {
    identityProvider: { issuer: idp, clientId: 'gateway', clientSecret: 'secret-at-idp', fetch },
    issuer,
    clientId: 'gateway-at-wiki',
    clientSecret: 'secret-at-wiki',
    resource,
    scope: 'read',
    fetch,
  }
  return { sent, options, atWiki: () => sent.filter(({ url }) => url.startsWith(issuer)) }
}

const caller = (subject: string, token = `token-of-${subject}`): AuthInfo => ({
  token,
  clientId: 'app',
  scopes: [],
  expiresAt: Date.now() / 1000 + 3600,
  extra: { issuer: idp, subject },
})

test('the identity provider vouches for the caller, and the upstream gets a token of its own issuer [attack 148]', async () => {
  const { sent, options } = servers()
  const seen: (string | null)[] = []
  const upstream = async (_url: string, init: RequestInit) => {
    seen.push(new Headers(init.headers).get('authorization'))
    return Response.json({ jsonrpc: '2.0', id: 1, result: {} })
  }
  const handler = compose([message()], proxy(resource, { token: identityAssertion(options), fetch: upstream }))
  const request = new Request('https://mcp.example.com/mcp', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer token-of-alice' },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  })
  expect((await handler(request, { auth: caller('alice') })).status).toBe(200)
  expect(seen).toEqual(['Bearer for-wiki-2'])
  expect(sent.map(({ form }) => form)).toEqual([
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: type,
      subject_token: 'token-of-alice',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: issuer,
      resource,
      scope: 'read',
    },
    { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: expect.stringMatching(/^eyJ/) },
  ])
  // Each server sees the client that it knows
  expect(sent.map(({ authorization }) => decodeURIComponent(atob(authorization?.slice(6) ?? '')))).toEqual([
    'gateway:secret-at-idp',
    'gateway-at-wiki:secret-at-wiki',
  ])
})

test('one user is asked for once, whatever token they come with, and each user for themselves', async () => {
  const { options, atWiki } = servers()
  const token = identityAssertion(options)
  const get = (auth: AuthInfo) => token.get({ auth })
  const all = await Promise.all([get(caller('alice')), get(caller('alice', 'another')), get(caller('bob'))])
  expect(all[0]).toBe(all[1])
  expect(all[2]).not.toBe(all[0])
  expect(atWiki()).toHaveLength(2)
  await token.drop({ auth: caller('alice') }, all[0], false)
  expect(await get(caller('alice'))).not.toBe(all[0])
  vi.useFakeTimers({ now: Date.now() + 271_000, toFake: ['Date'] })
  await get(caller('bob'))
  expect(atWiki()).toHaveLength(4)
})

test('an ID token, where one is kept, is what is exchanged', async () => {
  const { sent, options } = servers()
  const idToken = 'urn:ietf:params:oauth:token-type:id_token'
  const token = identityAssertion({ ...options, subjectToken: async () => ({ token: 'an-id-token', type: idToken }) })
  await token.get({ auth: { ...caller('alice'), extra: { issuer: 'https://mcp.example.com', subject: 'alice' } } })
  expect(sent[0]?.form).toMatchObject({ subject_token: 'an-id-token', subject_token_type: idToken })
})

test('a token of another issuer is not shown to the identity provider, and without a caller nothing is asked', async () => {
  const { sent, options } = servers()
  const token = identityAssertion(options)
  const auth = { ...caller('alice'), extra: { issuer: 'https://mcp.example.com', subject: 'alice' } }
  await expect(token.get({ auth })).rejects.toMatchObject({ code: 'invalid_configuration' })
  await expect(token.get({})).rejects.toMatchObject({ code: 'invalid_configuration' })
  expect(sent).toEqual([])
})

const day = 86_400
test.each<[string, Wrong]>([
  ['another typ', { typ: 'JWT' }],
  ['the typ of an access token', { typ: 'at+jwt' }],
  ['another issuer', { claims: { iss: 'https://evil.example' } }],
  ['another audience', { claims: { aud: 'https://evil.example' } }],
  ['two audiences', { claims: { aud: [issuer, 'https://evil.example'] } }],
  ['no audience', { claims: { aud: undefined } }],
  ['another client', { claims: { client_id: 'gateway' } }],
  ['another resource', { claims: { resource: 'https://other.example/mcp' } }],
  ['one resource too many', { claims: { resource: [resource, 'https://other.example/mcp'] } }],
  ['no user', { claims: { sub: undefined } }],
  ['an end in the past', { claims: { exp: Math.floor(Date.now() / 1000) - day } }],
  ['another issued type', { answer: { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' } }],
  ['a token type that can be used', { answer: { token_type: 'Bearer' } }],
  ['something that is no JWT', { answer: { access_token: 'opaque' } }],
])('an assertion with %s is shown to nobody', async (_what, wrong) => {
  const { options, atWiki } = servers(wrong)
  const got = identityAssertion(options).get({ auth: caller('alice') })
  await expect(got).rejects.toMatchObject({ code: 'outbound_refused' })
  expect(atWiki()).toEqual([])
})

test.each([
  ['the identity provider', idp],
  ["the upstream's issuer", issuer],
])('what %s refuses is 502, and when it is down 503', async (_who, server) => {
  let answer = Response.json({ error: 'access_denied' }, { status: 400 })
  const { options } = servers({ refusal: (url) => (url === server ? answer : undefined) })
  const token = identityAssertion(options)
  await expect(token.get({ auth: caller('alice') })).rejects.toMatchObject({ code: 'outbound_refused', status: 502 })
  answer = new Response(null, { status: 503 })
  await expect(token.get({ auth: caller('alice') })).rejects.toMatchObject({ code: 'temporarily_unavailable' })
})

test.each<Partial<IdentityAssertionOptions>>([
  { resource: '' },
  { clientSecret: '' },
  { issuer: 'http://login.wiki.example' },
  { identityProvider: { issuer: idp, clientId: 'gateway', clientSecret: '' } },
])('%j is refused at construction', (wrong) => {
  expect(() => identityAssertion({ ...servers().options, ...wrong })).toThrow(
    expect.objectContaining({ code: 'invalid_configuration' }),
  )
})
