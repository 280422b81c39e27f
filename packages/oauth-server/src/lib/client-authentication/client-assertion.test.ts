import type { Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { answerOf, form, issuer, obtainCode, register, type Setup, setUp } from '../../../test/fixture.js'
import { assertionType } from './client-assertion.js'

const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] }
const foreign = await generateKeyPair('ES256')
const now = (): number => Math.floor(Date.now() / 1000)

async function assertion(
  clientId: string,
  changes: JWTPayload = {},
  header: Record<string, unknown> = {},
  key = privateKey,
): Promise<string> {
  return new SignJWT({
    iss: clientId,
    sub: clientId,
    aud: issuer,
    exp: now() + 60,
    jti: crypto.randomUUID(),
    ...changes,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
    .sign(key)
}

async function start(setup: Setup = setUp()) {
  const client = await register(setup, { token_endpoint_auth_method: 'private_key_jwt', jwks })
  const clientId = client.client_id as string
  const { exchange } = await obtainCode(setup, client)
  const send = async (client_assertion: string, more: Record<string, string> = {}) =>
    answerOf(
      await setup.call(
        '/token',
        form({ ...exchange, client_assertion_type: assertionType, client_assertion, ...more }),
      ),
    )
  return { setup, clientId, exchange, send }
}

test.each([issuer, `${issuer}/token`, [issuer]])('a signed assertion for %s authenticates', async (aud) => {
  const { clientId, send } = await start()
  expect(await send(await assertion(clientId, { aud: aud as string }))).toMatchObject({ status: 200 })
})

describe('what proves nothing is invalid_client [attack 54]', () => {
  const cases: [string, (clientId: string) => Promise<string>][] = [
    ['another audience', (id) => assertion(id, { aud: 'https://other.example.com' })],
    ['an audience beside ours', (id) => assertion(id, { aud: [issuer, 'https://other.example.com'] })],
    ['an issuer that is not the subject', (id) => assertion(id, { iss: 'someone' })],
    ['one that is over', (id) => assertion(id, { exp: now() - 60 })],
    ['one without an end', (id) => assertion(id, { exp: undefined })],
    ['one that lives for more than an hour', (id) => assertion(id, { exp: now() + 3700 })],
    ['one without a jti', (id) => assertion(id, { jti: undefined })],
    ['a foreign key', (id) => assertion(id, {}, {}, foreign.privateKey)],
    ['a key id that is a path', (id) => assertion(id, {}, { kid: '../../etc/passwd' })],
    [
      'a key in the header',
      async (id) => assertion(id, {}, { kid: undefined, jwk: await exportJWK(foreign.publicKey) }, foreign.privateKey),
    ],
    [
      'HS256 with the public key as secret',
      (id) =>
        new SignJWT({ iss: id, sub: id, aud: issuer, exp: now() + 60, jti: 'x' })
          .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
          .sign(new TextEncoder().encode(JSON.stringify(jwks.keys[0]))),
    ],
    [
      'no signature',
      async (id) =>
        `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify({ iss: id, sub: id, aud: issuer, exp: now() + 60, jti: 'y' }))}.`,
    ],
    ['another client', async () => assertion('client_other')],
    ['nonsense', async () => 'nonsense'],
  ]
  test.each(cases)('%s', async (_, make) => {
    const { clientId, send } = await start()
    expect(await send(await make(clientId))).toMatchObject({ status: 401, error: 'invalid_client' })
    expect(await send(await assertion(clientId))).toMatchObject({ status: 200 })
  })

  test('another type of assertion', async () => {
    const { clientId, send } = await start()
    const more = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }
    expect(await send(await assertion(clientId), more)).toMatchObject({ status: 401, error: 'invalid_client' })
  })
})

test('50 requests with one assertion and codes of their own: one is let in [attack 54]', async () => {
  const { setup, clientId } = await start()
  const client = { client_id: clientId }
  const codes = await Promise.all(Array.from({ length: 50 }, () => obtainCode(setup, client)))
  const proof = { client_assertion_type: assertionType, client_assertion: await assertion(clientId) }
  const answers = await Promise.all(
    codes.map(async ({ exchange }) => answerOf(await setup.call('/token', form({ ...exchange, ...proof })))),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ error }) => error === 'invalid_client')).toHaveLength(49)
})

describe('an assertion leaves a record only when it lets something in [finding 14]', () => {
  async function watch() {
    const inner = memoryStorage()
    const records = new Set<string>()
    const storage: Storage = {
      ...inner,
      add: (key, ...rest) => {
        if (key.startsWith('oauth:jti:')) records.add(key)
        return inner.add(key, ...rest)
      },
    }
    const scopes = { mcp: 'Use', more: 'Use more' }
    return { ...(await start(setUp({ storage, scopes, defaultScopes: ['mcp'] }))), records }
  }

  test.each<[string, Record<string, string>, string]>([
    ['an unknown code', { code: 'unknown' }, 'invalid_grant'],
    ['another redirect_uri', { redirect_uri: 'https://client.example.com/other' }, 'invalid_grant'],
    ['a wrong verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    ['another resource', { resource: 'https://mcp.example.com/other' }, 'invalid_target'],
    ['no code', { code: '' }, 'invalid_request'],
    ['an unknown grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['no refresh token', { grant_type: 'refresh_token' }, 'invalid_request'],
    ['a refresh token that is none', { grant_type: 'refresh_token', refresh_token: 'x' }, 'invalid_grant'],
    [
      'an unknown refresh token',
      { grant_type: 'refresh_token', refresh_token: `rt.${'a'.repeat(43)}.${'b'.repeat(43)}` },
      'invalid_grant',
    ],
  ])('not for %s', async (_, changes, error) => {
    const { clientId, send, records } = await watch()
    const again = await assertion(clientId)
    for (let count = 0; count < 10; count++) expect((await send(again, changes)).error).toBe(error)
    expect(records.size).toBe(0)
    expect((await send(again)).status).toBe(200)
    expect(records.size).toBe(1)
    expect((await send(again, changes)).error).not.toBeUndefined()
  })

  test('not for a token that the client cannot revoke, and once for one that it can', async () => {
    const { setup, clientId, send, records } = await watch()
    const { refresh_token } = await send(await assertion(clientId))
    const revoke = async (token: string) =>
      setup.call(
        '/revoke',
        form({ token, client_assertion_type: assertionType, client_assertion: await assertion(clientId) }),
      )
    for (let count = 0; count < 5; count++) expect((await revoke('unknown')).status).toBe(200)
    expect(records.size).toBe(1)
    expect((await revoke(refresh_token)).status).toBe(200)
    for (let count = 0; count < 5; count++) expect((await revoke(refresh_token)).status).toBe(200)
    expect(records.size).toBe(2)
  })

  test('once for a code that is used again and again', async () => {
    const { clientId, send, records } = await watch()
    for (let count = 0; count < 10; count++) await send(await assertion(clientId))
    // The use, and the revocation of what it gave
    expect(records.size).toBe(2)
  })

  test('a refresh narrowed beyond its scope leaves none, and one that was used lets nothing in', async () => {
    const { clientId, send, records } = await watch()
    const used = await assertion(clientId)
    const { refresh_token } = await send(used)
    const refresh = { grant_type: 'refresh_token', refresh_token }
    for (let count = 0; count < 5; count++) {
      expect((await send(await assertion(clientId), { ...refresh, scope: 'more' })).error).toBe('invalid_scope')
    }
    expect(records.size).toBe(1)
    expect((await send(used, refresh)).error).toBe('invalid_client')
    expect((await send(await assertion(clientId), refresh)).status).toBe(200)
    expect(records.size).toBe(2)
  })
})

test('key sets of clients that a person approved are fetched whatever strangers ask for [finding 14]', async () => {
  const fetched: string[] = []
  const setup = setUp({
    transport: async (url) => {
      fetched.push(String(url))
      return Response.json(jwks)
    },
  })
  const keysAt = (host: string) => ({
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: `https://${host}.example.com/jwks`,
  })
  const proof = async (id: string) => ({
    client_assertion_type: assertionType,
    client_assertion: await assertion(id, { exp: Math.floor(setup.clock.now() / 1000) + 60 }),
  })
  const client = await register(setup, keysAt('approved'))
  const { exchange } = await obtainCode(setup, client)
  const strangers = await Promise.all(Array.from({ length: 400 }, (_, index) => register(setup, keysAt(`s${index}`))))
  let refused = 0
  for (const { client_id = '' } of strangers) {
    const fields = { grant_type: 'refresh_token', refresh_token: 'x', ...(await proof(client_id)) }
    if ((await setup.call('/token', form(fields))).status === 429) refused++
  }
  expect(refused).toBeGreaterThan(0)
  const answer = await answerOf(
    await setup.call('/token', form({ ...exchange, ...(await proof(client.client_id as string)) })),
  )
  expect([answer.status, fetched.at(-1)]).toEqual([200, 'https://approved.example.com/jwks'])
})

test.each([
  ['members that no key needs', { padding: 'x'.repeat(20_000) }, 'invalid_grant'],
  ['keys of 16 KB and more', { n: 'A'.repeat(20_000) }, 'invalid_client'],
])('a fetched key set is kept without %s [finding 14]', async (_, more, error) => {
  const setup = setUp({ transport: async () => Response.json({ keys: [{ ...jwks.keys[0], ...more }] }) })
  const { client_id = '' } = await register(setup, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://client.example.com/jwks',
  })
  const fields = { grant_type: 'refresh_token', refresh_token: 'x', client_assertion_type: assertionType }
  const client_assertion = await assertion(client_id)
  expect((await answerOf(await setup.call('/token', form({ ...fields, client_assertion })))).error).toBe(error)
})

test.each<[string, string, (key: object) => unknown]>([
  [
    'beside one of a kind that is not known',
    'invalid_grant',
    (key) => ({ keys: [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'A' }, key] }),
  ],
  ['beside a giant one', 'invalid_grant', (key) => ({ keys: [{ kty: 'RSA', n: 'A'.repeat(5000), e: 'AQAB' }, key] })],
  ['beside what is no key', 'invalid_grant', (key) => ({ keys: [null, 7, 'x', [], {}, key] })],
  [
    'with times and certificates',
    'invalid_grant',
    (key) => ({ keys: [{ ...key, exp: 1, x5c: ['A'], more: { a: [1] } }] }),
  ],
  [
    'after ten others',
    'invalid_client',
    (key) => ({ keys: [...Array.from({ length: 10 }, (_, index) => ({ ...key, kid: `o${index}` })), key] }),
  ],
  ['beside a private one', 'invalid_client', (key) => ({ keys: [key, { kty: 'EC', d: 'A' }] })],
  ['beside a shared secret', 'invalid_client', (key) => ({ keys: [{ kty: 'oct', k: 'A' }, key] })],
  ['in no list', 'invalid_client', (key) => ({ keys: { 0: key, length: 1 } })],
  ['in no set', 'invalid_client', (key) => [key]],
])('a key that is published %s gives %s [finding 14, finding 23]', async (_, error, set) => {
  const setup = setUp({ transport: async () => Response.json(set(jwks.keys[0] as object)) })
  const { client_id = '' } = await register(setup, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://client.example.com/jwks',
  })
  const fields = { grant_type: 'refresh_token', refresh_token: 'x', client_assertion_type: assertionType }
  const client_assertion = await assertion(client_id)
  expect((await answerOf(await setup.call('/token', form({ ...fields, client_assertion })))).error).toBe(error)
})

test('an assertion that fails is never taken for no authentication [attack 55]', async () => {
  const setup = setUp()
  const publicClient = await register(setup)
  const { exchange } = await obtainCode(setup, publicClient)
  const fields = {
    ...exchange,
    client_assertion_type: assertionType,
    client_assertion: await assertion(publicClient.client_id as string, {}, {}, foreign.privateKey),
  }
  expect(await answerOf(await setup.call('/token', form(fields)))).toMatchObject({
    status: 401,
    error: 'invalid_client',
  })
  expect(
    await answerOf(
      await setup.call('/token', form({ ...exchange, client_assertion: '', client_assertion_type: assertionType })),
    ),
  ).toMatchObject({
    status: 401,
  })
})

test('a client of private_key_jwt cannot come without an assertion, nor with a second proof [attack 48, attack 50]', async () => {
  const { setup, clientId, exchange, send } = await start()
  expect(await answerOf(await setup.call('/token', form(exchange)))).toMatchObject({ status: 401 })
  expect(await send(await assertion(clientId), { client_secret: 'x' })).toMatchObject({
    status: 400,
    error: 'invalid_request',
  })
})

test('keys at a jwks_uri are fetched once, and again when a new one is used [attack 98]', async () => {
  const second = await generateKeyPair('ES256')
  let keys: Record<string, unknown>[] = [...jwks.keys]
  const fetched: string[] = []
  const setup = setUp({
    transport: async (url) => {
      fetched.push(String(url))
      return Response.json({ keys })
    },
  })
  const client = await register(setup, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://client.example.com/jwks',
  })
  const clientId = client.client_id as string
  const { exchange } = await obtainCode(setup, client)
  const send = async (client_assertion: string) =>
    (
      await answerOf(
        await setup.call(
          '/token',
          form({ ...exchange, code: 'unknown', client_assertion_type: assertionType, client_assertion }),
        ),
      )
    ).error
  expect(await send(await assertion(clientId))).toBe('invalid_grant')
  expect(await send(await assertion(clientId))).toBe('invalid_grant')
  expect(fetched).toHaveLength(1)
  keys = [...keys, { ...(await exportJWK(second.publicKey)), kid: 'k2' }]
  const signed = () => assertion(clientId, { exp: now() + 300 }, { kid: 'k2' }, second.privateKey)
  expect(await send(await signed())).toBe('invalid_client')
  setup.clock.advance(31)
  expect(await send(await signed())).toBe('invalid_grant')
  expect(fetched).toHaveLength(2)
})

test.each<[string, () => Response | Promise<Response>, string, number]>([
  ['is down', () => new Response('', { status: 503 }), 'temporarily_unavailable', 31],
  ['is away', () => Promise.reject(new TypeError('fetch failed')), 'temporarily_unavailable', 31],
  [
    'redirects',
    () => new Response('', { status: 302, headers: { location: 'https://a.example' } }),
    'invalid_client',
    301,
  ],
  ['answers too much', () => new Response('x'.repeat(70_000)), 'invalid_client', 301],
])('a host that %s is not asked for each assertion of a client [finding 14]', async (_, broken, error, until) => {
  let host = broken
  let asked = 0
  const setup = setUp({
    transport: async () => {
      asked++
      return host()
    },
  })
  const { client_id = '' } = await register(setup, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://client.example.com/jwks',
  })
  const send = async () => {
    const client_assertion = await assertion(client_id, { exp: Math.floor(setup.clock.now() / 1000) + 60 })
    const fields = { grant_type: 'refresh_token', refresh_token: 'x', client_assertion_type: assertionType }
    return (await answerOf(await setup.call('/token', form({ ...fields, client_assertion })))).error
  }
  expect([await send(), await send(), await send(), asked]).toEqual([error, error, error, 1])
  host = () => Response.json(jwks)
  setup.clock.advance(until)
  expect([await send(), asked]).toEqual(['invalid_grant', 2])
})

test('keys that are known stay good for a day while their host is away, and unknown ones are an outage [attack 98, attack 159]', async () => {
  let host: () => Response | Promise<Response> = () => Response.json(jwks)
  let asked = 0
  const setup = setUp({
    lifetimes: { unusedClient: 10 * 86_400 },
    transport: async () => {
      asked++
      return host()
    },
  })
  const client = await register(setup, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://client.example.com/jwks',
  })
  const clientId = client.client_id as string
  const send = async (header = {}) => {
    const client_assertion = await assertion(clientId, { exp: Math.floor(setup.clock.now() / 1000) + 60 }, header)
    const fields = { grant_type: 'refresh_token', refresh_token: 'x', client_assertion_type: assertionType }
    return (await answerOf(await setup.call('/token', form({ ...fields, client_assertion })))).error
  }
  expect(await send()).toBe('invalid_grant')
  for (const broken of [
    () => new Response('', { status: 503 }),
    () => new Response('', { status: 429 }),
    () => Promise.reject(new TypeError('fetch failed')),
  ]) {
    host = broken
    setup.clock.advance(301)
    asked = 0
    expect([await send(), await send(), asked]).toEqual(['invalid_grant', 'invalid_grant', 1])
    expect([await send({ kid: 'new' }), asked]).toEqual(['temporarily_unavailable', 1])
  }
  setup.clock.advance(86_400)
  expect(await send()).toBe('temporarily_unavailable')
  host = () => Response.json(jwks)
  setup.clock.advance(31)
  expect(await send()).toBe('invalid_grant')
  host = () => new Response('', { status: 404 })
  setup.clock.advance(301)
  expect(await send()).toBe('invalid_client')
})

test.each([
  ['redirects', () => new Response('', { status: 302, headers: { location: 'https://evil.example.com' } }), 401],
  ['answers too much', () => new Response('x'.repeat(70_000)), 401],
  ['answers no keys', () => Response.json({ keys: [] }), 401],
  ['is down', () => new Response('', { status: 502 }), 400],
  ['is asked too often', () => new Response('', { status: 429 }), 400],
  ['is away', () => Promise.reject(new TypeError('fetch failed')), 400],
])('a jwks_uri that %s proves nothing [attack 91, attack 98]', async (_, answer, status) => {
  const setup = setUp({ transport: async () => answer() })
  const client = await register(setup, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://client.example.com/jwks',
  })
  const fields = {
    grant_type: 'refresh_token',
    refresh_token: 'x',
    client_assertion_type: assertionType,
    client_assertion: await assertion(client.client_id as string),
  }
  // Whoever throws credentials away on invalid_client keeps them while a host is away, which is no outage of ours
  const error = status === 400 ? 'temporarily_unavailable' : 'invalid_client'
  expect(await answerOf(await setup.call('/token', form(fields)))).toMatchObject({ status, error })
})

test.each([
  ['is not on its curve', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }],
  ['lacks its members', { kty: 'EC', crv: 'P-256' }],
])('a registered key that %s proves nothing, and breaks nothing [attack 54]', async (_, key) => {
  const setup = setUp()
  const client = await register(setup, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] } })
  const fields = {
    grant_type: 'refresh_token',
    refresh_token: 'x',
    client_assertion_type: assertionType,
    client_assertion: await assertion(client.client_id as string, {}, { kid: undefined }),
  }
  expect(await answerOf(await setup.call('/token', form(fields)))).toMatchObject({
    status: 401,
    error: 'invalid_client',
  })
})

describe('a key of an unusual size [finding 23]', async () => {
  const rsa = await generateKeyPair('PS256', { extractable: true })
  const jwk = { ...(await exportJWK(rsa.publicKey)), kid: 'k1' }
  const giant = Buffer.alloc(256, 0xff).toString('base64url')

  test.each([
    ['exponent', { ...jwk, e: giant }],
    ['modulus', { ...jwk, n: giant.repeat(4) }],
  ])('with a giant %s is ignored, and nothing is imported', async (_, key) => {
    // What a client registers with such a key is refused at once; a set at an address comes later.
    const setup = setUp({ transport: async () => Response.json({ keys: [key] }) })
    const client = await register(setup, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://client.example.com/jwks',
    })
    const { exchange } = await obtainCode(setup, client)
    const signed = await assertion(client.client_id as string, {}, { alg: 'PS256' }, rsa.privateKey)
    const imported = vi.spyOn(crypto.subtle, 'importKey')
    const fields = { ...exchange, client_assertion_type: assertionType, client_assertion: signed }
    const answer = await answerOf(await setup.call('/token', form(fields)))
    expect(answer).toMatchObject({ status: 401, error: 'invalid_client' })
    expect(imported.mock.calls.map(([format]) => String(format))).not.toContain('jwk')
    imported.mockRestore()
  })
})

test('an assertion in another spelling proves nothing [finding 25]', async () => {
  const { clientId, send } = await start()
  const signed = await assertion(clientId)
  expect(await send(`${signed}=`)).toMatchObject({ status: 401, error: 'invalid_client' })
  expect(await send(signed)).toMatchObject({ status: 200 })
})
