import type { Storage } from '@mcp-gateway/core'
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
import { decodeText, encodeText } from '../text.js'
import { unavailable } from '../unavailable.js'
import { sqliteSchema } from './schema.js'
import { type StatementName, sqliteStatements } from './statements.js'

/**
 * What is used of a database: `node:sqlite`, `libsql` and `better-sqlite3` have it. Their types disagree on what may be
 * bound, so that the parameters are left open here; strings, numbers and `null` are bound, by position.
 */
export interface SqliteDatabase {
  prepare(sql: string): { all(...parameters: never[]): unknown[]; run(...parameters: never[]): unknown }
  exec(sql: string): unknown
}

/** Settings of {@link sqliteStorage}. */
export interface SqliteStorageOptions {
  /**
   * The name of the table, and the beginning of the names of all that belongs to it.
   *
   * @default mcp_gateway
   */
  table?: string
  /** The clock, in milliseconds since the epoch. Every process that shares the file must agree on the time. */
  now?: () => number
}

interface SqliteStatement {
  all(...parameters: (string | number | null)[]): unknown[]
  run(...parameters: (string | number | null)[]): unknown
}

type Row = Record<string, string | number | null>

/**
 * Keeps records in an SQLite database that the caller opened and closes; several processes on one machine may share
 * the file. It is not for network file systems, on which the locks of SQLite do not hold.
 *
 * The first verb creates the tables, switches the file to write-ahead logging, so that readers never wait, and lets a
 * writer wait three seconds for another process unless the connection has a time of its own. `synchronous` stays as it
 * is: with SQLite's own default, what was acknowledged survives a loss of power.
 *
 * @throws {GatewayError} `invalid_configuration` when the name of the table is no plain identifier
 * @example
 * const storage = sqliteStorage(new Database('gateway.db'))
 */
export function sqliteStorage(database: SqliteDatabase, options: SqliteStorageOptions = {}): Storage {
  withMethods(
    "a database, such as new Database('gateway.db') of better-sqlite3; not a path",
    'prepare',
    'exec',
  )(database, 'The database of sqliteStorage')
  checkOptions('sqliteStorage', options, { table: optional(text), now: optional(callable) })
  const { table = 'mcp_gateway', now = () => Date.now() } = options
  if (!/^[A-Za-z_]\w{0,47}$/.test(table)) {
    throw invalidConfiguration('table of sqliteStorage must be letters, digits and underscores')
  }
  const texts = sqliteStatements(table)
  const prepared = new Map<StatementName, SqliteStatement>()
  let ready = false

  const statement = (name: StatementName): SqliteStatement => {
    if (!ready) {
      prepareDatabase(database, sqliteSchema(table))
      ready = true
    }
    let known = prepared.get(name)
    if (known === undefined) {
      known = database.prepare(texts[name]) as SqliteStatement
      prepared.set(name, known)
    }
    return known
  }
  const query = (name: StatementName, ...parameters: (string | number | null)[]): Row[] => {
    try {
      return statement(name).all(...parameters) as Row[]
    } catch (error) {
      throw unavailable('SQLite', error)
    }
  }
  const execute = (name: StatementName, ...parameters: (string | number | null)[]): void => {
    try {
      statement(name).run(...parameters)
    } catch (error) {
      throw unavailable('SQLite', error)
    }
  }
  /** Value, version, expiry and lists, as the columns that every write sets. */
  const columns = (value: string, ttl: number | null, lists: readonly string[] = []) => {
    for (const name of lists) assertStorageKey(name)
    const lifetime = lifetimeInMilliseconds(ttl)
    return [
      encodeText(value),
      newVersion(),
      lifetime === null ? null : now() + lifetime,
      lists.length === 0 ? null : JSON.stringify([...new Set(lists)].map(encodeText)),
    ] as const
  }
  const wrote = createSweeper({ interval: 60_000, writes: 100, now }, () => execute('sweep', now()))
  const insert = (key: string, value: string, ttl: number | null, lists?: readonly string[]): boolean => {
    const row = columns(value, ttl, lists)
    wrote()
    return query('add', name(key), ...row, now()).length === 1
  }
  const remove = (key: string): string | undefined => {
    const [row] = query('take', name(key))
    if (row === undefined || (row.expires_at !== null && Number(row.expires_at) <= now())) return undefined
    return decodeText(String(row.value))
  }

  return {
    async get(key) {
      const [row] = query('get', name(key), now())
      return row && { value: decodeText(String(row.value)), version: String(row.version) }
    },
    async set(key, value, options) {
      const row = columns(value, options.ttl, options.lists)
      wrote()
      execute('set', name(key), ...row)
    },
    async add(key, value, options) {
      return insert(key, value, options.ttl, options.lists)
    },
    async take(key) {
      return remove(key)
    },
    async compareAndSet(key, version, value, options) {
      if (version === undefined) return insert(key, value, options.ttl, options.lists)
      return (
        query('compareAndSet', ...columns(value, options.ttl, options.lists), name(key), version, now()).length === 1
      )
    },
    async delete(key) {
      return remove(key) !== undefined
    },
    async list(list, { cursor = '', limit = 100 } = {}) {
      assertPageLimit(limit)
      const found = query('list', name(list), cursor, now(), limit + 1)
      const next = found[limit]?.key
      if (next !== undefined) found.length = limit
      const keys = found.map(({ key }) => decodeText(String(key)))
      return next === undefined ? { keys } : { keys, cursor: String(next) }
    },
    async increment(key, { ttl }) {
      const lifetime = lifetimeInMilliseconds(ttl)
      const time = now()
      wrote()
      const expiry = lifetime === null ? null : time + lifetime
      const [row] = query('increment', name(key), newCounterVersion(), expiry, time, time, time)
      if (row === undefined) throw new TypeError('Only a key that increment created can be incremented')
      return Number(row.value)
    },
    check() {
      return checkByWriting(this)
    },
    async close() {},
  }
}

function name(key: string): string {
  assertStorageKey(key)
  return encodeText(key)
}

function prepareDatabase(database: SqliteDatabase, schema: string): void {
  const [row] = database.prepare('PRAGMA busy_timeout').all() as Row[]
  if (Object.values(row ?? {})[0] === 0) database.exec('PRAGMA busy_timeout = 3000')
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(schema)
}
