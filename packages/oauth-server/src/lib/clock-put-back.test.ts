import { expect, test, vi } from 'vitest'
import { createClientKeySets } from './client-metadata/client-key-sets.js'
import { createRevocationCheck } from './revocation/revocation-check.js'

const hour = 3600

/** A clock in seconds that is six hours ahead until somebody puts it right. */
function aheadClock() {
  let ahead = 6 * hour
  return Object.assign(() => 1_800_000_000 + ahead, {
    putRight: () => {
      ahead = 0
    },
  })
}

test('a clock that was ahead does not hide a revocation for hours [finding 17]', async () => {
  const clock = aheadClock()
  const grant = { value: { user: { subject: 'ada' } }, version: '1' }
  const read = vi.fn().mockResolvedValueOnce(grant).mockResolvedValue(undefined)
  const isRevoked = createRevocationCheck({ read, isLive: () => true } as never, 10, clock)
  const auth = { extra: { claims: { grant_id: 'a' } } } as never
  expect(await isRevoked(auth)).toBe(false)
  clock.putRight()
  expect(await isRevoked(auth)).toBe(true)
})

test('a clock that was ahead does not keep a new key of a client away for hours [finding 17]', async () => {
  const clock = aheadClock()
  const set = (kid: string) => Response.json({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), kid }] })
  const fetch = vi.fn().mockResolvedValueOnce(set('old')).mockResolvedValueOnce(set('new'))
  const keySets = createClientKeySets(fetch, clock)
  const uri = 'https://client.example/jwks'
  const asker = { context: {}, vouched: true }
  expect((await keySets(uri, 'old', asker)).keys[0]?.kid).toBe('old')
  clock.putRight()
  expect((await keySets(uri, 'new', asker)).keys[0]?.kid).toBe('new')
})
