import fc from 'fast-check'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { Storage } from '../contract/storage.js'
import { memoryStorage } from '../storage/memory-storage.js'
import type { KeyRing } from './key-ring.js'
import { createSigningKeys, type SigningKeys, type SigningKeysOptions } from './signing-keys.js'

const issuer = 'http://127.0.0.1:8787'
const record = `oauth:keys:${issuer}`
const hour = 3600
const day = 24 * hour

/** Replicas over one store. The store keeps the true time; each replica's clock may be wrong by any number of seconds. */
function world(options: Partial<SigningKeysOptions> = {}) {
  let time = 1_800_000_000
  const storage = memoryStorage({ now: () => time * 1000 })
  return {
    storage,
    now: () => time,
    pass: (seconds: number): void => {
      time += seconds
    },
    replica(wrongBy = 0) {
      const clock = { wrongBy }
      const now = () => (time + clock.wrongBy) * 1000
      return { clock, keys: createSigningKeys({ issuer, storage, retention: day, now, ...options }) }
    },
  }
}

const ringOf = async (storage: Storage): Promise<KeyRing> => JSON.parse((await storage.get(record))?.value ?? '')
const sign = (keys: SigningKeys) => keys.sign({}, { typ: 'at+jwt' })
const verify = async (token: string, keys: SigningKeys) =>
  jwtVerify(token, createLocalJWKSet(await keys.jwks()), { clockTolerance: '100 years' })

describe('a clock that was wrong', () => {
  test.each([
    ['six hours', 6 * hour],
    ['a year', 365 * day],
  ])('by %s at the first start stops no replica from signing later [finding 17]', async (_, wrongBy) => {
    const { storage, now, replica } = world()
    await sign(replica(wrongBy).keys)
    const { keys } = replica()
    const token = await sign(keys)
    await verify(token, keys)
    for (const { signsFrom } of (await ringOf(storage)).keys) expect(signsFrom).toBeLessThanOrEqual(now())
  })

  test('leaves a key of the far future behind, which is brought forward by the first replica that sees it [finding 17]', async () => {
    const { storage, now, pass, replica } = world()
    const right = replica()
    const old = decodeProtectedHeader(await sign(right.keys)).kid
    await replica(365 * day).keys.jwks()
    expect((await ringOf(storage)).keys.at(-1)?.signsFrom).toBeGreaterThan(now() + 300 * day)

    pass(61)
    expect(decodeProtectedHeader(await sign(right.keys)).kid).toBe(old)
    expect((await ringOf(storage)).keys.at(-1)?.signsFrom).toBe(now() + 600)
    pass(601)
    expect(decodeProtectedHeader(await sign(right.keys)).kid).not.toBe(old)
  })

  test('does not hold up a rotation that somebody asks for [finding 17]', async () => {
    const { pass, replica } = world()
    await replica(365 * day).keys.jwks()
    const { keys } = replica()
    const before = decodeProtectedHeader(await sign(keys)).kid
    pass(1)
    await keys.rotate()
    pass(601)
    expect(decodeProtectedHeader(await sign(keys)).kid).not.toBe(before)
  })

  test('and is put back does not keep an old ring in use [finding 17]', async () => {
    const { pass, replica } = world()
    const jumping = replica(5 * hour)
    await sign(jumping.keys)
    jumping.clock.wrongBy = -5 * hour
    pass(1)
    const other = replica()
    await other.keys.rotate()
    pass(61)
    const token = await sign(other.keys)
    await verify(token, jumping.keys)
    expect((await jumping.keys.jwks()).keys).toEqual((await other.keys.jwks()).keys)
  })

  test('drops no key whose tokens are in circulation [finding 17]', async () => {
    const { pass, replica } = world()
    const right = replica()
    const token = await sign(right.keys)
    pass(1)
    await right.keys.rotate()
    pass(hour)
    await sign(right.keys)
    const wrong = replica(400 * day)
    await wrong.keys.jwks()
    pass(61)
    await wrong.keys.jwks()
    pass(61)
    for (const { keys } of [right, wrong, replica()]) await verify(token, keys)
  })

  test('drops no key that a slower replica signs with [finding 17]', async () => {
    const { storage, pass, replica } = world()
    const [fast, slow] = [replica(30 * hour), replica()]
    await sign(slow.keys)
    pass(1)
    await fast.keys.rotate()
    for (let step = 0; step < 60; step++) {
      pass(61)
      const token = await sign(slow.keys)
      await fast.keys.jwks()
      await verify(token, fast.keys)
    }
    expect((await ringOf(storage)).keys.length).toBeLessThanOrEqual(3)
  })

  test('and runs ahead signs with no key that the other replicas have not published [finding 17]', async () => {
    const { pass, replica } = world()
    const [fast, slow] = [replica(5 * hour), replica(-5 * hour)]
    for (const { keys } of [fast, slow]) await sign(keys)
    for (let step = 0; step < 40; step++) {
      if (step === 5) await fast.keys.rotate()
      if (step === 20) await slow.keys.rotate()
      const tokens = await Promise.all([sign(fast.keys), sign(slow.keys)])
      for (const token of tokens) for (const { keys } of [fast, slow]) await verify(token, keys)
      pass(59)
    }
  })

  test('is followed by the retirement of the old keys as ever [finding 17]', async () => {
    const { pass, replica } = world()
    const right = replica()
    await sign(right.keys)
    await replica(365 * day).keys.jwks()
    for (let step = 0; step < 3; step++) {
      pass(61)
      await right.keys.jwks()
    }
    pass(600)
    await right.keys.jwks()
    pass(day + 1000)
    expect((await right.keys.jwks()).keys).toHaveLength(1)
  })
})

test('whatever clocks do, every replica can sign and every live token can be verified [finding 17]', async () => {
  const offset = fc.oneof(
    fc.integer({ min: -6 * hour, max: 6 * hour }),
    fc.constantFrom(0, 400 * day, -400 * day, 91 * day),
  )
  const step = fc.record({
    pass: fc.constantFrom(1, 30, 61, 300, 601, hour, 6 * hour, 30 * day, 100 * day),
    who: fc.nat(2),
    jump: fc.option(offset),
    rotate: fc.nat(9).map((value) => value === 0),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(offset, { minLength: 3, maxLength: 3 }),
      fc.array(step, { maxLength: 40 }),
      async (offsets, steps) => {
        const { storage, now, pass, replica } = world({ algorithm: 'EdDSA' })
        const replicas = offsets.map((each) => replica(each))
        let live: { token: string; until: number }[] = []
        for (const { pass: seconds, who, jump, rotate } of steps) {
          const one = replicas[who] as ReturnType<typeof replica>
          if (jump !== null) one.clock.wrongBy = jump
          if (rotate) await one.keys.rotate()
          live.push({ token: await sign(one.keys), until: now() + day })
          pass(seconds)
          live = live.filter(({ until }) => until > now())
          const fresh = replica(one.clock.wrongBy)
          for (const { token } of live) await verify(token, fresh.keys)
          expect((await ringOf(storage)).keys.length).toBeLessThan(60)
        }
      },
    ),
    { numRuns: 60 },
  )
}, 60_000)

describe('who can write to the store', () => {
  const encryptionKeys = ['A'.repeat(43)]

  test('cannot have a key of their own published or signed with [finding 18]', async () => {
    const { storage, pass, replica } = world({ encryptionKeys })
    const { keys } = replica()
    const kid = decodeProtectedHeader(await sign(keys)).kid
    const foreign = memoryStorage()
    const attacker = createSigningKeys({ issuer, storage: foreign })
    await sign(attacker)
    const [planted] = (await ringOf(foreign)).keys
    const [own] = (await ringOf(storage)).keys
    if (!planted || !own) throw new Error('there are no keys')
    for (const forged of [
      planted,
      { ...planted, privateKey: own.privateKey },
      { ...planted, privateKey: own.privateKey, kid: own.kid },
      { ...own, publicKey: planted.publicKey },
      { ...own, kid: 'other' },
      { ...own, alg: 'RS256' as const },
    ]) {
      await storage.set(record, JSON.stringify({ keys: [own, forged] }), { ttl: null })
      pass(61)
      expect((await keys.jwks()).keys.map((each) => each.kid)).toEqual([kid])
      expect(decodeProtectedHeader(await sign(replica().keys)).kid).toBe(kid)
    }
  })

  test('cannot give one issuer the keys of another [finding 18]', async () => {
    const { storage } = world()
    const other = createSigningKeys({ issuer: `${issuer}/tenant`, storage, encryptionKeys })
    const kid = decodeProtectedHeader(await sign(other)).kid
    const moved = (await storage.get(`${record}/tenant`))?.value ?? ''
    await storage.set(record, moved, { ttl: null })
    const keys = createSigningKeys({ issuer, storage, encryptionKeys })
    expect(decodeProtectedHeader(await sign(keys)).kid).not.toBe(kid)
    expect((await keys.jwks()).keys.map((each) => each.kid)).not.toContain(kid)
  })
})
