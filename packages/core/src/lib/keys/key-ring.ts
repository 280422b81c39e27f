import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Storage } from '../storage.js'
import type { JsonCipher } from './json-cipher.js'
import type { SigningAlgorithm } from './signing-algorithm.js'

/** One signing key as it is stored. Times are seconds since the epoch. */
export interface StoredKey {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly publicKey: JWK
  /** The private key, encrypted where encryption keys are configured. */
  readonly privateKey: string
  /** From when on it signs; it is published earlier, so that verifiers know it by then. */
  readonly signsFrom: number
}

/** All keys of one issuer, oldest first, in one record: rotation is one compare-and-set over all replicas. */
export interface KeyRing {
  readonly keys: readonly StoredKey[]
}

/** How a ring is kept in order. Durations in seconds. */
export interface KeyRingPolicy {
  readonly algorithm: SigningAlgorithm
  readonly rotation: number
  readonly publishAhead: number
  readonly retention: number
}

/**
 * The key that signs at this time: the newest whose time has come. Its algorithm may be the one before a change. No older
 * key signs again, so each is last used when the next one begins.
 */
export function activeKey(ring: KeyRing, now: number): StoredKey | undefined {
  return ring.keys.findLast((key) => key.signsFrom <= now)
}

/**
 * Reads the ring and, where it is due, adds the next key and drops those that no live token is signed with. Of several
 * replicas that find it due one writes; the others read what it wrote.
 */
export async function keepKeyRing(
  storage: Storage,
  name: string,
  policy: KeyRingPolicy,
  cipher: JsonCipher<JWK>,
  clock: () => number,
  force = false,
): Promise<KeyRing> {
  for (let attempt = 0; ; attempt++) {
    const entry = await storage.get(name)
    const ring: KeyRing = entry ? JSON.parse(entry.value) : { keys: [] }
    const now = clock()
    const next = await nextRing(ring, policy, cipher, now, force && attempt === 0)
    if (next === ring) return ring
    if (await storage.compareAndSet(name, entry?.version, JSON.stringify(next), { ttl: null })) return next
    // Another replica was faster: what it wrote is due no more, so this ends unless the store misbehaves.
    if (attempt === 5) return (JSON.parse((await storage.get(name))?.value ?? 'null') as KeyRing | null) ?? next
  }
}

async function nextRing(
  ring: KeyRing,
  policy: KeyRingPolicy,
  cipher: JsonCipher<JWK>,
  now: number,
  force: boolean,
): Promise<KeyRing> {
  const newest = ring.keys.at(-1)
  const old = newest && policy.rotation > 0 && newest.signsFrom + policy.rotation - policy.publishAhead <= now
  // A key that is yet to sign waits for its turn, so that replicas that want different algorithms add one at a time.
  const due = !newest || (newest.signsFrom <= now && (newest.alg !== policy.algorithm || old || force))
  // A key signs until the next one does.
  const keys = ring.keys.filter((_, index) => {
    const successor = ring.keys[index + 1]
    return successor === undefined || successor.signsFrom + policy.retention > now
  })
  if (!due) return keys.length === ring.keys.length ? ring : { keys }
  // A verifier that cached the older keys must see the new one before a token is signed with it.
  const signsFrom = ring.keys.length === 0 ? now : now + policy.publishAhead
  return { keys: [...keys, await createKey(policy.algorithm, signsFrom, cipher)] }
}

async function createKey(algorithm: SigningAlgorithm, signsFrom: number, cipher: JsonCipher<JWK>): Promise<StoredKey> {
  const pair = await generateKeyPair(algorithm, { extractable: true })
  const publicKey = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(publicKey)
  return {
    kid,
    alg: algorithm,
    publicKey,
    privateKey: await cipher.seal(await exportJWK(pair.privateKey)),
    signsFrom,
  }
}
