import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { GatewayError } from '../contract/gateway-error.js'
import type { Storage } from '../contract/storage.js'
import type { KeyCipher } from './key-cipher.js'
import type { SigningAlgorithm } from './signing-algorithm.js'
import type { StoredKey } from './stored-key.js'

/** All keys of one issuer, oldest first, in one record: rotation is one compare-and-set over all replicas. */
export interface KeyRing {
  readonly keys: readonly StoredKey[]
}

/** A ring as one replica found it. */
export interface ReadKeyRing extends KeyRing {
  /** Whether, by the clock of the store, the newest key was published less than `publishAhead` ago. */
  readonly isNewestUnknown: boolean
}

/** How a ring is kept in order. Durations in seconds. */
export interface KeyRingPolicy {
  readonly algorithm: SigningAlgorithm
  readonly rotation: number
  readonly publishAhead: number
  readonly retention: number
}

/** How far the clocks of two replicas may be apart before a stored time is put right, in seconds. */
const tolerance = 60

/** How long after a read of the ring a replica may still sign by it; twice the time between two reads, in seconds. */
const lag = 120

/**
 * The key that signs at this time: the newest whose time has come, by this replica's clock and by that of the store. Its
 * algorithm may be the one before a change. Where no time has come, a clock was wrong: then it is the oldest, which
 * verifiers have known for longest.
 */
export function activeKey({ keys, isNewestUnknown }: ReadKeyRing, now: number): StoredKey | undefined {
  const known = isNewestUnknown && keys.length > 1 ? keys.slice(0, -1) : keys
  return known.findLast((key) => key.signsFrom <= now) ?? keys[0]
}

/** Where a ring is kept, and what reads the private keys in it. */
export interface KeyRingStore {
  readonly storage: Storage
  /** The key of the ring's record; the marks beside it begin with it. */
  readonly name: string
  readonly cipher: KeyCipher
}

/**
 * Reads the ring and, where it is due, adds the next key and drops those that no live token is signed with. Of several
 * replicas that find it due one writes; the others read what it wrote.
 *
 * A clock that is or was wrong may cost an early rotation, and nothing else: a time of the far future is put right by
 * the first replica that sees it, and a key is dropped only when the store, by its own clock, also says that nobody has
 * signed with it for `retention` seconds.
 */
export async function keepKeyRing(
  store: KeyRingStore,
  policy: KeyRingPolicy,
  clock: () => number,
  force = false,
): Promise<ReadKeyRing> {
  const { storage, name } = store
  for (let attempt = 0; ; attempt++) {
    const [entry, added] = await Promise.all([storage.get(name), storage.get(addedMark(name))])
    const ring = await readableRing(entry ? (JSON.parse(entry.value) as KeyRing) : { keys: [] }, store.cipher)
    const isNewestUnknown = added !== undefined
    const now = clock()
    const next = await nextRing({ ...ring, isNewestUnknown }, { policy, store, now, force: force && attempt === 0 })
    const before = ring.keys.at(-1)
    const isNewKey = next.keys.at(-1)?.kid !== before?.kid
    const found = { ...next, isNewestUnknown: isNewKey ? before !== undefined : isNewestUnknown }
    if (next.keys === ring.keys) {
      await markUse(found, policy, store, now)
      return found
    }
    if (isNewKey && before) {
      await markKey(store, before, policy.publishAhead + policy.retention + lag)
      await storage.set(addedMark(name), '', { ttl: policy.publishAhead })
    }
    if (await storage.compareAndSet(name, entry?.version, JSON.stringify(next), { ttl: null })) {
      await markUse(found, policy, store, now)
      return found
    }
    // Another replica was faster: what it wrote is due no more, so this ends unless the store misbehaves.
    if (attempt === 5) throw new GatewayError('temporarily_unavailable', 'The signing keys cannot be written')
  }
}

/** Leaves out what was not sealed for this ring: who can write to the store must not have a key published. */
async function readableRing(ring: KeyRing, cipher: KeyCipher): Promise<KeyRing> {
  const genuine = await Promise.all(ring.keys.map((key) => cipher.isGenuine(key)))
  return genuine.every(Boolean) ? ring : { keys: ring.keys.filter((_, index) => genuine[index]) }
}

interface Rotation {
  readonly policy: KeyRingPolicy
  readonly store: KeyRingStore
  readonly now: number
  /** Whether a new key is due whatever the policy says. */
  readonly force: boolean
}

async function nextRing(ring: ReadKeyRing, { policy, store, now, force }: Rotation): Promise<KeyRing> {
  const timely = bringForward(ring.keys, now, policy.publishAhead)
  const keys = await withoutRetired(timely, policy, store, now)
  const newest = keys.at(-1)
  const old = newest && policy.rotation > 0 && newest.signsFrom + policy.rotation - policy.publishAhead <= now
  // A key that is yet to sign waits for its turn, so that replicas that want different algorithms, or whose clocks differ
  // by more than a rotation, add one at a time.
  const isTurn = newest && newest.signsFrom <= now && !ring.isNewestUnknown
  if (!newest || (isTurn && (newest.alg !== policy.algorithm || old || force))) {
    // A verifier that cached the older keys must see the new one before a token is signed with it.
    const signsFrom = newest ? now + policy.publishAhead : now
    return { keys: [...keys, await createKey(policy.algorithm, signsFrom, store.cipher)] }
  }
  return { keys }
}

/** Puts the times right that only a wrong clock can have written: no key waits for longer than `publishAhead`. */
function bringForward(keys: readonly StoredKey[], now: number, publishAhead: number): readonly StoredKey[] {
  const latest = now + publishAhead
  if (!keys.some(({ signsFrom }) => signsFrom > latest + tolerance)) return keys
  const isOneActive = keys.some(({ signsFrom }) => signsFrom <= now)
  return keys.map((key, index) => {
    const signsFrom = index === 0 && !isOneActive ? now : Math.min(key.signsFrom, latest)
    return { ...key, signsFrom }
  })
}

/** A key signs until the next one does, and its tokens live for `retention` after that. */
async function withoutRetired(
  keys: readonly StoredKey[],
  { retention }: KeyRingPolicy,
  { storage, name }: KeyRingStore,
  now: number,
): Promise<readonly StoredKey[]> {
  const needed = await Promise.all(
    keys.map(async (key, index) => {
      const successor = keys[index + 1]
      if (successor === undefined || successor.signsFrom + retention > now) return true
      // By this clock it is over. Another replica's may differ by hours, so the mark of those who sign with it counts too.
      return (await storage.get(usedMark(name, key))) !== undefined
    }),
  )
  return needed.every(Boolean) ? keys : keys.filter((_, index) => needed[index])
}

/** Says to all replicas that this one signs with a key that has a successor. */
async function markUse(ring: ReadKeyRing, policy: KeyRingPolicy, store: KeyRingStore, now: number): Promise<void> {
  const active = activeKey(ring, now)
  if (active && active !== ring.keys.at(-1)) await markKey(store, active, policy.retention + lag)
}

async function markKey({ storage, name }: KeyRingStore, key: StoredKey, seconds: number): Promise<void> {
  await storage.set(usedMark(name, key), '', { ttl: seconds })
}

function usedMark(name: string, { kid }: StoredKey): string {
  return `${name}:used:${kid}`
}

function addedMark(name: string): string {
  return `${name}:added`
}

async function createKey(algorithm: SigningAlgorithm, signsFrom: number, cipher: KeyCipher): Promise<StoredKey> {
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
