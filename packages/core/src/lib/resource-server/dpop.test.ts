import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import type { AuthInfo } from '../contract/auth-info.js'
import { GatewayError } from '../contract/gateway-error.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createTokenVerifier } from '../tokens/create-token-verifier.js'
import { bearerAuth } from './bearer-auth.js'
import { type DpopOptions, dpop } from './dpop.js'

const key = await testKey()
const client = await generateKeyPair('ES256', { extractable: true })
const jwk = await exportJWK(client.publicKey)
const jkt = await calculateJwkThumbprint(jwk)
const verifier = createTokenVerifier({ issuer, audience, jwks: keySet(key) })
const bound = (overrides = {}) => sign(key, { cnf: { jkt }, ...overrides })

async function hash(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('base64url')
}

/** A proof that holds, but for what is overridden. */
async function prove(token: string, claims = {}, header: Record<string, unknown> = {}, by = client.privateKey) {
  const now = Math.floor(Date.now() / 1000)
  const payload = { htm: 'POST', htu: audience, iat: now, jti: crypto.randomUUID(), ath: await hash(token), ...claims }
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
    .sign(by, { crit: { exp: true } })
}

function guard(options: Partial<DpopOptions> = {}, verify = verifier) {
  const middleware = bearerAuth({
    verifier: verify,
    resource: audience,
    dpop: dpop({ storage: memoryStorage(), ...options }),
  })
  return async (token: string, proof?: string | string[], scheme = 'DPoP', method = 'POST') => {
    const headers = new Headers({ Authorization: `${scheme} ${token}` })
    for (const one of [proof ?? []].flat()) headers.append('DPoP', one)
    let seen: AuthInfo | undefined
    const response = await middleware(new Request(audience, { method, headers }), {}, (_, { auth }) => {
      seen = auth
      return new Response('{}')
    })
    const { error } = await response.json()
    return { status: response.status, error, challenge: response.headers.get('WWW-Authenticate'), seen }
  }
}

test('accepts a bound token with a proof for this request', async () => {
  const token = await bound()
  const { status, seen } = await guard()(token, await prove(token))
  expect([status, seen?.token]).toEqual([200, token])
})

test('goes on accepting plain tokens, unless a proof is required', async () => {
  expect((await guard()(await sign(key), undefined, 'Bearer')).status).toBe(200)
  const { status, error } = await guard({ required: true })(await sign(key), undefined, 'Bearer')
  expect([status, error]).toEqual([401, 'invalid_token'])
})

test('[attack 138] a bound token under the Bearer scheme is refused, with or without a proof', async () => {
  const token = await bound()
  for (const proof of [undefined, await prove(token)]) {
    const { status, error } = await guard()(token, proof, 'Bearer')
    expect([status, error]).toEqual([401, 'invalid_token'])
  }
})

test('[attack 138] a token that is bound to nothing is refused under the DPoP scheme', async () => {
  const token = await sign(key)
  const { status, error } = await guard()(token, await prove(token))
  expect([status, error]).toEqual([401, 'invalid_token'])
})

test('[attack 138] a token that is bound to another key, or to a certificate, is refused', async () => {
  for (const cnf of [
    { jkt: await calculateJwkThumbprint(key.jwk) },
    { 'x5t#S256': jkt },
    { jkt, 'x5t#S256': jkt },
    { jkt: [jkt] },
  ]) {
    const token = await bound({ cnf })
    const { status, error } = await guard()(token, await prove(token))
    expect([status, error]).toEqual([401, 'invalid_token'])
  }
})

describe('a proof', () => {
  const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds

  test.each([
    ['for another method', { htm: 'GET' }],
    ['for the method in another case', { htm: 'post' }],
    ['for no method', { htm: undefined }],
    ['for another path', { htu: 'https://mcp.example.com/files/mcp' }],
    ['for another host', { htu: 'https://evil.example/notes/mcp' }],
    ['for another scheme', { htu: 'http://mcp.example.com/notes/mcp' }],
    ['for another port', { htu: 'https://mcp.example.com:8443/notes/mcp' }],
    ['for a longer path', { htu: `${audience}2` }],
    ['for no address', { htu: undefined }],
    ['for a list of addresses', { htu: [audience] }],
    ['that is too old', { iat: ago(61) }],
    ['from the future', { iat: ago(-10) }],
    ['without a time', { iat: undefined }],
    ['with a time in words', { iat: String(ago(0)) }],
    ['for another token', { ath: 'x' }],
    ['for no token', { ath: undefined }],
    ['without an id', { jti: undefined }],
    ['with an empty id', { jti: '' }],
    ['with a number as its id', { jti: 7 }],
  ])('[attack 138] %s is invalid_dpop_proof', async (_, claims) => {
    const token = await bound()
    const { status, error, challenge } = await guard()(token, await prove(token, claims))
    expect([status, error]).toEqual([401, 'invalid_dpop_proof'])
    expect(challenge).toMatch(/^Bearer resource_metadata="[^"]+", DPoP error="invalid_dpop_proof", .*algs="ES256 /)
  })

  test.each([
    ['with another type', { typ: 'JWT' }],
    ['without a type', { typ: undefined }],
    ['without its key', { jwk: undefined }],
    ['with a private key', { jwk: { ...jwk, d: 'AAAA' } }],
    ['with a symmetric key', { jwk: { kty: 'oct', k: 'AAAA' } }],
    ['with a broken key', { jwk: { kty: 'EC' } }],
    ['with a text as its key', { jwk: 'x' }],
    ['with what must be understood', { crit: ['exp'], exp: 1 }],
  ])('[attack 138] %s is invalid_dpop_proof', async (_, header) => {
    const token = await bound()
    const { status, error } = await guard()(token, await prove(token, {}, header))
    expect([status, error]).toEqual([401, 'invalid_dpop_proof'])
  })

  test('[attack 138] signed by another key than it shows is invalid_dpop_proof', async () => {
    const other = await generateKeyPair('ES256')
    const token = await bound()
    const { error } = await guard()(token, await prove(token, {}, {}, other.privateKey))
    expect(error).toBe('invalid_dpop_proof')
  })

  test("[attack 138] with the attacker's own key does not open a stolen token", async () => {
    const attacker = await generateKeyPair('ES256', { extractable: true })
    const token = await bound()
    const proof = await prove(token, {}, { jwk: await exportJWK(attacker.publicKey) }, attacker.privateKey)
    expect(await guard()(token, proof)).toMatchObject({ status: 401, error: 'invalid_token' })
  })

  test('[attack 138] that is missing, twice there, too long or no proof at all is invalid_dpop_proof', async () => {
    const token = await bound()
    for (const proof of [undefined, [await prove(token), await prove(token)], 'x'.repeat(9000), 'abc', 'a.b.c', '']) {
      expect(await guard()(token, proof)).toMatchObject({ status: 401, error: 'invalid_dpop_proof' })
    }
  })

  test('[attack 138] works once, over all processes that share the storage', async () => {
    const storage = memoryStorage()
    const [one, two] = [guard({ storage }), guard({ storage })]
    const token = await bound()
    const proof = await prove(token)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 ? one : two)(token, proof)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ error }) => error === 'invalid_dpop_proof')).toHaveLength(49)
  })

  test('[attack 138] by two clients may have one id', async () => {
    const other = await generateKeyPair('ES256', { extractable: true })
    const otherJwk = await exportJWK(other.publicKey)
    const send = guard()
    const [mine, theirs] = [await bound(), await bound({ cnf: { jkt: await calculateJwkThumbprint(otherJwk) } })]
    expect((await send(mine, await prove(mine, { jti: 'one' }))).status).toBe(200)
    expect((await send(theirs, await prove(theirs, { jti: 'one' }, { jwk: otherJwk }, other.privateKey))).status).toBe(
      200,
    )
  })

  test('for a bad token is not used up, and nothing is stored for it', async () => {
    const storage = memoryStorage()
    const add = vi.spyOn(storage, 'add')
    const token = await bound({ exp: 1 })
    expect(await guard({ storage })(token, await prove(token))).toMatchObject({ status: 401, error: 'invalid_token' })
    expect(add).not.toHaveBeenCalled()
  })

  test('for a request that is refused for its scopes or its age leaves nothing in the storage [finding 14]', async () => {
    const storage = memoryStorage()
    const add = vi.spyOn(storage, 'add')
    const middleware = bearerAuth({ verifier, resource: audience, dpop: dpop({ storage }), requiredScopes: ['admin'] })
    const token = await bound({ scope: 'notes:read' })
    for (let count = 0; count < 10; count++) {
      const headers = { Authorization: `DPoP ${token}`, DPoP: await prove(token) }
      const request = new Request(audience, { method: 'POST', headers })
      expect((await middleware(request, {}, () => new Response('{}'))).status).toBe(403)
    }
    expect(add).not.toHaveBeenCalled()
  })

  test('is tolerated with a query, a fragment, a slash at the end or upper case in its address', async () => {
    for (const htu of [`${audience}?a=1`, `${audience}#a`, `${audience}/`, 'HTTPS://MCP.example.com:443/notes/mcp']) {
      const token = await bound()
      expect((await guard()(token, await prove(token, { htu }))).status).toBe(200)
    }
  })
})

test('a storage that is down is 503', async () => {
  const storage = memoryStorage()
  vi.spyOn(storage, 'add').mockRejectedValue(new GatewayError('temporarily_unavailable', 'down'))
  const token = await bound()
  expect((await guard({ storage })(token, await prove(token))).status).toBe(503)
})

test('[attack 138] a verifier that knows nothing of proofs cannot let an unbound token pass as bound', async () => {
  const careless = {
    verifyAccessToken: async (token: string) => ({ token, clientId: 'app', scopes: [], expiresAt: 9e9 }),
  }
  const token = await bound()
  expect((await guard({}, careless)(token, await prove(token))).status).toBe(401)
})

test('symmetric and unknown algorithms are refused at construction', () => {
  for (const algorithms of [['HS256'], ['none'], []]) {
    expect(() => dpop({ storage: memoryStorage(), algorithms })).toThrow(/algorithms/)
  }
})
