import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { compact, sign, testKey } from '../../../../test/issuer.js'
import { type OidcIssuer, server, startOidcIssuer } from '../../../../test/oidc-issuer.js'
import { actorOf, principal } from '../principal.js'
import { createIntrospectionVerifier, type IntrospectionVerifierOptions } from './create-introspection-verifier.js'

const audience = 'https://mcp.example.com/notes/mcp'
let real: OidcIssuer

beforeAll(async () => {
  real = await startOidcIssuer({ format: 'opaque' })
})
afterAll(() => real.close())
afterEach(() => {
  real.down = undefined
  vi.useRealTimers()
})

const verifier = (options: Partial<IntrospectionVerifierOptions> = {}) =>
  createIntrospectionVerifier({
    issuer: real.issuer,
    audience,
    clientId: server.id,
    clientSecret: server.secret,
    ...options,
  })
const asked = () => real.requests.filter((path) => path.startsWith('/token/introspection')).length

describe('with a real issuer of opaque tokens', () => {
  test('accepts a token that is meant for us, by discovery alone', async () => {
    const token = await real.token(audience)
    const auth = await verifier().verifyAccessToken(token)
    expect(auth).toMatchObject({
      token,
      clientId: 'app',
      scopes: ['notes:read'],
      extra: { issuer: real.issuer },
    })
    // It tells no `sub` for client credentials, and the client id in its place would name all users of the client.
    expect(auth.extra).not.toHaveProperty('subject')
    expect(auth.resource?.href).toBe(audience)
    expect(auth.expiresAt).toBeGreaterThan(Date.now() / 1000)
  })

  test('[attack 125, R3] refuses a token that is meant for another resource', async () => {
    const token = await real.token('https://mcp.example.com/files/mcp')
    await expect(verifier().verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('[attack 127] refuses a refresh token, active as it is', async () => {
    const token = await real.refreshToken(audience)
    await expect(verifier().verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('refuses what the issuer does not know', async () => {
    await expect(verifier().verifyAccessToken('gho_16C7e42F292c6912E7710c838347Ae178B4a')).rejects.toMatchObject({
      code: 'invalid_token',
    })
  })

  test("[attack 127] shows it no other issuer's JWTs", async () => {
    const checked = verifier()
    const before = asked()
    for (const token of [await sign(await testKey()), compact({ alg: 'none' }, {}), compact({}, { iss: 7 }, 'eHg')]) {
      await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    }
    expect(asked()).toBe(before)
    await checked.verifyAccessToken(compact({}, { iss: real.issuer }, 'eHg')).catch(() => {})
    expect(asked()).toBe(before + 1)
  })

  test('[attack 135] asks once while an answer is believed, and honours a revocation after that', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const checked = verifier({ maxAge: 30 })
    const token = await real.token(audience)
    const before = asked()
    await Promise.all(Array.from({ length: 20 }, () => checked.verifyAccessToken(token)))
    expect(asked() - before).toBe(1)
    await real.revoke(token)
    vi.setSystemTime(Date.now() + 29_000)
    await checked.verifyAccessToken(token)
    vi.setSystemTime(Date.now() + 2_000)
    await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('asks for every request with a maxAge of 0', async () => {
    const checked = verifier({ maxAge: 0 })
    const token = await real.token(audience)
    const before = asked()
    for (let index = 0; index < 3; index++) await checked.verifyAccessToken(token)
    expect(asked() - before).toBe(3)
  })

  test('a wrong secret of ours is an outage, not a refused token', async () => {
    const token = await real.token(audience)
    await expect(verifier({ clientSecret: 'wrong' }).verifyAccessToken(token)).rejects.toMatchObject({
      code: 'temporarily_unavailable',
    })
  })

  test('spares an issuer that is down, and tells nobody that a token is bad', async () => {
    const checked = verifier()
    const [one, two] = [await real.token(audience), await real.token(audience)]
    await checked.verifyAccessToken(one)
    real.down = 503
    const before = real.requests.length
    for (let index = 0; index < 20; index++) {
      await expect(checked.verifyAccessToken(two)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    }
    expect(real.requests.length - before).toBeLessThanOrEqual(2)
    await checked.verifyAccessToken(one)
  })
})

describe('an answer', () => {
  const inAnHour = Math.floor(Date.now() / 1000) + 3600
  const good = { active: true, aud: audience, client_id: 'app', sub: 'alice', token_type: 'Bearer', exp: inAnHour }
  const answers = (answer: unknown, options: Partial<IntrospectionVerifierOptions> = {}) =>
    verifier({ endpoint: 'https://login.example.com/introspect', fetch: async () => Response.json(answer), ...options })

  test('without `sub` names nobody, whatever else is in it [finding 4]', async () => {
    const { sub, ...nameless } = good
    for (const answer of [nameless, { ...nameless, username: 'alice' }, { ...good, sub: 7 }, { ...good, sub: '' }]) {
      const auth = await answers(answer).verifyAccessToken('x')
      expect(actorOf(auth)).toBeUndefined()
      expect(() => principal(auth)).toThrow(expect.objectContaining({ code: 'subject_missing' }))
    }
    expect(actorOf(await answers(good).verifyAccessToken('x'))).toEqual({ kind: 'user', id: sub })
    expect(actorOf(await answers({ ...good, sub: 'app' }).verifyAccessToken('x'))).toEqual({
      kind: 'client',
      id: 'app',
    })
  })

  test('names the user where `subject` says so [finding 4]', async () => {
    const { sub, ...nameless } = good
    const user = async (answer: object, subject: IntrospectionVerifierOptions['subject']) =>
      actorOf(await answers(answer, { subject }).verifyAccessToken('x'))
    expect(await user({ ...nameless, username: 'ada' }, 'username')).toEqual({ kind: 'user', id: 'ada' })
    expect(await user(good, 'username')).toBeUndefined()
    expect(await user(nameless, 'constructor')).toBeUndefined()
    const orClient = ({ sub: name, client_id: client }: Readonly<Record<string, unknown>>) => name ?? client
    expect(await user(nameless, orClient)).toEqual({ kind: 'client', id: 'app' })
    expect(await user(good, orClient)).toEqual({ kind: 'user', id: sub })
  })

  test('is not asked for about a token in another spelling [finding 25]', async () => {
    let questions = 0
    const fetch = async () => {
      questions++
      return Response.json(good)
    }
    const asking = answers(good, { fetch, issuer: 'https://issuer.example.com' })
    await asking.verifyAccessToken('opaque-token')
    expect(questions).toBe(1)
    for (const spelled of [
      'opaque-token=',
      'opaque-token==',
      'eyJhbGciOiJub25lIn0.e30.YQ=',
      'eyJhbGciOiJub25lIn0.e30.YR',
    ]) {
      await expect(asking.verifyAccessToken(spelled)).rejects.toMatchObject({ code: 'invalid_token' })
    }
    expect(questions).toBe(1)
    await answers(good, { fetch, paddedTokens: true }).verifyAccessToken('b3BhcXVl=')
    expect(questions).toBe(2)
  })

  test('gives subject, scopes, roles and groups', async () => {
    const answer = {
      ...good,
      scope: 'a b',
      roles: ['r'],
      realm: { groups: ['g'] },
      iss: real.issuer,
      token_type: 'bearer',
    }
    const profile = { groups: ({ realm }: { realm?: unknown }) => (realm as { groups: string[] }).groups }
    expect(await answers(answer, { profile }).verifyAccessToken('x')).toMatchObject({
      scopes: ['a', 'b'],
      extra: { subject: 'alice', roles: ['r'], groups: ['g'] },
    })
  })

  test.each([
    ['not active', { active: false }],
    ['of another issuer', { iss: 'https://other.example' }],
    ['without audience', { aud: undefined }],
    ['for another audience', { aud: ['https://other.example'] }],
    ['without expiry', { exp: undefined }],
    ['that has expired', { exp: 1 }],
    ['that is not valid yet', { nbf: inAnHour }],
    ['without client', { client_id: undefined }],
    ['without type', { token_type: undefined }],
    ['of another type', { token_type: 'N_A' }],
    ['that is a refresh token', { token_use: 'refresh_token' }],
    ['that is bound to a key', { cnf: { jkt: 'x' } }],
  ])('%s refuses the token', async (_, change) => {
    await expect(answers({ ...good, ...change }).verifyAccessToken('x')).rejects.toMatchObject({
      code: 'invalid_token',
    })
  })

  test.each([[{ active: 'true' }], [{}], [[]], [null], ['active']])('%o is no answer', async (answer) => {
    await expect(answers(answer).verifyAccessToken('x')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  test('that is about one token only does not stop the questions about others', async () => {
    const checked = verifier({
      endpoint: 'https://login.example.com/introspect',
      fetch: async (_, init) => {
        const token = new URLSearchParams(String(init?.body)).get('token')
        return token === 'odd' ? Response.json({ error: 'invalid_request' }, { status: 400 }) : Response.json(good)
      },
    })
    await expect(checked.verifyAccessToken('odd')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    await checked.verifyAccessToken('fine')
  })

  test('to a bound token needs the proof of that key', async () => {
    const checked = answers({ ...good, token_type: 'DPoP', cnf: { jkt: 'x' } })
    expect(await checked.verifyAccessToken('x', { jkt: 'x' })).toMatchObject({ clientId: 'app' })
    await expect(checked.verifyAccessToken('x', { jkt: 'y' })).rejects.toMatchObject({ code: 'invalid_token' })
  })
})

test.each([
  [{ clientSecret: undefined }, /clientSecret/],
  [{ clientSecret: '' }, /clientSecret/],
  [{ audience: '' }, /audience/],
  [{ issuer: 'login' }, /URL/],
  [{ endpoint: 'login' }, /URL/],
])('configuration %o is refused', (options, message) => {
  expect(() => verifier(options)).toThrow(message)
})
