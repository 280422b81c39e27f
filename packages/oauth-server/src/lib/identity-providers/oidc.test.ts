import { entra, keycloak } from '@mcp-gateway/core/presets'
import { decodeJwt, generateKeyPair, importJWK, type JWTPayload, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { authorizePath, issuer, pkce, redirectUri, register, setUp, signInAt } from '../../../test/fixture.js'
import { type OidcServer, startOidcServer } from '../../../test/oidc-server.js'
import { followLogin } from '../testing/follow-login.js'
import { type OidcOptions, oidc } from './oidc.js'

let upstream: OidcServer
beforeAll(async () => {
  upstream = await startOidcServer(`${issuer}/callback/oidc`)
})
beforeEach(() => {
  // The provider tells that it runs with its defaults for development, which it does.
  vi.spyOn(console, 'info').mockImplementation(() => {})
  upstream.claims = {}
})
afterAll(() => upstream.close())

type Tamper = (url: string, response: Response, request: RequestInit | undefined) => Promise<Response> | Response

function start(options: Partial<OidcOptions> = {}, tamper: Tamper = (_, response) => response) {
  return setUp({
    identityProvider: oidc({
      issuer: upstream.issuer,
      clientId: upstream.clientId,
      clientSecret: upstream.clientSecret,
      fetch: async (url, init) => tamper(String(url), await fetch(url, init), init),
      ...options,
    }),
  })
}

/** The ID token with other claims, signed again. */
async function forge(token: string, changes: JWTPayload, foreign: boolean, alg: string | undefined): Promise<string> {
  const payload = JSON.parse(JSON.stringify({ ...decodeJwt(token), ...changes })) as JWTPayload
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  if (alg === 'none') return `${encode({ alg: 'none' })}.${encode(payload)}.`
  const jwt = new SignJWT(payload).setProtectedHeader({ alg: alg ?? 'RS256', kid: 'upstream' })
  if (alg === 'HS256') return jwt.sign(new TextEncoder().encode(upstream.clientSecret.padEnd(32, '0')))
  return jwt.sign(foreign ? (await generateKeyPair('RS256')).privateKey : await importJWK(upstream.privateKey, 'RS256'))
}

test('a real OpenID provider signs a user in, with what it knows', async () => {
  upstream.claims = {
    name: 'Alice A.',
    preferred_username: 'alice',
    email: 'alice@example.com',
    email_verified: true,
    groups: ['staff'],
    roles: ['admin'],
  }
  expect((await signInAt(start())).claims).toMatchObject({
    sub: 'oidc|alice',
    name: 'Alice A.',
    preferred_username: 'alice',
    email: 'alice@example.com',
    groups: ['staff'],
    roles: ['admin'],
  })
})

test.each([
  [
    'Keycloak',
    { realm_access: { roles: ['admin'] }, resource_access: { notes: { roles: ['editor'] } } },
    ['admin', 'notes:editor'],
  ],
  ['no preset', { roles: ['admin', 4711] }, ['admin']],
])('roles are where the preset says: %s', async (name, claims, roles) => {
  upstream.claims = claims
  const preset = name === 'Keycloak' ? keycloak({ issuer: upstream.issuer }) : {}
  expect((await signInAt(start(preset))).claims).toMatchObject({ sub: 'oidc|alice', roles })
})

test('the user is who the preset says, and nobody is nobody [attack 114]', async () => {
  const tenantId = '11111111-2222-3333-4444-555555555555'
  const { profile } = entra({ tenantId, clientId: tenantId })
  upstream.claims = { oid: 'the-object-id' }
  expect((await signInAt(start({ profile }))).claims).toMatchObject({ sub: 'oidc|the-object-id' })
  upstream.claims = {}
  expect((await signInAt(start({ profile }))).answer).toMatchObject({ error: 'server_error' })
})

describe('UserInfo, where a provider puts the claims by default', () => {
  const asked = (urls: string[]) => urls.filter((url) => url.endsWith('/me'))

  test('is asked for what the ID token does not tell', async () => {
    upstream.claims = { name: 'Alice A.', email: 'alice@example.com', email_verified: 'true', groups: 'staff' }
    const urls: string[] = []
    const setup = start({}, (url, response) => {
      urls.push(url)
      return response
    })
    expect((await signInAt(setup)).claims).toMatchObject({
      sub: 'oidc|alice',
      name: 'Alice A.',
      email: 'alice@example.com',
      groups: ['staff'],
    })
    expect(asked(urls)).toHaveLength(1)
  })

  test('about somebody else ends the login', async () => {
    upstream.claims = { name: 'Alice A.' }
    const setup = start({}, async (url, response) =>
      url.endsWith('/me') ? Response.json({ ...((await response.json()) as object), sub: 'mallory' }) : response,
    )
    expect((await signInAt(setup)).answer).toMatchObject({ error: 'server_error' })
  })

  test.each([401, 403, 404])('that answers %d leaves what the ID token told', async (status) => {
    const setup = start({}, (url, response) => (url.endsWith('/me') ? new Response('', { status }) : response))
    expect((await signInAt(setup)).claims).toMatchObject({ sub: 'oidc|alice' })
  })

  test.each([429, 500, 503])('that answers %d is an outage, since who may sign in may depend on it', async (status) => {
    const setup = start({}, (url, response) => (url.endsWith('/me') ? new Response('', { status }) : response))
    expect((await signInAt(setup)).answer).toMatchObject({ error: 'temporarily_unavailable' })
  })
})

test('an e-mail address that is not verified is not taken over [attack 114]', async () => {
  upstream.claims = { email: 'boss@example.com', email_verified: false }
  expect((await signInAt(start())).claims).not.toHaveProperty('email')
})

test.each<[who: string, idToken: JWTPayload, userInfo: Record<string, unknown>]>([
  ['UserInfo', { email: 'boss@example.com' }, { email: 'alice@example.com', email_verified: true }],
  ['the ID token', { email_verified: true }, { email: 'boss@example.com', email_verified: false }],
])('an e-mail address is not verified by what %s says of another one [attack 114]', async (_, idToken, userInfo) => {
  upstream.claims = userInfo
  const setup = start({}, async (url, response) => {
    if (!url.endsWith('/token')) return response
    const body = (await response.json()) as { id_token: string }
    return Response.json({ ...body, id_token: await forge(body.id_token, idToken, false, undefined) })
  })
  expect((await signInAt(setup)).claims).not.toHaveProperty('email')
})

test('who is not on the list is refused [attack 115]', async () => {
  const setup = start({ allow: (_, claims) => claims.hd === 'example.com' })
  expect((await signInAt(setup)).answer).toMatchObject({ error: 'access_denied', state: 'some-state', iss: issuer })
})

test('a real OpenID provider that posts its answer signs a user in [form_post]', async () => {
  const { claims } = await signInAt(start({ responseMode: 'form_post' }))
  expect(claims).toMatchObject({ sub: 'oidc|alice' })
})

test('who says no at the provider says no to the client [attack 115]', async () => {
  const { answer } = await signInAt(start(), (callback) => {
    callback.searchParams.delete('code')
    callback.searchParams.set('error', 'access_denied')
    callback.searchParams.set('error_description', '<script>alert(1)</script>')
  })
  expect(answer).toMatchObject({ error: 'access_denied', state: 'some-state', iss: issuer })
  expect(JSON.stringify(answer)).not.toContain('<script')
})

test('PKCE and a nonce go to the provider, and another login is asked for when told [attack 113]', async () => {
  let asked: URL | undefined
  const setup = start()
  const client = await register(setup)
  const path = authorizePath(client.client_id as string, pkce().challenge, { prompt: 'login' })
  await followLogin(issuer + path, redirectUri, {
    fetch: (url, init) => {
      if (url.startsWith(issuer)) return setup.server.fetch(new Request(url, init))
      asked ??= new URL(url)
      return fetch(url, init)
    },
  })
  expect(Object.fromEntries(asked?.searchParams ?? [])).toMatchObject({
    code_challenge_method: 'S256',
    code_challenge: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    nonce: expect.any(String),
    state: expect.any(String),
    prompt: 'login',
    redirect_uri: `${issuer}/callback/oidc`,
  })
})

describe('a mix-up of providers [attack 112]', () => {
  test('an iss that is another one', async () => {
    const { answer } = await signInAt(start(), (callback) =>
      callback.searchParams.set('iss', 'https://evil.example.com'),
    )
    expect(answer).toMatchObject({ error: 'server_error', iss: issuer })
  })

  test('no iss from a provider that says it sends one; its code goes nowhere', async () => {
    const tokenRequests: string[] = []
    const setup = start({}, (url, response) => {
      if (url.endsWith('/token')) tokenRequests.push(url)
      return response
    })
    const { answer } = await signInAt(setup, (callback) => callback.searchParams.delete('iss'))
    expect(answer).toMatchObject({ error: 'server_error' })
    expect(tokenRequests).toEqual([])
  })

  test('metadata of another issuer', async () => {
    const setup = start({}, async (url, response) => {
      if (!url.includes('.well-known')) return response
      return Response.json({ ...((await response.json()) as object), issuer: 'https://evil.example.com' })
    })
    expect((await signInAt(setup)).answer).toMatchObject({ error: 'server_error' })
  })
})

describe('a forged ID token [attack 113]', () => {
  const forgeries: [string, JWTPayload, Record<string, unknown>][] = [
    ['another nonce', { nonce: 'other' }, {}],
    ['no nonce', { nonce: undefined }, {}],
    ['another audience', { aud: 'someone-else' }, {}],
    ['an authorised party that is not us', { aud: ['gateway', 'x'], azp: 'x' }, {}],
    ['another issuer', { iss: 'https://evil.example.com' }, {}],
    ['expired', { exp: 1_700_000_000 }, {}],
    ['no subject', { sub: undefined }, {}],
    ['a foreign signature', {}, { foreign: true }],
    ['no signature', {}, { alg: 'none' }],
    ['HS256 with the client secret', {}, { alg: 'HS256' }],
  ]
  test.each(forgeries)('%s', async (_, claims, { foreign, alg }) => {
    const setup = start({}, async (url, response) => {
      if (!url.endsWith('/token')) return response
      const body = (await response.json()) as { id_token: string }
      return Response.json({ ...body, id_token: await forge(body.id_token, claims, foreign === true, alg as string) })
    })
    expect((await signInAt(setup)).answer).toMatchObject({ error: 'server_error', state: 'some-state', iss: issuer })
  })

  test('the same way, unchanged, is accepted: the forgeries fail for what they change', async () => {
    const setup = start({}, async (url, response) => {
      if (!url.endsWith('/token')) return response
      const body = (await response.json()) as { id_token: string }
      return Response.json({ ...body, id_token: await forge(body.id_token, {}, false, undefined) })
    })
    expect((await signInAt(setup)).answer).toHaveProperty('code')
  })
})

test('a provider that is away is temporarily_unavailable, and no login begins', async () => {
  const setup = start({
    fetch: () => Promise.reject(new TypeError('fetch failed')),
    issuer: 'https://login.example.com',
  })
  const client = await register(setup)
  const callback = await followLogin(
    issuer + authorizePath(client.client_id as string, pkce().challenge),
    redirectUri,
    {
      fetch: (url, init) => setup.server.fetch(new Request(url, init)),
    },
  )
  expect(Object.fromEntries(callback.searchParams)).toMatchObject({ error: 'server_error', iss: issuer })
})

test.each(['http://login.example.com', 'login.example.com', ''])(
  'an issuer that is not https does not start: %j',
  (bad) => {
    expect(() => start({ issuer: bad })).toThrow(/must be an https URL|issuer must not be an empty string/)
  },
)
