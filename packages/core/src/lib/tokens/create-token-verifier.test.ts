import { createHmac, createSign } from 'node:crypto'
import { exportPKCS8, exportSPKI, importJWK } from 'jose'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { audience, claims, compact, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import { createTokenVerifier, type TokenVerifierOptions } from './create-token-verifier.js'
import { issuerAuthority } from './issuer-authority.js'

const es256 = await testKey('ES256')
const rs256 = await testKey('RS256')
const all = await Promise.all(
  ['ES256', 'ES384', 'ES512', 'RS256', 'RS512', 'PS256', 'EdDSA'].map((alg) => testKey(alg)),
)

const verifier = (options: Partial<TokenVerifierOptions> = {}) =>
  createTokenVerifier({ issuer, audience, jwks: keySet(es256, rs256), ...options })
const refuses = (token: string, options?: Partial<TokenVerifierOptions>) =>
  expect(verifier(options).verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
const accepts = (token: string, options?: Partial<TokenVerifierOptions>) => verifier(options).verifyAccessToken(token)

afterEach(() => void vi.useRealTimers())

test('tells who an RFC 9068 access token speaks for', async () => {
  const token = await sign(es256, { scope: 'a b', roles: ['editor'], groups: ['staff'] })
  const auth = await accepts(token)
  expect(auth).toMatchObject({
    token,
    clientId: 'app',
    scopes: ['a', 'b'],
    resource: new URL(audience),
    extra: { issuer, subject: 'alice', roles: ['editor'], groups: ['staff'], claims: { scope: 'a b' } },
  })
  expect(auth.expiresAt).toBeGreaterThan(Date.now() / 1000 + 3500)
})

test.each(all)('accepts $alg', async (key) => {
  await accepts(await sign(key), { jwks: keySet(...all) })
})

test('Ed25519 and EdDSA are one algorithm with two names', async () => {
  const key = await testKey('Ed25519')
  await accepts(await sign(key), { jwks: { keys: [{ ...key.jwk, alg: 'EdDSA' }] } })
})

describe('configuration', () => {
  test.each([
    [{ audience: '' }, /audience/],
    [{ audience: [] }, /audience/],
    [{ audience: undefined as unknown as string }, /audience/],
    [{ issuer: 'login' }, /issuer/],
    [{ algorithms: ['none'] }, /algorithms/],
    [{ algorithms: ['HS256'] }, /algorithms/],
    [{ algorithms: [] }, /algorithms/],
  ])('refuses %o', (options, message) => {
    expect(() => verifier(options)).toThrow(message)
  })
})

describe('signature', () => {
  test.each(['none', 'None', 'NONE', 'nOnE', ''])('[attack 120] refuses alg "%s"', async (alg) => {
    await refuses(compact({ alg, typ: 'at+jwt' }, claims()))
    await refuses(compact({ alg, typ: 'at+jwt', kid: es256.kid }, claims(), 'AAAA'))
  })

  test('[attack 120] refuses HS256 with the public key as the secret, in every spelling of it', async () => {
    const publicKey = await importJWK(rs256.jwk, 'RS256')
    const spki = await exportSPKI(publicKey as CryptoKey)
    for (const secret of [spki, spki.trim(), rs256.jwk.n as string, JSON.stringify(rs256.jwk)]) {
      for (const kid of [rs256.kid, undefined]) {
        const unsigned = compact({ alg: 'HS256', typ: 'at+jwt', kid }, claims()).slice(0, -1)
        await refuses(`${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`)
      }
    }
  })

  test('[attack 120] refuses PS256 by a key that is for RS256', async () => {
    const privateKey = await exportPKCS8(rs256.privateKey)
    const unsigned = compact({ alg: 'PS256', typ: 'at+jwt', kid: rs256.kid }, claims()).slice(0, -1)
    const signature = createSign('sha256')
      .update(unsigned)
      .sign({ key: privateKey, padding: 6, saltLength: 32 }, 'base64url')
    await refuses(`${unsigned}.${signature}`)
    // The signature is good: with a key that does not say what it is for, it counts.
    const { alg: _, ...anyRsa } = rs256.jwk
    await accepts(`${unsigned}.${signature}`, { jwks: { keys: [anyRsa] } })
  })

  test('[attack 120] refuses an ES256 signature of zeros, and one as DER', async () => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: es256.kid }
    await refuses(compact(header, claims(), new Uint8Array(64)))
    const unsigned = compact(header, claims()).slice(0, -1)
    const der = createSign('sha256')
      .update(unsigned)
      .sign(await exportPKCS8(es256.privateKey), 'base64url')
    await refuses(`${unsigned}.${der}`)
  })

  test('[attack 120] refuses a key of another curve under the same kid', async () => {
    const es384 = await testKey('ES384', es256.kid)
    await refuses(await sign(es384))
    await refuses(await sign(es384, {}, { kid: undefined }))
    const { alg: _, ...anyEc } = es384.jwk
    await refuses(await sign(es256), { jwks: { keys: [anyEc] } })
  })

  test('[attack 120] refuses what the allow-list leaves out', async () => {
    await refuses(await sign(es256), { algorithms: ['RS256'] })
    await accepts(await sign(rs256), { algorithms: ['RS256'] })
  })

  test('[attack 121] uses no key and no address of the header, and fetches nothing', async () => {
    const fetch = vi.spyOn(globalThis, 'fetch')
    const foreign = await testKey('ES256', 'foreign')
    for (const header of [
      { jwk: foreign.jwk },
      { jwk: foreign.jwk, kid: undefined },
      { jku: 'https://evil.example/jwks', kid: 'foreign' },
      { jku: 'https://evil.example/jwks', kid: es256.kid },
      { x5u: 'https://evil.example/cert', kid: 'foreign' },
      { x5c: ['MIIB'], kid: 'foreign' },
      { jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' },
    ]) {
      await refuses(await sign(foreign, {}, header))
    }
    expect(fetch).not.toHaveBeenCalled()
    await accepts(await sign(es256, {}, { jku: 'https://evil.example/jwks', jwk: foreign.jwk }))
    expect(fetch).not.toHaveBeenCalled()
  })

  test('[attack 121] refuses header parameters that must be understood', async () => {
    await refuses(await sign(es256, {}, { crit: ['exp'], exp: 1 }))
    await refuses(await sign(es256, {}, { crit: ['b64'], b64: true }))
  })

  test.each([
    ['missing, with many keys', undefined],
    ['path', '../../etc/passwd'],
    ['SQL', "' OR 1=1 --"],
    ['prototype', '__proto__'],
    ['prototype', 'constructor'],
    ['number', 7],
    ['object', { toString: 'x' }],
    ['array', [es256.kid]],
    ['null', null],
    ['empty', ''],
    ['15 KB', 'k'.repeat(10_000)],
  ])('[attack 122] refuses a kid that is %s', async (_, kid) => {
    const other = await testKey('ES256', 'other')
    await refuses(await sign(es256, {}, { kid }), { jwks: keySet(es256, other) })
  })

  test('[attack 122] refuses a kid of 100 KB, and of two keys with one kid', async () => {
    await refuses(await sign(es256, {}, { kid: 'k'.repeat(100_000) }))
    await refuses(await sign(es256), { jwks: keySet(es256, await testKey('ES256', es256.kid)) })
  })

  test('a token without kid is fine where only one key fits', async () => {
    await accepts(await sign(es256, {}, { kid: undefined }))
  })

  test('[attack 136] refuses each change of a byte', async () => {
    const token = await sign(es256)
    const checked = verifier()
    await checked.verifyAccessToken(token)
    for (const index of [5, token.indexOf('.') + 10, token.lastIndexOf('.') + 1, token.length - 10]) {
      const changed = token.slice(0, index) + (token[index] === 'A' ? 'B' : 'A') + token.slice(index + 1)
      await expect(checked.verifyAccessToken(changed)).rejects.toMatchObject({ code: 'invalid_token' })
    }
  })
})

describe('type', () => {
  test.each([
    'JWT',
    'jwt',
    undefined,
    '',
    'id_token',
    'logout+jwt',
    'dpop+jwt',
    'oauth-id-jag+jwt',
    'client-authentication+jwt',
    'secevent+jwt',
    'application/jwt',
    'at+jwt ',
    'text/at+jwt',
    'application/application/at+jwt',
    'at+jwt; charset=utf-8',
    ['at+jwt'],
    7,
    null,
  ])('[attack 123] refuses %o', async (typ) => {
    await refuses(await sign(es256, {}, { typ }))
  })

  test.each(['at+jwt', 'AT+JWT', 'at+JWT', 'application/at+jwt', 'Application/AT+jwt'])(
    '[attack 123] accepts %s',
    async (typ) => {
      await accepts(await sign(es256, {}, { typ }))
    },
  )
})

describe('claims', () => {
  test.each(['iss', 'aud', 'exp', 'iat', 'sub', 'client_id', 'jti'])(
    '[attack 124] refuses a token without %s',
    async (name) => {
      await refuses(await sign(es256, { [name]: undefined }))
      await refuses(await sign(es256, { [name]: null }))
      await refuses(await sign(es256, { [name]: '' }))
    },
  )

  test.each([
    ['exp', '9999999999'],
    ['exp', {}],
    ['exp', -1],
    ['iat', '1'],
    ['nbf', '1'],
    ['nbf', null],
    ['sub', 7],
    ['client_id', ['app']],
    ['jti', 7],
  ])('[attack 124] refuses %s: %o', async (name, value) => {
    await refuses(await sign(es256, { [name]: value }))
  })

  // RFC 7519 section 4.1.4: the expiry itself is already too late.
  test.each([
    ['exp', -4, true],
    ['exp', -5, false],
    ['exp', -6, false],
    ['nbf', 5, true],
    ['nbf', 6, false],
    ['iat', 5, true],
    ['iat', 6, false],
  ])('[attack 124] with a tolerance of 5 s, %s at %i s is good: %o', async (name, offset, good) => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
    const token = await sign(es256, { [name]: 1_800_000_000 + offset })
    if (good) await accepts(token, { clockTolerance: 5 })
    else await refuses(token, { clockTolerance: 5 })
  })

  test.each([
    'https://mcp.example.com/files/mcp',
    'https://mcp.example.com/notes/mcp/',
    'https://mcp.example.com/notes/mc',
    'https://mcp.example.com/notes/mcp2',
    'https://mcp.example.com/notes/MCP',
    'https://mcp.example.com',
    `${audience} `,
    '*',
    '',
    [],
    ['https://mcp.example.com/files/mcp'],
    [audience, 7],
    [[audience]],
    { 0: audience },
    true,
    7,
  ])('[attack 125, R3] refuses the audience %o', async (aud) => {
    await refuses(await sign(es256, { aud }))
  })

  test('[attack 125, R3] accepts an array that includes the audience', async () => {
    const auth = await accepts(await sign(es256, { aud: ['https://other.example', audience] }))
    expect(auth.resource?.href).toBe(audience)
  })

  test.each(['https://mcp.example.com', 'https://mcp.example.com/'])(
    '[R6] a host is one resource with a slash and without: %s',
    async (aud) => {
      for (const configured of ['https://mcp.example.com', 'https://mcp.example.com/']) {
        await accepts(await sign(es256, { aud }), { audience: configured })
        await refuses(await sign(es256, { aud: `${aud}//` }), { audience: configured })
        await refuses(await sign(es256, { aud: 'https://MCP.example.com' }), { audience: configured })
      }
    },
  )

  test.each([
    'https://login.example.com/',
    'https://LOGIN.example.com',
    'http://login.example.com',
    'login.example.com',
    [issuer],
  ])('[attack 126] refuses the issuer %o', async (iss) => {
    await refuses(await sign(es256, { iss }))
  })

  test('[attack 10] refuses the token of another tenant that has the same keys', async () => {
    const token = await sign(es256, { iss: 'https://login.example.com/a' })
    await accepts(token, { issuer: 'https://login.example.com/a' })
    await refuses(token, { issuer: 'https://login.example.com/b' })
  })

  test.each([{ jkt: 'x' }, { 'x5t#S256': 'x' }, { jwk: {} }, {}, null, 'x'])(
    'refuses a token that is bound to a key: %o',
    async (cnf) => {
      await refuses(await sign(es256, { cnf }))
    },
  )
})

describe('what is no access token', () => {
  test('[attack 127] refuses an ID token of the same issuer for the same audience', async () => {
    await refuses(await sign(es256, { client_id: undefined, azp: 'app', nonce: 'n', at_hash: 'h' }, { typ: 'JWT' }))
  })

  test.each([
    ['an authorization code', 'SplxlOBeZQQYbYS6WxSbIA'],
    ['a refresh token', 'tGzv3JOkF0XG5Qx2TlKWIA.x.y'],
    ['a GitHub token', 'gho_16C7e42F292c6912E7710c838347Ae178B4a'],
    ['nothing', ''],
    ['dots', '..'],
    ['an encrypted token', 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA'],
    ['four parts', 'a.b.c.d'],
    ['an array as claims', compact({ alg: 'ES256', typ: 'at+jwt' }, [1])],
    ['a header that is a list', compact([1], claims())],
    ['text as claims', compact({ alg: 'ES256', typ: 'at+jwt' }, 'x')],
    ['20 KB', 'x'.repeat(20_000)],
  ])('[attack 127] refuses %s', async (_, token) => {
    await refuses(token)
  })

  test('[attack 127] refuses what is no text', async () => {
    for (const token of [undefined, null, 7, {}]) await refuses(token as unknown as string)
  })
})

describe('an issuer elsewhere', () => {
  test('protects several resources over one set of keys', async () => {
    const jwks = vi.fn(async () => keySet(es256))
    const authority = issuerAuthority({ issuer, jwks })
    const notes = authority.protect(audience)
    const files = authority.protect('https://mcp.example.com/files/mcp')
    const token = await sign(es256)
    await notes.verifyAccessToken(token)
    await expect(files.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    expect(jwks).toHaveBeenCalledTimes(1)
    expect(authority.issuer).toBe(issuer)
    expect(authority.handle).toBeUndefined()
  })
})
