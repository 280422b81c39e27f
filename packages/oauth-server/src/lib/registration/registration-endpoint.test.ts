import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  answerOf,
  authorizePath,
  form,
  obtainTokens,
  pkce,
  redirectUri,
  register,
  setUp,
} from '../../../test/fixture.js'

const setup = setUp()
const good = { client_name: 'A', redirect_uris: ['https://client.example.com/cb'] }

async function post(body: unknown, { call } = setup, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await call('/register', {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  })
  return answerOf(response)
}

describe('what is no registration', () => {
  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'text/json'])(
    'a body of type %s, which a page elsewhere could send [attack 72]',
    async (type) => {
      expect(await post(good, setup, { 'Content-Type': type })).toMatchObject({ status: 400 })
    },
  )

  test('one that is too large, not JSON, or no object [attack 72]', async () => {
    expect(await post({ ...good, client_name: 'x'.repeat(65 * 1024) })).toMatchObject({ status: 413 })
    for (const body of ['{', 'null', '[]', '"x"', `${'['.repeat(30_000)}${']'.repeat(30_000)}`]) {
      expect(await post(body)).toMatchObject({ status: 400, error: 'invalid_client_metadata' })
    }
  })

  test('members that would reach a prototype are ignored [attack 72]', async () => {
    const answer = await post(`{"__proto__":{"admin":true},"constructor":{},"redirect_uris":["https://a.example/cb"]}`)
    expect(answer.status).toBe(201)
    expect(answer).not.toHaveProperty('admin')
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
  })

  test.each([
    [undefined],
    [[]],
    [['https://client.example.com/cb#fragment']],
    [['https://user:password@client.example.com/cb']],
    [['http://client.example.com/cb']],
    [['http://localhost.evil.com/cb']],
    [['http://127.0.0.1.evil.com/cb']],
    [['http://localhost@evil.com/cb']],
    [['https:client.example.com']],
    [['//client.example.com']],
    [['https://client.example.com/a b']],
    [['https://client.example.com\\@evil.com/']],
    [['unknown-app://callback']],
    ['https://client.example.com/cb'],
    [Array.from({ length: 21 }, (_, index) => `https://client.example.com/${index}`)],
  ])('the redirect URIs %j [attack 73]', async (redirect_uris) => {
    expect(await post({ ...good, redirect_uris })).toMatchObject({ status: 400, error: 'invalid_redirect_uri' })
  })

  test.each([
    'javascript:alert(1)',
    'JAVASCRIPT:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///x',
    'blob:https://x',
    '\u0000javascript:x',
    ' javascript:x',
  ])('the dangerous redirect URI %j [attack 17, attack 73]', async (uri) => {
    expect(await post({ ...good, redirect_uris: [uri] })).toMatchObject({ error: 'invalid_redirect_uri' })
  })

  test.each([
    [{ client_name: 'x'.repeat(201) }],
    [{ client_name: 'evil\u202Edualc' }],
    [{ client_name: 'two\nlines' }],
    [{ grant_types: ['client_credentials'] }],
    [{ response_types: ['token'] }],
    [{ token_endpoint_auth_method: 'tls_client_auth' }],
  ])('the metadata %j [attack 76]', async (more) => {
    expect(await post({ ...good, ...more })).toMatchObject({ status: 400, error: 'invalid_client_metadata' })
  })
})

test('what only the server decides is not taken from the request [attack 74]', async () => {
  const chosen = {
    client_id: 'chosen',
    client_secret: 'chosen',
    registration_access_token: 'chosen',
    client_secret_expires_at: 1,
    secretHash: 'chosen',
    source: 'configured',
    is_admin: true,
  }
  const answer = await post({ ...good, ...chosen })
  expect(answer.status).toBe(201)
  expect(answer).not.toHaveProperty('is_admin')
  for (const value of ['client_id', 'client_secret', 'registration_access_token'])
    expect(answer[value]).not.toBe('chosen')
  expect(answer.client_secret_expires_at).toBe(0)
})

describe('client keys [attack 75]', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwks = { keys: [await exportJWK(publicKey)] }

  test.each([
    ['jwks and jwks_uri at once', { jwks, jwks_uri: 'https://client.example.com/jwks' }],
    ['a private key', { jwks: { keys: [await exportJWK(privateKey)] } }],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
    ['http', { jwks_uri: 'http://client.example.com/jwks' }],
    ['loopback', { jwks_uri: 'https://127.0.0.1/jwks' }],
    ['a private address', { jwks_uri: 'https://10.0.0.1/jwks' }],
    ['a private address of IPv6', { jwks_uri: 'https://[fd00::1]/jwks' }],
    ['the metadata address of a cloud', { jwks_uri: 'https://169.254.169.254/latest' }],
    ['what only looks like a URL', { jwks_uri: 'https://client.example.com:99999/jwks' }],
    ['an address that does not end', { jwks_uri: 'https://[' }],
    ['a name without a domain', { jwks_uri: 'https://internal/jwks' }],
    ['no keys for private_key_jwt', {}],
  ])('%s', async (_, keys) => {
    const answer = await post({ ...good, token_endpoint_auth_method: 'private_key_jwt', ...keys })
    expect(answer).toMatchObject({ status: 400, error: 'invalid_client_metadata' })
  })

  test('nested members, however deep [attack 72]', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    const body = JSON.stringify({ ...good, jwks: { keys: [{ kty: 'EC', x: 'DEEP' }] } }).replace('"DEEP"', deep)
    expect(await post(body)).toMatchObject({ status: 400, error: 'invalid_client_metadata' })
  })

  test('public keys are taken', async () => {
    const answer = await post({ ...good, token_endpoint_auth_method: 'private_key_jwt', jwks })
    expect(answer).toMatchObject({ status: 201, jwks })
    expect(answer).not.toHaveProperty('client_secret')
  })
})

describe('what clients send', () => {
  test('a mixed set is accepted without what cannot be used, and told so', async () => {
    const answer = await post({
      client_name: 'Mixed',
      redirect_uris: ['https://a.example/cb', 'http://remote.example/cb', 'weird-app://cb', 'http://127.0.0.1/'],
    })
    expect(answer).toMatchObject({
      status: 201,
      redirect_uris: ['https://a.example/cb', 'http://127.0.0.1/'],
      rejected_redirect_uris: [{ redirect_uri: 'http://remote.example/cb' }, { redirect_uri: 'weird-app://cb' }],
    })
  })

  test('application_type and the rest come back; the answer is complete [A8]', async () => {
    const more = {
      application_type: 'native',
      software_id: 'abc',
      contacts: ['me@example.com'],
      tos_uri: 'https://a.example/tos',
    }
    const answer = await post({ ...good, ...more })
    expect(answer).toMatchObject({
      status: 201,
      ...good,
      ...more,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: expect.any(String),
      client_id_issued_at: expect.any(Number),
      registration_client_uri: expect.stringContaining('/register/client_'),
    })
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test.each([
    [{ logo_uri: '' }],
    [{ logo_uri: 'data:image/svg+xml,<svg/>' }],
    [{ logo_uri: 'javascript:alert(1)' }],
    [{ logo_uri: '/logo.png' }],
    [{ logo_uri: `https://a.example/${'x'.repeat(3000)}` }],
    [{ logo_uri: 7 }],
    [{ client_uri: 'https://a.example/"><script>' }],
    [{ client_uri: 'vscode:extension/a' }],
    [{ tos_uri: '', policy_uri: 'n/a' }],
    [{ contacts: [] }],
    [{ contacts: 'me@example.com' }],
    [{ contacts: Array(11).fill('me@example.com') }],
    [{ application_type: 'desktop' }],
    [{ application_type: '' }],
    [{ scope: ['mcp'] }],
    [{ scope: 'x'.repeat(5000) }],
    [{ software_id: 12, software_version: 1.5 }],
    [{ software_version: 'x'.repeat(300) }],
    [{ jwks: { keys: [] } }],
    [{ jwks: {} }],
    [{ jwks_uri: '' }],
    [{ jwks: { keys: [] }, jwks_uri: '' }],
  ])('what is never used is left out where it will not do, and not echoed [attack 76] (%#)', async (more) => {
    const answer = await post({ ...good, token_endpoint_auth_method: 'none', ...more })
    expect(answer).toMatchObject({ status: 201, ...good })
    for (const name of Object.keys(more)) {
      const left = Array.isArray(answer[name]) ? (answer[name] as []).length : (answer[name] ?? 0)
      expect([name, left]).toEqual([name, 0])
    }
  })

  test('an empty key set beside a good address of one is none, and none is no keys', async () => {
    const client = { ...good, token_endpoint_auth_method: 'private_key_jwt' }
    const uri = 'https://client.example.com/jwks'
    expect(await post({ ...client, jwks: { keys: [] }, jwks_uri: uri })).toMatchObject({ status: 201, jwks_uri: uri })
    expect(await post({ ...client, jwks: { keys: [] } })).toMatchObject({
      status: 400,
      error_description: expect.stringContaining('private_key_jwt needs jwks or jwks_uri'),
    })
  })

  test.each([
    'Claude \u{1f469}\u200d\u{1f4bb}',
    '\u06a9\u0644\u0627\u06cc\u0646\u062a\u200c\u0647\u0627',
    '\u0915\u094d\u200d\u0937',
    '\u2764\ufe0f Notes',
  ])('a name with joiners is a name: %s', async (client_name) => {
    const answer = await post({ ...good, client_name })
    expect(answer).toMatchObject({ status: 201, client_name })
    const page = await setup.call(
      authorizePath(answer.client_id as string, pkce().challenge, { redirect_uri: good.redirect_uris[0] as string }),
    )
    expect(page.status).toBe(200)
  })

  test('a name of joiners alone is none', async () => {
    expect(await post({ ...good, client_name: '\u200d\u200c' })).not.toHaveProperty('client_name')
  })

  test('null members are taken as absent', async () => {
    expect(await post({ ...good, scope: null, logo_uri: null, jwks: null })).toMatchObject({ status: 201 })
  })
})

describe('limits', () => {
  const open = {
    issuer: 'https://mcp.example.com',
    resources: ['https://mcp.example.com/mcp'],
    encryptionKeys: ['A'.repeat(43)],
    identityProvider: fakeProvider(),
  }
  const from = async (limited: ReturnType<typeof setUp>, address?: string): Promise<Response> =>
    limited.call(
      '/register',
      {
        method: 'POST',
        body: JSON.stringify(good),
        headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': `${Math.random()}` },
      },
      address === undefined ? {} : { client: { address } },
    )

  test('per address, by what the host says and never by a header; IPv6 by /64 [attack 78, attack 158]', async () => {
    const limited = setUp({ ...open, registration: { perAddress: 2, total: 100 } })
    const statuses: number[] = []
    for (const address of [
      '192.0.2.1',
      '192.0.2.1',
      '192.0.2.1',
      '192.0.2.2',
      '2001:db8::1',
      '2001:db8:0:0:5::2',
      '2001:db8::3:0:0:1',
      '2001:db8:0:1::1',
    ]) {
      statuses.push((await from(limited, address)).status)
    }
    expect(statuses).toEqual([201, 201, 429, 201, 201, 201, 429, 201])
    const refused = await from(limited, '192.0.2.1')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answerOf(refused)).toMatchObject({ error: 'temporarily_unavailable' })
    limited.clock.advance(3601)
    expect((await from(limited, '192.0.2.1')).status).toBe(201)
  })

  test('over all addresses [attack 78]', async () => {
    const limited = setUp({ ...open, registration: { total: 3 } })
    const statuses: number[] = []
    for (const address of [undefined, '192.0.2.1', undefined, '192.0.2.2'])
      statuses.push((await from(limited, address)).status)
    expect(statuses).toEqual([201, 201, 201, 429])
  })

  test('loopback issuers have none', async () => {
    const limited = setUp({ registration: { perAddress: 1, total: 1 } })
    for (let count = 0; count < 5; count++) expect((await from(limited, '127.0.0.1')).status).toBe(201)
  })
})

test.each<[string, Record<string, unknown>]>([
  ['an exponent of more than 32 bits', { kty: 'RSA', n: 'A'.repeat(342), e: 'A'.repeat(342) }],
  ['a modulus of more than 8192 bits', { kty: 'RSA', n: 'A'.repeat(1368), e: 'AQAB' }],
  ['a modulus that is ignored later', { kty: 'RSA', n: 'A'.repeat(1366), e: 'AQAB' }],
  ['a coordinate that is too long', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(1000), y: 'A' }],
  ['an exponent that is a list', { kty: 'RSA', n: 'A'.repeat(342), e: ['AQAB'] }],
])('a key that is dear to check is refused: %s [finding 14]', async (_, key) => {
  expect(await post({ ...good, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] } })).toMatchObject({
    status: 400,
    error: 'invalid_client_metadata',
  })
})

describe('what a registration may leave in the store [finding 14]', () => {
  test.each<[string, Record<string, unknown>]>([
    [
      'redirect_uris',
      { redirect_uris: Array.from({ length: 20 }, (_, index) => `https://a.example/${index}/${'x'.repeat(1900)}`) },
    ],
    ['contacts', { contacts: Array.from({ length: 10 }, () => 'ü'.repeat(200)) }],
    ['scope', { scope: 'x'.repeat(4096) }],
    ['jwks', { jwks: { keys: Array.from({ length: 8 }, () => ({ kty: 'RSA', n: 'A'.repeat(680), e: 'AQAB' })) } }],
    [
      'jwks',
      { jwks: { keys: [{ kty: 'EC', crv: 'P-256', x5c: Array.from({ length: 500 }, () => 'A'.repeat(100)) }] } },
    ],
    ['client_uri', { client_uri: `https://a.example/${'\u00fc'.repeat(2000)}` }],
  ])('is 4 KB: %s that take more are named', async (name, more) => {
    const answer = await post({ ...good, ...more })
    expect(answer).toMatchObject({ status: 400, error: 'invalid_client_metadata' })
    expect(answer.error_description).toContain(`${name} takes `)
  })

  test('is 4 KB after an update too, and what was there stays', async () => {
    const setup = setUp()
    const client = await register(setup)
    const headers = {
      authorization: `Bearer ${client.registration_access_token}`,
      'content-type': 'application/json',
    }
    const path = new URL(client.registration_client_uri as string).pathname
    const body = JSON.stringify({ ...good, client_id: client.client_id, scope: 'x'.repeat(4000) })
    expect(await answerOf(await setup.call(path, { method: 'PUT', headers, body }))).toMatchObject({
      status: 400,
      error: 'invalid_client_metadata',
    })
    expect(await answerOf(await setup.call(path, { headers }))).toMatchObject({
      status: 200,
      client_name: 'Test client',
    })
  })

  test('ends a week after the registration, however often it is updated before anyone approves it', async () => {
    const setup = setUp()
    const client = await register(setup)
    let token = client.registration_access_token
    const path = new URL(client.registration_client_uri as string).pathname
    for (let count = 0; count < 23; count++) {
      setup.clock.advance(7 * 3600)
      const answer = await answerOf(
        await setup.call(path, {
          method: 'PUT',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ ...good, client_id: client.client_id }),
        }),
      )
      token = answer.registration_access_token as string
    }
    expect(token).toBeTruthy()
    setup.clock.advance(7 * 3600 + 1)
    expect((await setup.call(path, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
  })
})

test('a registration that nobody approved does not live on by asking for tokens [attack 79]', async () => {
  const setup = setUp()
  const { client_id = '' } = await register(setup)
  const refresh_token = `rt.${'a'.repeat(43)}.${'b'.repeat(43)}`
  expect((await setup.call('/token', form({ grant_type: 'refresh_token', client_id, refresh_token }))).status).toBe(400)
  setup.clock.advance(7 * 86_400 + 1)
  expect((await setup.call(authorizePath(client_id, pkce().challenge))).status).toBe(400)
})

test('unused registrations are gone after a week, used ones stay while they are used [attack 79]', async () => {
  const fresh = setUp()
  const unused = await register(fresh)
  const { client: used } = await obtainTokens(fresh)
  const known = async (client: Record<string, string>): Promise<boolean> =>
    (await fresh.call(authorizePath(client.client_id as string, pkce().challenge))).status === 200
  fresh.clock.advance(7 * 86_400 - 5)
  expect(await known(unused)).toBe(true)
  fresh.clock.advance(6)
  expect(await known(unused)).toBe(false)
  expect(await known(used)).toBe(true)
  for (let month = 0; month < 4; month++) {
    fresh.clock.advance(60 * 86_400)
    expect(await known(used)).toBe(true)
    await obtainTokens(fresh, used)
  }
  fresh.clock.advance(92 * 86_400)
  expect(await known(used)).toBe(false)
})

test('a lifetime of 0 for clients that nobody approved is for ever, as it is for others [attack 79]', async () => {
  const setup = setUp({ lifetimes: { unusedClient: 0 } })
  const client = await register(setup)
  const known = async () => (await setup.call(authorizePath(client.client_id as string, pkce().challenge))).status
  expect(await known()).toBe(200)
  setup.clock.advance(1000 * 86_400)
  expect(await known()).toBe(200)
  const { pathname } = new URL(client.registration_client_uri as string)
  const headers = {
    authorization: `Bearer ${client.registration_access_token}`,
    'Content-Type': 'application/json',
  }
  const body = JSON.stringify({ client_id: client.client_id, redirect_uris: [redirectUri] })
  expect((await setup.call(pathname, { method: 'PUT', headers, body })).status).toBe(200)
  setup.clock.advance(1000 * 86_400)
  expect(await known()).toBe(200)
})

test('a client never ends before its grants [attack 79]', async () => {
  const long = setUp({ lifetimes: { client: 86_400, refreshTokenIdle: 100 * 86_400 } })
  const { client, tokens } = await obtainTokens(long)
  long.clock.advance(99 * 86_400)
  const fields = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token as string,
    client_id: client.client_id as string,
  }
  const response = await long.call('/token', { method: 'POST', body: new URLSearchParams(fields) })
  expect(response.status).toBe(200)
})

describe('policies', () => {
  test('known hosts only', async () => {
    const known = setUp({ registration: { redirectHosts: 'known-hosts' } })
    expect(await post({ redirect_uris: ['https://claude.ai/api/mcp/auth_callback'] }, known)).toMatchObject({
      status: 201,
    })
    expect(await post({ redirect_uris: ['http://127.0.0.1/cb'] }, known)).toMatchObject({ status: 201 })
    expect(await post(good, known)).toMatchObject({ status: 400, error: 'invalid_redirect_uri' })
  })

  test('an allow-list of hosts and of private-use URIs', async () => {
    const listed = setUp({
      registration: { redirectHosts: ['client.example.com'], privateUseRedirectUris: ['com.example.app:/cb'] },
    })
    expect(await post(good, listed)).toMatchObject({ status: 201 })
    expect(await post({ redirect_uris: ['com.example.app:/cb'] }, listed)).toMatchObject({ status: 201 })
    for (const uri of ['https://claude.ai/cb', 'com.example.app:/cb2', 'https://client.example.com.evil.com/cb']) {
      expect(await post({ redirect_uris: [uri] }, listed)).toMatchObject({ error: 'invalid_redirect_uri' })
    }
  })

  test('an initial access token', async () => {
    const token = 'initial-access-token-1'
    const closed = setUp({ registration: { initialAccessTokens: ['another-access-token', token] } })
    const none = await post(good, closed)
    expect(none).toMatchObject({ status: 401, error: 'invalid_token' })
    expect(none.headers.get('www-authenticate')).toMatch(/^Bearer /)
    expect(await post(good, closed, { authorization: 'Bearer wrong' })).toMatchObject({ status: 401 })
    expect(await post(good, closed, { authorization: `Bearer ${token}` })).toMatchObject({ status: 201 })
  })

  test('none at all: the endpoint is gone, from the metadata too [attack 6]', async () => {
    const closed = setUp({ registration: false })
    expect(await post(good, closed)).toMatchObject({ status: 404 })
    const metadata = await answerOf(await closed.call('/.well-known/oauth-authorization-server'))
    expect(metadata).not.toHaveProperty('registration_endpoint')
  })
})

describe('software statements [attack 86]', async () => {
  const trusted = await generateKeyPair('ES256')
  const foreign = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(trusted.publicKey)), alg: 'ES256' }] }
  const approving = setUp({ registration: { softwareStatements: [{ issuer: 'https://vouch.example.com', jwks }] } })
  const sign = (key = trusted.privateKey, iss = 'https://vouch.example.com'): Promise<string> =>
    new SignJWT({ client_name: 'Vouched', software_id: 's1' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(iss)
      .sign(key)

  test('what they say goes over what the client says', async () => {
    const answer = await post({ ...good, software_statement: await sign() }, approving)
    expect(answer).toMatchObject({ status: 201, client_name: 'Vouched', software_id: 's1' })
  })

  test.each([
    ['a foreign signature', () => sign(foreign.privateKey), 'invalid_software_statement'],
    [
      'no signature',
      async () => `${btoa('{"alg":"none"}')}.${btoa('{"iss":"https://vouch.example.com"}')}.`,
      'invalid_software_statement',
    ],
    ['no JWT', async () => 'nonsense', 'invalid_software_statement'],
    [
      'an issuer that nobody trusts',
      () => sign(trusted.privateKey, 'https://other.example.com'),
      'unapproved_software_statement',
    ],
  ])('%s', async (_, make, error) => {
    expect(await post({ ...good, software_statement: await make() }, approving)).toMatchObject({ status: 400, error })
  })
})

function fakeProvider() {
  return {
    name: 'fake',
    title: 'Fake',
    begin: async () => ({ redirect: 'https://login.example.com/' }),
    complete: async () => ({ again: 'no' }),
  }
}
