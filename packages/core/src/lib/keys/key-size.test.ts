import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { dpop } from '../resource-server/dpop.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createTokenVerifier } from '../tokens/create-token-verifier.js'
import { hasUsualSize, strictPublicKey } from './key-size.js'

afterEach(() => void vi.restoreAllMocks())

const rsa = await generateKeyPair('PS256', { extractable: true })
const jwk = await exportJWK(rsa.publicKey)
const ec = await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)
const okp = await exportJWK((await generateKeyPair('Ed25519', { extractable: true })).publicKey)
const bytes = (length: number, first = 0xff) => Buffer.alloc(length, 0xff).fill(first, 0, 1).toString('base64url')
const huge = 'f'.repeat(6000)

const unusual: [string, JWK][] = [
  ['a giant exponent', { ...jwk, e: bytes(256) }],
  ['an exponent of five bytes', { ...jwk, e: bytes(5) }],
  ['an exponent of one', { ...jwk, e: 'AQ' }],
  ['an exponent with zeros in front', { ...jwk, e: 'AAEAAQ' }],
  ['an exponent with padding', { ...jwk, e: 'Aw==' }],
  ['an exponent that is a number', { ...jwk, e: 65_537 as never }],
  ['no exponent', { kty: 'RSA', n: jwk.n }],
  ['a giant modulus', { ...jwk, n: huge }],
  ['a modulus of 4097 bits', { ...jwk, n: bytes(513, 1) }],
  ['a modulus of 2047 bits', { ...jwk, n: bytes(256, 0x7f) }],
  ['a modulus with a zero in front', { ...jwk, n: bytes(257, 0) }],
  ['a modulus with white space', { ...jwk, n: `${jwk.n}\n` }],
  ['a giant coordinate', { ...ec, x: huge }],
  ['a coordinate that is too short', { ...ec, y: bytes(31) }],
  ['a coordinate in another spelling', { ...ec, x: `${ec.x}=` }],
  ['a curve that is not for signatures', { kty: 'OKP', crv: 'X25519', x: okp.x }],
  ['a curve that is the name of a method', { ...ec, crv: 'toString' }],
  ['a point on an Edwards curve that is too long', { ...okp, x: huge }],
  ['a curve of another kind', { ...okp, crv: 'P-256' }],
  ['a symmetric key', { kty: 'oct', k: 'AAAA' }],
  ['no kind', {} as JWK],
  ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((name): [string, JWK] => [
    `the private member ${name}`,
    { ...jwk, [name]: 'AQAB' } as JWK,
  ]),
]

test('a usual key is taken with nothing but what makes it [finding 23]', () => {
  for (const key of [jwk, ec, okp]) {
    expect(strictPublicKey({ ...key, kid: 'k', use: 'enc', key_ops: ['sign'], x5c: [huge], ext: false })).toEqual(key)
  }
  expect(strictPublicKey({ ...jwk, n: bytes(512) })?.n).toHaveLength(683)
})

describe('a DPoP key', () => {
  async function ask(header: object): Promise<{ status: number; error: string }> {
    const key = await testKey()
    const verifier = createTokenVerifier({ issuer, audience, jwks: keySet(key) })
    const guard = bearerAuth({ verifier, resource: audience, dpop: dpop({ storage: memoryStorage() }) })
    const token = await sign(key, { cnf: { jkt: await calculateJwkThumbprint(jwk) } })
    const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url')
    const claims = { htm: 'POST', htu: audience, iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID(), ath }
    const proof = await new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'PS256', typ: 'dpop+jwt', ...header })
      .sign(rsa.privateKey)
    const imported = vi.spyOn(crypto.subtle, 'importKey')
    const headers = { Authorization: `DPoP ${token}`, DPoP: proof }
    const response = await guard(new Request(audience, { method: 'POST', headers }), {}, () => new Response('{}'))
    imports = imported.mock.calls.length
    return { status: response.status, error: (await response.json()).error }
  }
  let imports = 0

  test('of a usual size proves what it has to', async () => {
    expect(await ask({ jwk })).toMatchObject({ status: 200 })
    expect(imports).toBeGreaterThan(0)
  })

  test.each(unusual)('with %s is refused before any crypto [finding 23]', async (_, key) => {
    expect(await ask({ jwk: key })).toEqual({ status: 401, error: 'invalid_dpop_proof' })
    expect(imports).toBe(0)
  })
})

describe("an issuer's key", () => {
  test.each([
    ['a giant exponent', { ...jwk, e: bytes(256) }],
    ['a giant modulus', { ...jwk, n: 'f'.repeat(20_000) }],
    ['a giant coordinate', { ...ec, x: huge }],
  ])('with %s is never imported [finding 23]', async (_, key) => {
    const imported = vi.spyOn(crypto.subtle, 'importKey')
    const alg = key.kty === 'RSA' ? 'PS256' : 'ES256'
    const verifier = createTokenVerifier({ issuer, audience, jwks: { keys: [key] } })
    const token = await sign(
      { kid: 'k', alg, privateKey: (await generateKeyPair(alg)).privateKey, jwk: key },
      {},
      { kid: undefined },
    )
    imported.mockClear()
    await expect(verifier.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    expect(imported).not.toHaveBeenCalled()
  })

  test('may be larger than that of a stranger', () => {
    const large = { ...jwk, n: bytes(1024) }
    expect(hasUsualSize(large)).toBe(false)
    expect(hasUsualSize(large, 8192)).toBe(true)
  })
})
