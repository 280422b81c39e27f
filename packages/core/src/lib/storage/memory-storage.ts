import { CounterTable } from '../cache/counter-table.js'
import { GatewayError } from '../contract/gateway-error.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { callable, checkOptions, optional, positive } from '../contract/option-types.js'
import type { Storage, StorageWriteOptions } from '../contract/storage.js'
import { assertPageLimit, assertStorageKey, lifetimeInMilliseconds } from './storage-arguments.js'

/** Settings of {@link memoryStorage}. */
export interface MemoryStorageOptions {
  /**
   * The most records to hold. A full storage forgets nothing that is alive: it refuses new keys with
   * `temporarily_unavailable`, because a forgotten replay mark would let a code be used again. Counters have as much
   * room of their own, since strangers make them: they take none from other records. When it is full, those that were
   * used longest ago share what is left of them, so that a count can be too high, never too low.
   *
   * @default 100 000
   */
  maxEntries?: number
  /** The clock, in milliseconds since the epoch. */
  now?: () => number
}

interface Entry {
  value: string
  version: number
  /** The version as it was handed out, made when somebody asks for it. */
  versionText: string | undefined
  /** Milliseconds since the epoch; `Infinity` for none. */
  expiresAt: number
  counts: boolean
  lists: readonly string[]
}

const none: readonly string[] = []

/**
 * Keeps records in the memory of this process. They are gone when it ends, and no other process sees them: it says so by
 * `singleProcess`, and an authorization server, a vault and signing keys for a public address refuse it.
 *
 * Expiry costs no timer: reads leave out what has expired, and every write looks at two more records and drops those
 * that have, so that no more than a part of the memory is ever held by the dead.
 *
 * @throws {GatewayError} `invalid_configuration` when `maxEntries` is not a whole number from 1 on
 * @example
 * const storage = memoryStorage()
 * await storage.set('session:1', JSON.stringify({ user: 'alice' }), { ttl: 3600, lists: ['user:alice'] })
 */
export function memoryStorage(options: MemoryStorageOptions = {}): Storage {
  checkOptions('memoryStorage', options, { maxEntries: optional(positive), now: optional(callable) })
  const { maxEntries = 100_000, now = () => Date.now() } = options
  if (!Number.isInteger(maxEntries) || maxEntries < 1) {
    throw invalidConfiguration('maxEntries of memoryStorage must be a whole number from 1 on')
  }
  const entries = new Map<string, Entry>()
  /** What `increment` made. */
  const counters = new CounterTable<Entry>(maxEntries)
  const lists = new Map<string, Map<string, number>>()
  let versions = 0
  let sweep = entries.entries()
  let sweptWhenFull = Number.NEGATIVE_INFINITY

  const read = (key: string): Entry | undefined => {
    const entry = entries.get(key) ?? counters.get(key, now())
    if (entry === undefined || entry.expiresAt > now()) return entry
    remove(key, entry)
    return undefined
  }

  const remove = (key: string, entry: Entry): void => {
    if (entry.counts) counters.delete(key)
    else entries.delete(key)
    for (const name of entry.lists) {
      const members = lists.get(name)
      members?.delete(key)
      if (members?.size === 0) lists.delete(name)
    }
  }

  const write = (
    key: string,
    old: Entry | undefined,
    value: string,
    { ttl, lists: names = none }: StorageWriteOptions,
  ): void => {
    const lifetime = lifetimeInMilliseconds(ttl)
    for (const name of names) assertStorageKey(name)
    if (old === undefined || old.counts) makeRoom()
    if (old?.counts) counters.delete(key)
    const version = ++versions
    const entry: Entry = {
      value,
      version,
      versionText: undefined,
      expiresAt: lifetime === null ? Number.POSITIVE_INFINITY : now() + lifetime,
      counts: false,
      lists: names.length === 0 ? none : [...new Set(names)],
    }
    if (old !== undefined && old.lists !== none) leave(key, old.lists, entry.lists)
    entries.set(key, entry)
    for (const name of entry.lists) {
      let members = lists.get(name)
      if (members === undefined) {
        members = new Map()
        lists.set(name, members)
      }
      // A key that stays on a list keeps its place, so that a reader in the middle of the pages meets it once.
      if (!members.has(key)) members.set(key, version)
    }
  }

  const leave = (key: string, before: readonly string[], after: readonly string[]): void => {
    for (const name of before) {
      if (after.includes(name)) continue
      const members = lists.get(name)
      members?.delete(key)
      if (members?.size === 0) lists.delete(name)
    }
  }

  const makeRoom = (): void => {
    const time = now()
    for (let looked = 0; looked < 2; looked++) {
      const next = sweep.next()
      if (next.done) {
        sweep = entries.entries()
        break
      }
      const [key, entry] = next.value
      if (entry.expiresAt <= time) remove(key, entry)
    }
    if (entries.size < maxEntries) return
    // Looking at all of them is dear, so a flood of writes can ask for it once a second only.
    if (time - sweptWhenFull >= 1000 || time < sweptWhenFull) {
      sweptWhenFull = time
      for (const [key, entry] of entries) if (entry.expiresAt <= time) remove(key, entry)
    }
    if (entries.size >= maxEntries) {
      throw new GatewayError('temporarily_unavailable', `The memory storage is full: it holds ${maxEntries} records`)
    }
  }

  const beginCounter = (key: string, ttl: number | null): number => {
    const lifetime = lifetimeInMilliseconds(ttl)
    const time = now()
    const count = counters.forgotten(key, time) + 1
    const expiresAt = lifetime === null ? Number.POSITIVE_INFINITY : time + lifetime
    const version = ++versions
    counters.add(
      key,
      { value: String(count), version, versionText: undefined, expiresAt, counts: true, lists: none },
      time,
    )
    return count
  }

  return {
    singleProcess: true,
    async get(key) {
      assertStorageKey(key)
      const entry = read(key)
      return entry && { value: entry.value, version: versionOf(entry) }
    },
    async set(key, value, options) {
      assertStorageKey(key)
      write(key, read(key), value, options)
    },
    async add(key, value, options) {
      assertStorageKey(key)
      if (read(key) !== undefined) return false
      write(key, undefined, value, options)
      return true
    },
    async take(key) {
      assertStorageKey(key)
      const entry = read(key)
      if (entry === undefined) return undefined
      remove(key, entry)
      return entry.value
    },
    async compareAndSet(key, version, value, options) {
      assertStorageKey(key)
      const entry = read(key)
      if (version !== (entry && versionOf(entry))) return false
      write(key, entry, value, options)
      return true
    },
    async delete(key) {
      assertStorageKey(key)
      const entry = read(key)
      if (entry === undefined) return false
      remove(key, entry)
      return true
    },
    async list(name, { cursor, limit = 100 } = {}) {
      assertStorageKey(name)
      assertPageLimit(limit)
      const after = Number(cursor ?? 0)
      const keys: string[] = []
      let last = after
      for (const [key, joined] of lists.get(name) ?? []) {
        if (joined <= after || read(key) === undefined) continue
        if (keys.length === limit) return { keys, cursor: String(last) }
        keys.push(key)
        last = joined
      }
      return { keys }
    },
    async increment(key, { ttl }) {
      assertStorageKey(key)
      const entry = read(key)
      if (entry === undefined) return beginCounter(key, ttl)
      if (!entry.counts) throw new TypeError('Only a key that increment created can be incremented')
      const count = Number(entry.value) + 1
      entry.value = String(count)
      entry.version = ++versions
      entry.versionText = undefined
      return count
    },
    async check() {
      if (entries.size < maxEntries) return
      return { degraded: `The memory storage is full: it holds ${maxEntries} records` }
    },
    async close() {},
  }
}

function versionOf(entry: Entry): string {
  entry.versionText ??= String(entry.version)
  return entry.versionText
}
