import type { Storage } from '@mcp-gateway/core'
import {
  checkOptions,
  invalidConfiguration,
  membersOf,
  type OptionTypes,
  object,
  optional,
  positive,
  text,
  withMethods,
} from '@mcp-gateway/core/internal'
import { type IoredisClient, type RedisStorageOptions, redisStorage } from '../redis/redis-storage.js'

/** What is used of a storage of unstorage, 1.17 or later, to find the driver behind it. */
export interface UnstorageLike {
  getMount(key?: string): { driver: { name?: string; getInstance?: () => unknown } }
}

const redisTypes: OptionTypes<RedisStorageOptions> = { prefix: optional(text), timeout: optional(positive) }

/**
 * Keeps records in the Redis behind a storage of unstorage, through the client that its driver holds. The verbs of
 * unstorage itself are not used: they can neither take nor add in one step, so that two callers would get one code.
 * Records written here are not items of unstorage, nor the other way round.
 *
 * @throws {GatewayError} `invalid_configuration` when the driver is not that of Redis: it then has to be
 * `singleProcessUnstorage`, or an adapter for the store itself
 * @example
 * const storage = unstorageStorage(createStorage({ driver: redisDriver({ url: 'redis://127.0.0.1:6379' }) }))
 */
export function unstorageStorage(storage: UnstorageLike, options: RedisStorageOptions = {}): Storage {
  withMethods('what createStorage(…) of unstorage returns', 'getMount')(storage, 'The storage of unstorageStorage')
  checkOptions('unstorageStorage', options, redisTypes)
  const mount: unknown = storage.getMount('')
  membersOf<{ driver: unknown }>({ driver: object })(mount, 'The getMount of the storage of unstorageStorage')
  const { driver } = mount as ReturnType<UnstorageLike['getMount']>
  if (driver.name !== 'redis' || driver.getInstance === undefined) {
    throw invalidConfiguration(
      `unstorageStorage needs the redis driver of unstorage, not "${driver.name ?? 'an unnamed one'}", which has no atomic verbs: use singleProcessUnstorage for one process on loopback, or redisStorage, postgresStorage or sqliteStorage`,
    )
  }
  // The driver connects when it is asked for its client, and construction must not.
  const instance = () => driver.getInstance?.() as IoredisClient
  const client: IoredisClient = {
    get: (key) => instance().get(key),
    eval: (script, numkeys, ...rest) => instance().eval(script, numkeys, ...rest),
    evalsha: (digest, numkeys, ...rest) => instance().evalsha(digest, numkeys, ...rest),
  }
  return redisStorage(client, options)
}
