import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import { createOAuthClient } from './create-oauth-client.js'
import type { OAuthClientOptions } from './oauth-client-options.js'

const issuer = 'https://login.example.com'
const redirectUri = 'https://mcp.example.com/callback/oidc'
const { privateKey, publicKey } = await generateKeyPair('RS256')
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] }
const metadata = {
  issuer,
  authorization_endpoint: `${issuer}/authorize?tenant=a`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  authorization_response_iss_parameter_supported: true,
}

function idToken(claims: JWTPayload): Promise<string> {
  return new SignJWT({ sub: 'alice', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer(issuer)
    .setAudience('gateway')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey)
}

interface Sent {
  url: string
  form: URLSearchParams
  authorization: string | null
}

/** A client, and a provider that answers what it is told to. */
function start(
  options: Partial<OAuthClientOptions> = {},
  answers: Record<string, (form: URLSearchParams) => Response | Promise<Response>> = {},
) {
  const sent: Sent[] = []
  const client = createOAuthClient({
    issuer,
    clientId: 'gateway',
    clientSecret: 'secret',
    scope: 'openid profile',
    fetch: async (input, init) => {
      const url = String(input)
      const form = new URLSearchParams(String(init?.body ?? ''))
      sent.push({ url, form, authorization: new Headers(init?.headers).get('authorization') })
      const answer = answers[url]
      if (answer) return answer(form)
      if (url === `${issuer}/.well-known/openid-configuration`) return Response.json(metadata)
      if (url === `${issuer}/jwks`) return Response.json(jwks)
      return new Response('', { status: 404 })
    },
    ...options,
  })
  return { client, sent }
}

/** Begins, and answers with a code as the provider would. */
async function callback(client: ReturnType<typeof start>['client'], more: Record<string, string> = {}) {
  const { url, memo } = await client.begin({ redirectUri, state: 'a-state' })
  const parameters = new URLSearchParams({ code: 'a-code', state: 'a-state', iss: issuer, ...more })
  return { url: new URL(url), memo, state: 'a-state', redirectUri, parameters }
}

test('sends the browser with PKCE, a nonce, the state, and what the endpoint had in its query', async () => {
  const { client } = start()
  const { url } = await client.begin({
    redirectUri,
    state: 'a-state',
    parameters: { prompt: 'login', client_id: 'other' },
  })
  expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
    tenant: 'a',
    prompt: 'login',
    response_type: 'code',
    client_id: 'gateway',
    redirect_uri: redirectUri,
    scope: 'openid profile',
    state: 'a-state',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
    nonce: expect.any(String),
  })
})

test('gets tokens and the claims of a checked ID token', async () => {
  let nonce = ''
  const { client, sent } = start(
    {},
    {
      [`${issuer}/token`]: async () =>
        Response.json({
          access_token: 'at',
          token_type: 'bearer',
          expires_in: 60,
          refresh_token: 'rt',
          scope: 'openid',
          id_token: await idToken({ nonce }),
        }),
    },
  )
  const answer = await callback(client)
  nonce = answer.url.searchParams.get('nonce') ?? ''
  expect(await client.complete(answer)).toEqual({
    accessToken: 'at',
    refreshToken: 'rt',
    expiresIn: 60,
    scope: 'openid',
    idToken: expect.objectContaining({ sub: 'alice' }),
  })
  const request = sent.find(({ url }) => url === `${issuer}/token`)
  expect(request?.authorization).toMatch(/^Basic /)
  expect(request?.form.get('code_verifier')).toMatch(/^[\w-]{43}$/)
})

test('reads the metadata once, and at the first use', async () => {
  const { client, sent } = start()
  expect(sent).toEqual([])
  await Promise.all([client.begin({ redirectUri, state: 'a' }), client.begin({ redirectUri, state: 'b' })])
  expect(sent).toHaveLength(1)
})

test('falls back to RFC 8414 metadata, and asks nobody where endpoints are given', async () => {
  const oauth = start(
    { scope: 'read' },
    {
      [`${issuer}/.well-known/openid-configuration`]: () => new Response('', { status: 404 }),
      [`${issuer}/.well-known/oauth-authorization-server`]: () => Response.json(metadata),
    },
  )
  expect((await oauth.client.begin({ redirectUri, state: 'a' })).url).toContain(`${issuer}/authorize`)
  const given = start({ scope: 'read', endpoints: { authorization: `${issuer}/a`, token: `${issuer}/t` } })
  const { url } = await given.client.begin({ redirectUri, state: 'a' })
  expect(url).toContain(`${issuer}/a?`)
  expect(new URL(url).searchParams.has('nonce')).toBe(false)
  expect(given.sent).toEqual([])
})

describe('refresh', () => {
  test('trades a token in', async () => {
    const { client, sent } = start(
      { authentication: 'client_secret_post' },
      {
        [`${issuer}/token`]: () => Response.json({ access_token: 'new', token_type: 'bearer', refresh_token: 'rt2' }),
      },
    )
    expect(await client.refresh('rt1')).toEqual({ accessToken: 'new', refreshToken: 'rt2' })
    expect(Object.fromEntries(sent.at(-1)?.form ?? [])).toMatchObject({ refresh_token: 'rt1', client_secret: 'secret' })
  })

  test.each([
    ['invalid_grant', () => Response.json({ error: 'invalid_grant' }, { status: 400 })],
    ['bad_refresh_token', () => Response.json({ error: 'bad_refresh_token' })],
    ['temporarily_unavailable', () => Response.json({ error: 'server_error' }, { status: 500 })],
    ['temporarily_unavailable', () => new Response('oops', { status: 502 })],
    ['invalid_response', () => new Response('<html>', { status: 200, headers: { 'content-type': 'text/html' } })],
    ['temporarily_unavailable', () => Promise.reject(new GatewayError('temporarily_unavailable', 'no answer'))],
  ])('tells %s apart', async (error, answer) => {
    const { client } = start({}, { [`${issuer}/token`]: answer })
    await expect(client.refresh('rt1')).rejects.toMatchObject({ name: 'OAuthClientError', error })
  })
})

describe('an answer that is not for us', () => {
  test.each([
    ['another state', { state: 'other' }, 'invalid_response'],
    ['another iss', { iss: 'https://evil.example.com' }, 'invalid_response'],
    ['an error', { error: 'access_denied' }, 'access_denied'],
  ])('%s is %s', async (_, more, error) => {
    const { client, sent } = start()
    const answer = await callback(client, more)
    if ('error' in more) answer.parameters.delete('code')
    await expect(client.complete(answer)).rejects.toMatchObject({ error })
    expect(sent.map(({ url }) => url)).not.toContain(`${issuer}/token`)
  })
})

test('an outage is not kept: the next use asks again', async () => {
  let down = true
  const { client } = start(
    {},
    {
      [`${issuer}/.well-known/openid-configuration`]: () =>
        down ? new Response('', { status: 503 }) : Response.json(metadata),
    },
  )
  await expect(client.begin({ redirectUri, state: 'a' })).rejects.toMatchObject({ error: 'temporarily_unavailable' })
  down = false
  await client.begin({ redirectUri, state: 'a' })
})

test.each([
  [{ issuer: 'http://login.example.com' }, /must be an https URL/],
  [{ issuer: 'login' }, /must be an https URL/],
  [{ clientId: '' }, /clientId/],
])('what cannot work does not start: %j', (options, message) => {
  expect(() => start(options)).toThrow(message)
})
