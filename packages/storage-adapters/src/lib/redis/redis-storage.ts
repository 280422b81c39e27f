import { GatewayError, type Storage } from '@mcp-gateway/core'
import {
  assertPageLimit,
  assertStorageKey,
  checkByWriting,
  checkOptions,
  invalidConfiguration,
  lifetimeInMilliseconds,
  optional,
  positive,
  text,
} from '@mcp-gateway/core/internal'
import { createDeadline } from '../deadline.js'
import { newCounterVersion, newVersion } from '../new-version.js'
import { decodeText, encodeText } from '../text.js'
import { redisClientType } from './client-type.js'
import { createScriptRunner, type IoredisClient, type NodeRedisClient } from './script-runner.js'
import { add, compareAndSet, increment, list, remove, set, take } from './scripts.js'

export type { IoredisClient, NodeRedisClient } from './script-runner.js'

/** Settings of {@link redisStorage}. */
export interface RedisStorageOptions {
  /**
   * What all keys start with, in the braces of a hash tag: `mcp-gateway` by default, which gives `{mcp-gateway}:…`.
   * Two storages with different prefixes share nothing.
   */
  prefix?: string
  /**
   * Seconds after which a verb rejects although the client still tries.
   *
   * @default 3
   */
  timeout?: number
}

/**
 * Keeps records in Redis 6.2 or later, or in Valkey, through a client that the caller made and closes. It does not
 * connect, and it does not change the client's settings.
 *
 * Every verb is one round trip, lists included, and atomic: `get` is `GET`, the others are scripts. Expiry is the
 * server's own. All keys carry one hash tag, so that in a cluster a storage lives in one slot. Reads must go to the
 * master, and the eviction policy must be `noeviction`: a replay mark that is evicted lets a code be used again.
 *
 * Clients send a command again when the connection broke before its reply came. `add`, `take` and `compareAndSet` know
 * a repetition and answer as they did at first; `increment` may count it twice and `delete` may say that there was
 * nothing. With ioredis `maxRetriesPerRequest: 0` turns repetition off, and lets verbs reject at once in an outage.
 *
 * @throws {GatewayError} `invalid_configuration` when the prefix is empty or holds a brace
 * @example
 * const client = new Redis('redis://127.0.0.1:6379', { maxRetriesPerRequest: 0 })
 * const storage = redisStorage(client)
 */
export function redisStorage(client: IoredisClient | NodeRedisClient, options: RedisStorageOptions = {}): Storage {
  redisClientType(client, 'The client of redisStorage')
  checkOptions('redisStorage', options, { prefix: optional(text), timeout: optional(positive) })
  const { prefix = 'mcp-gateway', timeout = 3 } = options
  if (!/^[^{}]+$/.test(prefix)) {
    throw invalidConfiguration('prefix of redisStorage must have a character and no brace')
  }
  const run = createScriptRunner(client)
  /** Whoever repeats a command later than this has already been told that it failed. */
  const rememberFor = String(Math.ceil(timeout * 1000) + 1000)
  const recordKey = (key: string) => `{${prefix}}:${key}`
  const answer = createDeadline('Redis', timeout * 1000)
  const onRecord = (script: string, key: string, ...parameters: string[]) => {
    assertStorageKey(key)
    const name = encodeText(key)
    return answer(run(script, recordKey(name), [name, ...parameters]))
  }
  const lifetime = (ttl: number | null) => String(lifetimeInMilliseconds(ttl) ?? '')

  return {
    async get(key) {
      assertStorageKey(key)
      const record = await answer(client.get(recordKey(encodeText(key))))
      return typeof record === 'string' ? { value: valueIn(record), version: record.slice(0, 16) } : undefined
    },
    async set(key, value, options) {
      await onRecord(set, key, recordOf(value, options.lists), lifetime(options.ttl))
    },
    async add(key, value, options) {
      return Number(await onRecord(add, key, recordOf(value, options.lists), lifetime(options.ttl))) === 1
    },
    async take(key) {
      const record = await onRecord(take, key, newVersion(), rememberFor)
      return typeof record === 'string' ? valueIn(record) : undefined
    },
    async compareAndSet(key, version, value, options) {
      const parameters = [recordOf(value, options.lists), lifetime(options.ttl)]
      const reply =
        version === undefined
          ? await onRecord(add, key, ...parameters)
          : await onRecord(compareAndSet, key, ...parameters, version)
      return Number(reply) === 1
    },
    async delete(key) {
      return Number(await onRecord(remove, key)) === 1
    },
    async list(name, { cursor, limit = 100 } = {}) {
      assertStorageKey(name)
      assertPageLimit(limit)
      const escaped = encodeText(name)
      const reply = await answer(run(list, `{${prefix}}@${escaped}`, [escaped, cursor ?? '-', String(limit)]))
      const [next = '', ...keys] = reply as string[]
      return next === '' ? { keys: keys.map(decodeText) } : { keys: keys.map(decodeText), cursor: next }
    },
    async increment(key, { ttl }) {
      const reply: unknown = await onRecord(increment, key, newCounterVersion(), lifetime(ttl))
      const count = Number(reply)
      // A client whose connection broke may give back nothing, of which `Number` makes 0
      if (reply === null || reply === undefined || Number.isNaN(count)) {
        throw new GatewayError('temporarily_unavailable', 'Redis did not tell the count')
      }
      if (count === 0) throw new TypeError('Only a key that increment created can be incremented')
      return count
    },
    check() {
      return checkByWriting(this)
    },
    async close() {},
  }
}

function recordOf(value: string, lists: readonly string[] = []): string {
  for (const name of lists) assertStorageKey(name)
  const names = lists.map((name) => `${encodeText(name)}\x10,`)
  return `${newVersion()}${names.join('')}\x10.${encodeText(value)}`
}

function valueIn(record: string): string {
  return decodeText(record.slice(record.indexOf('\x10.', 16) + 2))
}
