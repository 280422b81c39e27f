import type { Storage, StorageWriteOptions } from '@mcp-gateway/core'
import {
  assertPageLimit,
  assertStorageKey,
  checkByWriting,
  checkOptions,
  lifetimeInMilliseconds,
  optional,
  positive,
  text,
  withMethods,
} from '@mcp-gateway/core/internal'
import { createDeadline } from '../deadline.js'
import { newCounterVersion, newVersion } from '../new-version.js'
import { createSweeper } from '../sweeper.js'
import { decodeText, encodeText } from '../text.js'
import { assertTableName } from './schema.js'
import { postgresStatements } from './statements.js'

/** What is used of a pool: that of `pg` has it, and so has a PGlite database. */
export interface PostgresPool {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

/** Settings of {@link postgresStorage}. */
export interface PostgresStorageOptions {
  /**
   * The name of the table, as `postgresSchema` was given it.
   *
   * @default mcp_gateway
   */
  table?: string
  /**
   * Seconds after which a verb rejects although the server still works on it.
   *
   * @default 3
   */
  timeout?: number
}

type Row = Record<string, unknown>

/**
 * Keeps records in PostgreSQL 11 or later, in a database with UTF-8 texts, through a pool that the caller made and
 * ends. It does not create its tables: run `postgresSchema()` first.
 *
 * Every verb is one statement. Time is the server's. Expired rows are invisible at once and deleted by the way: a
 * thousand at most, in the background, once a minute and every 500 writes.
 *
 * @throws {GatewayError} `invalid_configuration` when the name of the table is no plain identifier
 * @example
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
 * pool.on('error', () => {})
 * await pool.query(postgresSchema())
 * const storage = postgresStorage(pool)
 */
export function postgresStorage(pool: PostgresPool, options: PostgresStorageOptions = {}): Storage {
  withMethods('a pool with query, such as new pg.Pool({ connectionString }); not an address', 'query')(
    pool,
    'The pool of postgresStorage',
  )
  checkOptions('postgresStorage', options, { table: optional(text), timeout: optional(positive) })
  const { table = 'mcp_gateway', timeout = 3 } = options
  assertTableName(table)
  const statements = postgresStatements(table)
  const answer = createDeadline('Postgres', timeout * 1000)
  const query = async (name: keyof typeof statements, ...values: unknown[]): Promise<Row[]> => {
    const { rows } = await answer(pool.query(statements[name], values))
    return rows as Row[]
  }
  let sweeping: Promise<unknown> = Promise.resolve()
  const wrote = createSweeper({ interval: 60_000, writes: 500, now: () => Date.now() }, () => {
    // A sweep that fails is made up for by the next one, and the verb that set it off is not its business.
    sweeping = query('sweep').catch(() => {})
  })
  const write = async (
    name: 'set' | 'add' | 'compareAndSet',
    key: string,
    value: string,
    { ttl, lists = [], version }: StorageWriteOptions & { version?: string },
  ): Promise<boolean> => {
    for (const list of lists) assertStorageKey(list)
    const names = lists.length === 0 ? null : [...new Set(lists)].map(encodeText)
    const columns = [encodeText(value), newVersion(), lifetimeInMilliseconds(ttl), names]
    const rows = await query(name, columnOf(key), ...columns, ...(version === undefined ? [] : [version]))
    wrote()
    return rows.length === 1
  }
  const remove = async (key: string): Promise<string | undefined> => {
    const [row] = await query('take', columnOf(key))
    return row?.live === true ? decodeText(String(row.value)) : undefined
  }

  return {
    async get(key) {
      const [row] = await query('get', columnOf(key))
      return row && { value: decodeText(String(row.value)), version: String(row.version) }
    },
    async set(key, value, options) {
      await write('set', key, value, options)
    },
    async add(key, value, options) {
      return write('add', key, value, options)
    },
    async take(key) {
      return remove(key)
    },
    async compareAndSet(key, version, value, options) {
      if (version === undefined) return write('add', key, value, options)
      return write('compareAndSet', key, value, { ...options, version })
    },
    async delete(key) {
      return (await remove(key)) !== undefined
    },
    async list(name, { cursor = '', limit = 100 } = {}) {
      assertPageLimit(limit)
      const members = await query('list', columnOf(name), cursor, limit + 1)
      const next = members[limit]
      const live = members.slice(0, limit).filter((member) => member.live === true)
      const keys = live.map(({ key }) => decodeText(String(key)))
      return next === undefined ? { keys } : { keys, cursor: String(next.key) }
    },
    async increment(key, { ttl }) {
      const [row] = await query('increment', columnOf(key), newCounterVersion(), lifetimeInMilliseconds(ttl))
      wrote()
      if (row === undefined) throw new TypeError('Only a key that increment created can be incremented')
      return Number(row.value)
    },
    check() {
      return checkByWriting(this)
    },
    async close() {
      await sweeping
    },
  }
}

function columnOf(key: string): string {
  assertStorageKey(key)
  return encodeText(key)
}
