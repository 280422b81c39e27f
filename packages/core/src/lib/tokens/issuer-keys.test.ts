import type { JSONWebKeySet } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import { createTokenVerifier, type TokenVerifierOptions } from './create-token-verifier.js'

const old = await testKey('ES256', 'old')
const fresh = await testKey('ES256', 'fresh')
const jwksUri = 'https://login.example.com/jwks'

/** What the issuer answers, and how often it was asked for what. */
let answer: (url: string) => Response | Promise<Response>
let fetched: string[]
const keys = (set: JSONWebKeySet) => () => Response.json(set)

const verifier = (options: Partial<TokenVerifierOptions> = {}) =>
  createTokenVerifier({
    issuer,
    audience,
    jwksUri,
    fetch: async (url) => {
      fetched.push(String(url))
      return answer(String(url))
    },
    ...options,
  })

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  fetched = []
  answer = keys(keySet(old))
})

afterEach(() => void vi.useRealTimers())

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

describe('loading', () => {
  test('asks nobody anything before the first token that could be good', async () => {
    const checked = verifier()
    await expect(checked.verifyAccessToken('abc')).rejects.toMatchObject({ code: 'invalid_token' })
    for (const token of [await sign(old, { iss: 'https://other.example' }), await sign(old, {}, { typ: 'JWT' })]) {
      await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    }
    expect(fetched).toEqual([])
    await checked.verifyAccessToken(await sign(old))
    expect(fetched).toEqual([jwksUri])
  })

  test('[attack 132] a concurrent cold start makes one fetch', async () => {
    const checked = verifier()
    const tokens = await Promise.all(Array.from({ length: 50 }, () => sign(old)))
    await Promise.all(tokens.map((token) => checked.verifyAccessToken(token)))
    expect(fetched).toHaveLength(1)
  })

  test('on Workers no request waits for what another one began', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    const checked = verifier()
    let first = true
    answer = () => {
      // The request that began this was cancelled.
      if (first) {
        first = false
        return new Promise(() => {})
      }
      return Response.json(keySet(old))
    }
    const token = await sign(old)
    checked.verifyAccessToken(token).catch(() => {})
    expect((await checked.verifyAccessToken(token)).clientId).toBe('app')
  })

  test('finds the keys by the metadata of OAuth, or else of OpenID Connect', async () => {
    for (const [name, where] of [
      ['https://login.example.com/t1', 'https://login.example.com/.well-known/oauth-authorization-server/t1'],
      ['https://login.example.com/t1', 'https://login.example.com/t1/.well-known/openid-configuration'],
      ['https://login.example.com/', 'https://login.example.com/.well-known/openid-configuration'],
    ] as const) {
      answer = (url) => {
        if (url === jwksUri) return Response.json(keySet(old))
        if (url === where) return Response.json({ issuer: name, jwks_uri: jwksUri })
        return new Response('<html>', { status: 404 })
      }
      await verifier({ issuer: name, jwksUri: undefined }).verifyAccessToken(await sign(old, { iss: name }))
    }
  })

  test.each([
    ['is of another issuer', { issuer: 'https://login.example.com/', jwks_uri: jwksUri }],
    ['names no keys', { issuer }],
    ['is a list', []],
  ])('metadata that %s is not used', async (_, metadata) => {
    answer = (url) => (url === jwksUri ? Response.json(keySet(old)) : Response.json(metadata))
    const checked = verifier({ jwksUri: undefined })
    await expect(checked.verifyAccessToken(await sign(old))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    expect(fetched).not.toContain(jwksUri)
  })
})

describe('an unknown kid', () => {
  test('[attack 132] in a flood makes one fetch per cool-down', async () => {
    const checked = verifier()
    await checked.verifyAccessToken(await sign(old))
    for (const seconds of [0, 10, 19]) {
      later(seconds)
      for (let index = 0; index < 100; index++) {
        const token = await sign(old, {}, { kid: `unknown-${seconds}-${index}` })
        await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
      }
    }
    expect(fetched).toHaveLength(1)
    later(2)
    const flood = Array.from({ length: 100 }, (_, index) => sign(old, {}, { kid: `late-${index}` }))
    for (const token of flood) {
      await expect(checked.verifyAccessToken(await token)).rejects.toMatchObject({ code: 'invalid_token' })
    }
    expect(fetched).toHaveLength(2)
  })

  test('[attack 133] of a new key is accepted after the cool-down at the latest', async () => {
    const checked = verifier()
    await checked.verifyAccessToken(await sign(old))
    answer = keys(keySet(old, fresh))
    later(31)
    await checked.verifyAccessToken(await sign(fresh))
    await checked.verifyAccessToken(await sign(old))
    expect(fetched).toHaveLength(2)
  })

  test('[attack 133] of a removed key is refused once the keys are too old', async () => {
    const checked = verifier({ jwksMaxAge: 600 })
    await checked.verifyAccessToken(await sign(old))
    answer = keys(keySet(fresh))
    later(599)
    await checked.verifyAccessToken(await sign(old))
    later(2)
    await expect(checked.verifyAccessToken(await sign(old))).rejects.toMatchObject({ code: 'invalid_token' })
    await checked.verifyAccessToken(await sign(fresh))
  })

  test('of a key that a function in this process has just made works within a second', async () => {
    let current = keySet(old)
    const checked = verifier({ jwks: async () => current, jwksUri: undefined })
    await checked.verifyAccessToken(await sign(old))
    current = keySet(old, fresh)
    later(1.1)
    await checked.verifyAccessToken(await sign(fresh))
  })
})

describe('an endpoint that fails', () => {
  test('[attack 132] is asked exponentially less often, and tokens are not refused for it', async () => {
    const checked = verifier()
    answer = () => Promise.reject(new TypeError('fetch failed'))
    const attempts: number[] = []
    for (let second = 0; second < 100; second++) {
      const before = fetched.length
      await expect(checked.verifyAccessToken(await sign(old))).rejects.toMatchObject({
        code: 'temporarily_unavailable',
      })
      if (fetched.length > before) attempts.push(second)
      later(1)
    }
    expect(attempts).toEqual([0, 2, 6, 14, 30, 62])
    answer = keys(keySet(old))
    later(60)
    await checked.verifyAccessToken(await sign(old))
  })

  test('[attack 132] makes at most two fetches for 20 verifications', async () => {
    const checked = verifier()
    answer = () => new Response('down', { status: 500 })
    for (let index = 0; index < 20; index++) {
      await expect(checked.verifyAccessToken(await sign(old))).rejects.toMatchObject({
        code: 'temporarily_unavailable',
      })
    }
    expect(fetched.length).toBeLessThanOrEqual(2)
  })

  test('[attack 132] leaves the keys that are there in use, for a day', async () => {
    const checked = verifier()
    await checked.verifyAccessToken(await sign(old))
    answer = () => new Response('down', { status: 503 })
    for (const seconds of [601, 3600, 40_000, 40_000]) {
      later(seconds)
      await checked.verifyAccessToken(await sign(old))
    }
    later(3600)
    await expect(checked.verifyAccessToken(await sign(old))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    answer = keys(keySet(old))
    later(61)
    await checked.verifyAccessToken(await sign(old))
  })

  test('[attack 132] once it is known to hang, keeps nobody waiting who has keys', async () => {
    const checked = verifier()
    await checked.verifyAccessToken(await sign(old))
    answer = () => new Response('down', { status: 503 })
    later(601)
    await checked.verifyAccessToken(await sign(old))
    answer = () => new Promise(() => {})
    later(10)
    await checked.verifyAccessToken(await sign(old))
    expect(fetched).toHaveLength(3)
  })

  test('an unknown kid is then undecided, not refused', async () => {
    const checked = verifier()
    await checked.verifyAccessToken(await sign(old))
    answer = () => new Response('down', { status: 503 })
    later(31)
    await expect(checked.verifyAccessToken(await sign(fresh))).rejects.toMatchObject({
      code: 'temporarily_unavailable',
    })
  })

  test('[attack 132] a real endpoint that hangs ends in a timeout', async () => {
    vi.useRealTimers()
    const { boundedFetch } = await import('../outbound/bounded-fetch.js')
    const hanging = boundedFetch(
      (_, init) =>
        new Promise((__, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))),
      { timeout: 0.1 },
    )
    const checked = verifier({ fetch: hanging })
    await expect(checked.verifyAccessToken(await sign(old))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })
})

describe('a hostile key set', () => {
  test('[attack 134] of 10 MB is cut off by the default fetch', async () => {
    const body = JSON.stringify({ keys: [old.jwk], padding: 'x'.repeat(10_000_000) })
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(body))
    const checked = verifier({ fetch: undefined })
    await expect(checked.verifyAccessToken(await sign(old))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  test('[attack 134] of 10000 keys is used no further than 200', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({ ...fresh.jwk, kid: `k${index}` }))
    answer = keys({ keys: [...many.slice(0, 100), old.jwk, ...many.slice(100)] })
    const checked = verifier()
    await checked.verifyAccessToken(await sign(old))
    await expect(checked.verifyAccessToken(await sign(fresh, {}, { kid: 'k9000' }))).rejects.toMatchObject({
      code: 'invalid_token',
    })
  })

  test('[attack 134] private, symmetric, foreign and broken keys in it are left out', async () => {
    const hostile = [
      null,
      7,
      'key',
      [],
      {},
      { kty: 'oct', k: 'c2VjcmV0', kid: 'old', alg: 'HS256' },
      { ...old.jwk, d: 'AAAA' },
      { ...old.jwk, use: 'enc' },
      { ...old.jwk, key_ops: ['encrypt'] },
      { ...old.jwk, key_ops: 'verify' },
      { ...old.jwk, kty: 'EC2' },
      { ...old.jwk, crv: 'secp256k1' },
    ]
    answer = keys({ keys: [...hostile, old.jwk, fresh.jwk] } as JSONWebKeySet)
    await verifier().verifyAccessToken(await sign(old))
    answer = keys({ keys: [...hostile, { ...old.jwk, x: '!' }] } as JSONWebKeySet)
    await expect(verifier().verifyAccessToken(await sign(old))).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test.each(['<html>', '[]', '{}', '{"keys":7}', 'null', ''])(
    '[attack 134] "%s" is no key set, and an outage',
    async (body) => {
      answer = () => new Response(body)
      await expect(verifier().verifyAccessToken(await sign(old))).rejects.toMatchObject({
        code: 'temporarily_unavailable',
      })
    },
  )
})
