import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import { withVerifiedTokenCache } from '../tokens/verified-token-cache.js'
import { TokenCache } from '../upstream-token/token-cache.js'
import { isWithin } from './is-within.js'
import { refreshing } from './refreshing.js'

const right = Date.parse('2026-11-30T12:00:00Z')
const hours = 3_600_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: right + 6 * hours }))
afterEach(() => void vi.useRealTimers())

test.each([
  [9, false],
  [10, true],
  [14, true],
  [15, false],
])('a span of 5 that begins at 10 has %d: %j', (now, expected) => {
  expect(isWithin(now, 10, 5)).toBe(expected)
})

describe('a clock that was six hours ahead and is put right', () => {
  const limits = { maxAge: 600, cooldown: 30, maxStale: 3600 }

  test('does not keep an old key set in use [finding 17]', async () => {
    const keys = refreshing(vi.fn().mockResolvedValueOnce('old').mockResolvedValue('new'), limits)
    expect(await keys.get()).toBe('old')
    vi.setSystemTime(right)
    expect(await keys.get()).toBe('new')
  })

  test('lets a key set be asked for a new key at once [finding 17]', async () => {
    const keys = refreshing(vi.fn().mockResolvedValueOnce('old').mockResolvedValue('new'), limits)
    await keys.get()
    vi.setSystemTime(right)
    expect(await keys.newer('old')).toBe('new')
  })

  test('does not make a source wait for hours that failed once [finding 17]', async () => {
    const keys = refreshing(vi.fn().mockRejectedValueOnce(new Error('down')).mockResolvedValue('here'), limits)
    await expect(keys.get()).rejects.toThrow('cannot be loaded')
    vi.setSystemTime(right)
    expect(await keys.get()).toBe('here')
  })

  test('does not refuse a good token for hours, and hears of a revocation [finding 17]', async () => {
    const expiresAt = right / 1000 + hours / 1000
    const isRevoked = vi.fn().mockResolvedValue(false)
    const verifier = withVerifiedTokenCache(
      async () => {
        if (Date.now() >= expiresAt * 1000) throw new GatewayError('invalid_token', 'The token has expired')
        return { clientId: 'a', scopes: [], expiresAt, resource: undefined, extra: { claims: {} } } as never
      },
      { isRevoked, revocationMaxAge: 60 },
    )
    await expect(verifier.verifyAccessToken('token')).rejects.toThrow('expired')
    vi.setSystemTime(right)
    await verifier.verifyAccessToken('token')
    vi.setSystemTime(right - 6 * hours)
    isRevoked.mockResolvedValue(true)
    await expect(verifier.verifyAccessToken('token')).rejects.toThrow('revoked')
  })

  test('does not keep a token of an upstream for hours after its end [finding 17]', async () => {
    const cache = new TokenCache()
    const issue = vi.fn().mockResolvedValue({ value: 'token', expiresIn: 300 })
    await cache.get('key', issue)
    vi.setSystemTime(right)
    await cache.get('key', issue)
    expect(issue).toHaveBeenCalledTimes(2)
    await cache.get('key', issue)
    expect(issue).toHaveBeenCalledTimes(2)
  })
})
