import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import { BoundedMap } from '../cache/bounded-map.js'
import { createTokenVerifier, type TokenVerifierOptions } from './create-token-verifier.js'
import { invalidToken } from './invalid-token.js'
import { tokenKey } from './token-key.js'
import type { VerifiedToken } from './verified-token.js'
import { withVerifiedTokenCache } from './verified-token-cache.js'

const key = await testKey()
/** Keys that count how often a signature was looked at. */
const counted = () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  return () => verify.mock.calls.length
}
const verifier = (options: Partial<TokenVerifierOptions> = {}) =>
  createTokenVerifier({ issuer, audience, jwks: keySet(key), ...options })
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() }))
afterEach(() => void vi.useRealTimers())

const found: VerifiedToken = {
  clientId: 'app',
  scopes: ['a'],
  expiresAt: 9_999_999_999,
  extra: { issuer, subject: 'alice', roles: [], groups: [], claims: { address: { city: 'x' } } },
}

describe('a token that was verified', () => {
  test('is not verified again', async () => {
    const signatures = counted()
    const checked = verifier()
    const token = await sign(key)
    const first = await checked.verifyAccessToken(token)
    expect(await checked.verifyAccessToken(token)).toEqual(first)
    expect(signatures()).toBe(1)
  })

  test('[attack 135] is never believed past its expiry', async () => {
    const checked = verifier()
    const token = await sign(key, { exp: Math.floor(Date.now() / 1000) + 60 })
    await checked.verifyAccessToken(token)
    later(59)
    await checked.verifyAccessToken(token)
    later(10)
    await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('[attack 136] is known by all of it: a changed signature is looked at', async () => {
    const signatures = counted()
    const checked = verifier()
    const token = await sign(key)
    await checked.verifyAccessToken(token)
    const at = token.lastIndexOf('.') + 5
    const forged = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    await expect(checked.verifyAccessToken(forged)).rejects.toMatchObject({ code: 'invalid_token' })
    expect(signatures()).toBe(2)
    expect(tokenKey(token)).not.toBe(tokenKey(forged))
    expect(tokenKey(token)).toHaveLength(32)
  })

  test('[attack 136] is known by itself where no hash can be had at once', async () => {
    vi.resetModules()
    vi.stubGlobal('process', undefined)
    const { tokenKey: withoutHash } = await import('./token-key.js')
    expect(withoutHash('token')).toBe('token')
  })

  test('[attack 137] means nothing to the verifier of another audience', async () => {
    const notes = verifier()
    const files = verifier({ audience: 'https://mcp.example.com/files/mcp' })
    const token = await sign(key)
    await notes.verifyAccessToken(token)
    await expect(files.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    await notes.verifyAccessToken(token)
  })

  test('cannot be changed for others by one who got it', async () => {
    const checked = withVerifiedTokenCache(async () => found)
    const first = await checked.verifyAccessToken('token')
    first.scopes.push('admin')
    expect(() => Object.assign(first.extra as object, { subject: 'root' })).toThrow(TypeError)
    const { address } = (first.extra as VerifiedToken['extra']).claims
    expect(() => Object.assign(address as object, { city: 'y' })).toThrow(TypeError)
    expect(await checked.verifyAccessToken('token')).toMatchObject({ scopes: ['a'], extra: { subject: 'alice' } })
  })

  test('has a resource that nobody can change', async () => {
    const checked = verifier()
    const token = await sign(key)
    const { resource } = await checked.verifyAccessToken(token)
    expect(resource).toBeInstanceOf(URL)
    for (const name of ['href', 'host', 'pathname', 'search', 'hash'] as const) {
      expect(() => Object.assign(resource as URL, { [name]: 'https://evil.example/' })).toThrow(TypeError)
    }
    resource?.searchParams.set('a', 'b')
    const again = (await checked.verifyAccessToken(token)).resource
    expect([again?.href, String(again), JSON.stringify({ again }), new URL(again as URL).href]).toEqual([
      audience,
      audience,
      JSON.stringify({ again: audience }),
      audience,
    ])
    expect(again).toEqual(new URL(audience))
  })

  test('is verified once for callers that come at the same time', async () => {
    const verify = vi.fn(async () => found)
    const checked = withVerifiedTokenCache(verify)
    await Promise.all(Array.from({ length: 50 }, () => checked.verifyAccessToken('token')))
    expect(verify).toHaveBeenCalledTimes(1)
  })

  test('is verified each time where the cache is off', async () => {
    const verify = vi.fn(async () => found)
    const checked = withVerifiedTokenCache(verify, { cacheSize: 0 })
    for (let index = 0; index < 3; index++) await checked.verifyAccessToken('token')
    expect(verify).toHaveBeenCalledTimes(3)
  })
})

describe('revocation', () => {
  test('[attack 135] is asked for every time, and honoured at once', async () => {
    const isRevoked = vi.fn(() => false)
    const checked = verifier({ isRevoked })
    const token = await sign(key)
    await checked.verifyAccessToken(token)
    await checked.verifyAccessToken(token)
    expect(isRevoked).toHaveBeenCalledTimes(2)
    expect(isRevoked).toHaveBeenLastCalledWith(expect.objectContaining({ clientId: 'app', extra: expect.anything() }))
    isRevoked.mockReturnValue(true)
    await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('[attack 135] is honoured within revocationMaxAge where that is set', async () => {
    let revoked = false
    const checked = verifier({ isRevoked: async () => revoked, revocationMaxAge: 5 })
    const token = await sign(key)
    await checked.verifyAccessToken(token)
    revoked = true
    later(4.9)
    await checked.verifyAccessToken(token)
    later(0.1)
    await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    later(1)
    await expect(checked.verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
    await expect(checked.verifyAccessToken(await sign(key))).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('that cannot be asked is no refusal and no permission', async () => {
    const checked = verifier({ isRevoked: () => Promise.reject(new Error('redis is down')) })
    await expect(checked.verifyAccessToken(await sign(key))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })
})

describe('a token that was refused', () => {
  test('[attack 135] is refused again without work, for a second', async () => {
    const verify = vi.fn(async () => {
      throw invalidToken('is bad')
    })
    const checked = withVerifiedTokenCache(verify)
    for (let index = 0; index < 5; index++) {
      await expect(checked.verifyAccessToken('token')).rejects.toMatchObject({ code: 'invalid_token' })
    }
    expect(verify).toHaveBeenCalledTimes(1)
    later(1)
    await expect(checked.verifyAccessToken('token')).rejects.toMatchObject({ code: 'invalid_token' })
    expect(verify).toHaveBeenCalledTimes(2)
  })

  test('[attack 135] is forgotten where there are too many', async () => {
    const verify = vi.fn(async () => {
      throw invalidToken('is bad')
    })
    const checked = withVerifiedTokenCache(verify)
    for (let index = 0; index <= 1500; index++) await checked.verifyAccessToken(`token ${index}`).catch(() => {})
    await checked.verifyAccessToken('token 0').catch(() => {})
    expect(verify).toHaveBeenCalledTimes(1502)
  })

  test('because nobody could tell is tried again at once', async () => {
    const verify = vi.fn(async () => found).mockRejectedValueOnce(new Error('down'))
    const checked = withVerifiedTokenCache(verify)
    await expect(checked.verifyAccessToken('token')).rejects.toThrow('down')
    await checked.verifyAccessToken('token')
  })
})

describe('the bounded map', () => {
  test('never holds more than its size, and keeps what is in use', () => {
    const map = new BoundedMap<number>(100)
    map.set('kept', -1)
    for (let index = 0; index < 10_000; index++) {
      map.set(`key ${index}`, index)
      expect(map.get('kept')).toBe(-1)
      expect(map.size).toBeLessThanOrEqual(100)
    }
    expect(map.get('key 9999')).toBe(9999)
    expect(map.get('key 1')).toBeUndefined()
  })

  test('holds a new value, and nothing of size 0', () => {
    const map = new BoundedMap<number>(4)
    for (const key of ['a', 'b', 'c', 'a']) map.set(key, 1)
    map.set('a', 2)
    expect(map.get('a')).toBe(2)
    const none = new BoundedMap<number>(0)
    none.set('a', 1)
    expect(none.get('a')).toBeUndefined()
  })
})
