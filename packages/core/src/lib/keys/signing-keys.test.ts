import { createLocalJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Storage } from '../contract/storage.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createSigningKeys, type SigningKeysOptions } from './signing-keys.js'

const issuer = 'http://127.0.0.1:8787'
const publicIssuer = 'https://mcp.example.com'
const key = 'A'.repeat(43)
const day = 86_400

function clock() {
  let offset = 0
  return {
    now: () => 1_800_000_000_000 + offset * 1000,
    advance: (seconds: number): void => {
      offset += seconds
    },
  }
}

function start(options: Partial<SigningKeysOptions> = {}) {
  const time = clock()
  const storage = options.storage ?? memoryStorage({ now: time.now })
  const replica = () => createSigningKeys({ issuer, storage, now: time.now, ...options })
  return { time, storage, replica, keys: replica() }
}

const kid = (token: string): string | undefined => decodeProtectedHeader(token).kid

describe('generated keys', () => {
  test.each(['ES256', 'RS256', 'EdDSA'] as const)('sign and verify with %s', async (algorithm) => {
    const { keys } = start({ algorithm })
    const token = await keys.sign({ sub: 'alice' }, { typ: 'at+jwt' })
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: algorithm, typ: 'at+jwt' })
    const { payload } = await jwtVerify(token, createLocalJWKSet(await keys.jwks()), { algorithms: [algorithm] })
    expect(payload).toEqual({ sub: 'alice' })
  })

  test('are made at the first use, not at construction', async () => {
    const { storage, keys } = start()
    expect(await storage.get(`oauth:keys:${issuer}`)).toBeUndefined()
    await keys.jwks()
    expect(await storage.get(`oauth:keys:${issuer}`)).toBeDefined()
  })

  test('are the same for replicas that start at once', async () => {
    const { replica } = start()
    const tokens = await Promise.all(Array.from({ length: 20 }, () => replica().sign({}, { typ: 'at+jwt' })))
    expect(new Set(tokens.map(kid)).size).toBe(1)
  })

  test('show no private member in the set [attack 9]', async () => {
    for (const algorithm of ['ES256', 'RS256', 'EdDSA'] as const) {
      for (const jwk of (await start({ algorithm }).keys.jwks()).keys) {
        for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(jwk).not.toHaveProperty(member)
      }
    }
  })
})

describe('rotation', () => {
  test('publishes a key before it signs, on every replica, and keeps the old one as long as its tokens live [attack 9]', async () => {
    const { time, replica } = start({ rotation: 30 * day, retention: day })
    const [one, two] = [replica(), replica()]
    const old = kid(await one.sign({}, { typ: 'at+jwt' }))
    time.advance(30 * day - 599)
    expect((await one.jwks()).keys).toHaveLength(2)
    expect(kid(await one.sign({}, { typ: 'at+jwt' }))).toBe(old)
    time.advance(61)
    expect((await two.jwks()).keys).toHaveLength(2)
    time.advance(600)
    const next = kid(await one.sign({}, { typ: 'at+jwt' }))
    expect(next).not.toBe(old)
    expect(kid(await two.sign({}, { typ: 'at+jwt' }))).toBe(next)
    time.advance(day - 120)
    expect((await one.jwks()).keys.map((each) => each.kid)).toContain(old)
    time.advance(300)
    expect((await one.jwks()).keys.map((each) => each.kid)).toEqual([next])
  })

  test('by many replicas at once makes one key', async () => {
    const { time, replica } = start({ rotation: 30 * day })
    const replicas = Array.from({ length: 10 }, replica)
    await Promise.all(replicas.map((each) => each.jwks()))
    time.advance(31 * day)
    const sets = await Promise.all(replicas.map((each) => each.jwks()))
    expect(new Set(sets.map((set) => set.keys.map((each) => each.kid).join())).size).toBe(1)
    expect(sets[0]?.keys).toHaveLength(2)
  })

  test('can be asked for, and asking twice does not pile up keys', async () => {
    const { time, keys } = start()
    const old = kid(await keys.sign({}, { typ: 'at+jwt' }))
    time.advance(1)
    await keys.rotate()
    await keys.rotate()
    expect((await keys.jwks()).keys).toHaveLength(2)
    time.advance(601)
    expect(kid(await keys.sign({}, { typ: 'at+jwt' }))).not.toBe(old)
  })

  test('can be off', async () => {
    const { time, keys } = start({ rotation: 0 })
    const first = kid(await keys.sign({}, { typ: 'at+jwt' }))
    time.advance(5000 * day)
    expect(kid(await keys.sign({}, { typ: 'at+jwt' }))).toBe(first)
  })

  test('to another algorithm and back never drops a key that a live token is signed with [attack 9]', async () => {
    const { time, storage } = start()
    const retention = day
    const options = { issuer, storage, now: time.now, retention, rotation: 30 * day }
    const live: { token: string; until: number }[] = []
    const algorithms = ['ES256', 'EdDSA', 'ES256', 'EdDSA', 'ES256'] as const
    for (const [index, algorithm] of algorithms.entries()) {
      const keys = createSigningKeys({ ...options, algorithm })
      // Three quarters of the retention, so that each change comes before the one before is forgotten
      for (let step = 0; step < 36; step++) {
        live.push({ token: await keys.sign({}, { typ: 'at+jwt' }), until: time.now() + retention * 1000 })
        time.advance(day / 48)
        const set = createLocalJWKSet(await keys.jwks())
        for (const { token, until } of live) {
          if (until > time.now()) await jwtVerify(token, set, { clockTolerance: '100 years' })
        }
      }
      expect(decodeProtectedHeader(live.at(-1)?.token ?? '').alg, `after change ${index}`).toBe(algorithm)
    }
    const last = createSigningKeys({ ...options, algorithm: 'ES256' })
    time.advance(2 * day)
    expect((await last.jwks()).keys).toHaveLength(1)
  })

  test('to another algorithm keeps the old key published', async () => {
    const { storage, time, keys } = start()
    const old = kid(await keys.sign({}, { typ: 'at+jwt' }))
    const changed = createSigningKeys({ issuer, storage, now: time.now, algorithm: 'EdDSA' })
    expect(kid(await changed.sign({}, { typ: 'at+jwt' }))).toBe(old)
    time.advance(601)
    expect(decodeProtectedHeader(await changed.sign({}, { typ: 'at+jwt' })).alg).toBe('EdDSA')
    const { keys: published } = await changed.jwks()
    expect(published.map((each) => each.kid)).toContain(old)
    expect(published).toHaveLength(2)
  })
})

describe('at rest', () => {
  test('a public issuer refuses to store private keys in plain', () => {
    for (const url of [
      publicIssuer,
      'https://localhost.evil.com',
      'https://127.0.0.1.evil.com',
      'https://192.168.0.1',
    ]) {
      expect(() => createSigningKeys({ issuer: url, storage: memoryStorage() })).toThrow(/encryptionKeys/)
    }
    expect(() =>
      createSigningKeys({ issuer: publicIssuer, storage: sharedMemory(), encryptionKeys: [key] }),
    ).not.toThrow()
  })

  test('a public issuer refuses keys that no other process sees, unless there is none', () => {
    const options = { issuer: publicIssuer, storage: memoryStorage(), encryptionKeys: [key] }
    expect(() => createSigningKeys(options)).toThrow(/dangerouslyAllowSingleProcessStorage/)
    expect(() => createSigningKeys({ ...options, dangerouslyAllowSingleProcessStorage: true })).not.toThrow()
    expect(() => createSigningKeys({ ...options, issuer: 'http://127.0.0.1:8787' })).not.toThrow()
  })

  test('an encrypted key is not readable in the store, and a new encryption key goes in front of the old', async () => {
    const { storage, time, keys } = start({ encryptionKeys: [key] })
    const token = await keys.sign({}, { typ: 'at+jwt' })
    const record = (await storage.get(`oauth:keys:${issuer}`))?.value ?? ''
    expect(record).not.toContain('"d"')
    expect(record).not.toContain('\\"d\\"')
    const rotated = createSigningKeys({ issuer, storage, now: time.now, encryptionKeys: ['B'.repeat(43), key] })
    expect(kid(await rotated.sign({}, { typ: 'at+jwt' }))).toBe(kid(token))
    const lost = createSigningKeys({ issuer, storage, now: time.now, encryptionKeys: ['B'.repeat(43)] })
    await expect(lost.sign({}, { typ: 'at+jwt' })).rejects.toThrow(/keep the old key/)
  })

  test.each(['short', 'A'.repeat(42), 'A'.repeat(44), '!'.repeat(43), ''])(
    'an encryption key must be 32 bytes: %j',
    (bad) => {
      expect(() => createSigningKeys({ issuer, storage: memoryStorage(), encryptionKeys: [bad] })).toThrow(
        /openssl rand/,
      )
    },
  )
})

describe('configured keys', async () => {
  const jwk = async (algorithm: string) =>
    exportJWK((await generateKeyPair(algorithm, { extractable: true })).privateKey)

  test('the first signs, all are published, nothing is stored', async () => {
    const privateKeys = [{ ...(await jwk('RS256')), kid: 'new' }, await jwk('ES256')]
    const keys = createSigningKeys({ issuer: publicIssuer, privateKeys })
    const token = await keys.sign({ sub: 'a' }, { typ: 'at+jwt' })
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'RS256', kid: 'new' })
    const set = await keys.jwks()
    expect(set.keys).toHaveLength(2)
    for (const each of set.keys) expect(each).not.toHaveProperty('d')
    await jwtVerify(token, createLocalJWKSet(set))
    await expect(keys.rotate()).rejects.toThrow(/changing the option/)
  })

  test('a public key, a symmetric one, or one of another algorithm does not start', async () => {
    const { d: _, ...publicKey } = await jwk('ES256')
    for (const bad of [
      publicKey,
      { kty: 'oct', k: 'AAAA' },
      await jwk('ES384'),
      { ...(await jwk('ES256')), alg: 'RS256' },
    ]) {
      expect(() => createSigningKeys({ issuer: publicIssuer, privateKeys: [bad] })).toThrow(/privateKeys\[0\]/)
    }
  })
})

test('a store that is away for a while stops nobody from signing, and a cold start says so', async () => {
  const storage = memoryStorage()
  let away = false
  const flaky: Storage = {
    ...storage,
    get: (name) => (away ? Promise.reject(new GatewayError('temporarily_unavailable', 'down')) : storage.get(name)),
  }
  const { time, keys, replica } = start({ storage: flaky })
  const first = kid(await keys.sign({}, { typ: 'at+jwt' }))
  away = true
  for (let minute = 0; minute < 5; minute++) {
    time.advance(61)
    expect(kid(await keys.sign({}, { typ: 'at+jwt' }))).toBe(first)
  }
  await expect(replica().sign({}, { typ: 'at+jwt' })).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  away = false
  time.advance(61)
  expect(kid(await keys.sign({}, { typ: 'at+jwt' }))).toBe(first)
})

test.each([
  [{ rotation: 600, publishAhead: 600 }, /longer than/],
  [{ publishAhead: 60 }, /at least 120/],
  [{ storage: undefined }, /storage/],
])('what cannot work does not start: %j', (options, message) => {
  expect(() => createSigningKeys({ issuer, storage: memoryStorage(), ...options })).toThrow(message)
})
