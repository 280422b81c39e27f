import type { Storage, StorageWriteOptions } from '@mcp-gateway/core'
import {
  assertPageLimit,
  assertStorageKey,
  callable,
  checkByWriting,
  checkOptions,
  invalidConfiguration,
  lifetimeInMilliseconds,
  optional,
  text,
  withMethods,
} from '@mcp-gateway/core/internal'
import { newCounterVersion, newVersion } from '../new-version.js'
import { createSweeper } from '../sweeper.js'
import { unavailable } from '../unavailable.js'
import { type RecordItem, type UnstorageItems, unstorageItems } from './items.js'
import { createKeyQueue, type KeyQueue } from './key-queue.js'

/** A storage whose verbs are atomic within this process alone, though others may reach its data. */
export interface SingleProcessStorage extends Storage {
  readonly singleProcess: true
}

/** Settings of {@link singleProcessUnstorage}. */
export interface SingleProcessUnstorageOptions {
  /**
   * What the names of all items start with.
   *
   * @default mcp-gateway
   */
  base?: string
  /** The clock, in milliseconds since the epoch. */
  now?: () => number
}

/** Adapters of one unstorage share their queue, so that they are atomic towards each other. */
const queues = new WeakMap<object, KeyQueue>()

/**
 * Keeps records in any storage of unstorage, for **one process**: its drivers have no atomic verbs, so that the order
 * of writes is kept here, in memory. Two processes on the same data would both get a code. It is marked
 * `singleProcess`, and an authorization server on a public address refuses it.
 *
 * Keys are hashed, because unstorage merges some; lifetimes are kept here, because most drivers ignore them. A list is
 * one item that each write of a member rewrites. All adapters in the process must be given the same storage object.
 *
 * @throws {GatewayError} `invalid_configuration` when `base` is not letters, digits, dashes and underscores
 * @example
 * const storage = singleProcessUnstorage(createStorage({ driver: fsDriver({ base: './data' }) }))
 */
export function singleProcessUnstorage(
  storage: UnstorageItems,
  options: SingleProcessUnstorageOptions = {},
): SingleProcessStorage {
  withMethods(
    'what createStorage(…) of unstorage returns',
    'getItem',
    'setItem',
    'removeItem',
  )(storage, 'The storage of singleProcessUnstorage')
  checkOptions('singleProcessUnstorage', options, { base: optional(text), now: optional(callable) })
  const { base = 'mcp-gateway', now = () => Date.now() } = options
  if (!/^[\w-]+$/.test(base)) {
    throw invalidConfiguration('base must be letters, digits, dashes and underscores')
  }
  const items = unstorageItems(storage, base)
  const queue = queues.get(storage) ?? createKeyQueue()
  queues.set(storage, queue)
  const isLive = ({ expiresAt }: RecordItem) => expiresAt === null || expiresAt > now()

  /** Does something with a record while nobody else can. */
  const alone = async <T>(key: string, work: (record: RecordItem | undefined) => Promise<T>): Promise<T> => {
    assertStorageKey(key)
    return queue(`${base}:record:${key}`, async () => {
      const record = await items.record(key)
      if (record === undefined || isLive(record)) return work(record)
      await remove(record)
      return work(undefined)
    }).catch(translate)
  }
  const changeMembers = (list: string, change: (keys: string[]) => string[]): Promise<void> =>
    queue(`${base}:list:${list}`, async () => {
      const before = await items.members(list)
      const after = change(before)
      if (after !== before) await items.setMembers(list, after)
    })
  const isOn = async (list: string, key: string): Promise<boolean> => {
    const record = await items.record(key)
    return record?.lists.includes(list) === true && isLive(record)
  }
  // A list may name too many keys, never too few: it is written before the record joins and after it has left.
  const join = (list: string, key: string): Promise<void> =>
    changeMembers(list, (keys) => (keys.includes(key) ? keys : [...keys, key].sort()))
  const leave = (list: string, key: string): Promise<void> =>
    changeMembers(list, (keys) => (keys.includes(key) ? keys.filter((member) => member !== key) : keys))

  const remove = async (record: RecordItem): Promise<void> => {
    await items.removeRecord(record.key)
    for (const list of record.lists) await leave(list, record.key)
  }
  const write = async (
    key: string,
    old: RecordItem | undefined,
    value: string,
    { ttl, lists: names = [] }: StorageWriteOptions,
  ): Promise<void> => {
    const lists = [...new Set(names)]
    const lifetime = lifetimeInMilliseconds(ttl)
    for (const list of lists) await join(list, key)
    const expiresAt = lifetime === null ? null : now() + lifetime
    await items.setRecord({ key, value, version: newVersion(), expiresAt, lists }, lifetime && lifetime / 1000)
    for (const list of old?.lists ?? []) if (!lists.includes(list)) await leave(list, key)
    wrote()
  }
  let sweeping: Promise<void> = Promise.resolve()
  const wrote = createSweeper({ interval: 3_600_000, writes: 10_000, now }, () => {
    sweeping = sweep().catch(() => {})
  })
  const sweep = async (): Promise<void> => {
    for await (const { key, expiresAt } of items.allRecords()) {
      if (expiresAt !== null && expiresAt <= now()) await alone(key, async () => {})
    }
  }
  const check = (key: string, options: { ttl: number | null; lists?: readonly string[] }) => {
    lifetimeInMilliseconds(options.ttl)
    for (const name of options.lists ?? []) assertStorageKey(name)
    assertStorageKey(key)
  }

  return {
    singleProcess: true,
    async get(key) {
      return alone(key, async (record) => record && { value: record.value, version: record.version })
    },
    async set(key, value, options) {
      check(key, options)
      await alone(key, (record) => write(key, record, value, options))
    },
    async add(key, value, options) {
      check(key, options)
      return alone(key, async (record) => {
        if (record === undefined) await write(key, record, value, options)
        return record === undefined
      })
    },
    async take(key) {
      return alone(key, async (record) => {
        if (record !== undefined) await remove(record)
        return record?.value
      })
    },
    async compareAndSet(key, version, value, options) {
      check(key, options)
      return alone(key, async (record) => {
        if (record?.version !== version) return false
        await write(key, record, value, options)
        return true
      })
    },
    async delete(key) {
      return alone(key, async (record) => {
        if (record !== undefined) await remove(record)
        return record !== undefined
      })
    },
    async list(name, { cursor = '', limit = 100 } = {}) {
      assertStorageKey(name)
      assertPageLimit(limit)
      try {
        const members = (await items.members(name)).filter((key) => key >= cursor)
        const keys: string[] = []
        for (const key of members.slice(0, limit)) if (await isOn(name, key)) keys.push(key)
        const next = members[limit]
        return next === undefined ? { keys } : { keys, cursor: next }
      } catch (error) {
        return translate(error)
      }
    },
    async increment(key, { ttl }) {
      const lifetime = lifetimeInMilliseconds(ttl)
      return alone(key, async (record) => {
        if (record !== undefined && !record.version.startsWith('#')) {
          throw new TypeError('Only a key that increment created can be incremented')
        }
        const time = now()
        const expiresAt = record ? record.expiresAt : lifetime === null ? null : time + lifetime
        const value = String(Number(record?.value ?? 0) + 1)
        const left = expiresAt === null ? null : (expiresAt - time) / 1000
        await items.setRecord({ key, value, version: newCounterVersion(), expiresAt, lists: [] }, left)
        wrote()
        return Number(value)
      })
    },
    check() {
      return checkByWriting(this)
    },
    async close() {
      await sweeping
    },
  }
}

function translate(error: unknown): never {
  if (error instanceof TypeError || error instanceof RangeError) throw error
  throw unavailable('unstorage', error)
}
