import { checkOptions, optional, positive, text, withMethods } from '../contract/option-types.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditQuery, AuditStore } from './audit-sink.js'
import { columns, fromRow, toRow } from './columns.js'
import { columnTypes } from './postgres-schema.js'
import { checkTableName } from './table-name.js'
import { whereOf } from './where.js'

/** What is used of a pool: that of `pg` has it, and so has a PGlite database. */
export interface AuditPool {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

/** Settings of {@link postgresAudit}. */
export interface PostgresAuditOptions {
  /**
   * The name of the table, as `auditSchema` was given it.
   *
   * @default mcp_audit
   */
  readonly table?: string
  /**
   * Seconds between two calls of the function that makes partitions ahead and drops those whose time is over. `Infinity` where
   * something else calls it.
   *
   * @default 3600
   */
  readonly maintenanceInterval?: number
}

/** Failures of data, and of rows that are too large for an index: trying again does not help. */
const dataError = /^(?:22|23|54)/

/**
 * Keeps audit events in PostgreSQL 13 or later, through a pool that the caller made and ends. It creates nothing: run
 * `auditSchema()` first. A batch is one statement; an event that is there already is left as it is.
 *
 * To write, the role of the pool needs INSERT alone (and EXECUTE on `<table>_maintain`); to read for the history, SELECT.
 *
 * @throws {GatewayError} `invalid_configuration` when the name of the table is no plain identifier
 * @example
 * ```ts
 * const audit = createAudit({ sink: postgresAudit(new pg.Pool({ connectionString })) })
 * ```
 */
export function postgresAudit(pool: AuditPool, options: PostgresAuditOptions = {}): AuditStore {
  withMethods('a pool with query, such as new pg.Pool({ connectionString }); not an address', 'query')(
    pool,
    'The pool of postgresAudit',
  )
  checkOptions('postgresAudit', options, { table: optional(text), maintenanceInterval: optional(positive) })
  const { table = 'mcp_audit', maintenanceInterval = 3600 } = options
  checkTableName(table, 'postgresAudit')
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  const types = columns.map(({ name, type }) => `"${name}" ${columnTypes[type]}`).join(', ')
  const insert = `INSERT INTO "${table}" (${names}) SELECT ${names} FROM json_to_recordset($1::json) AS event (${types}) ON CONFLICT DO NOTHING`
  const selected = columns.map(({ name, type }) =>
    type === 'time' ? `(extract(epoch FROM "${name}") * 1000)::float8 AS "${name}"` : `"${name}"`,
  )
  let maintainAt = 0

  return {
    name: 'Postgres',
    async write(events: readonly AuditEvent[]) {
      if (performance.now() >= maintainAt && maintenanceInterval !== Number.POSITIVE_INFINITY) {
        maintainAt = performance.now() + maintenanceInterval * 1000
        // A failure is no reason to lose events: the default partition takes them
        await pool.query(`SELECT "${table}_maintain"()`, []).catch(() => {})
      }
      await pool.query(insert, [JSON.stringify(events.map(toRow))])
    },
    isRefused: (error) => dataError.test(codeOf(error)),
    async check() {
      await pool.query(`SELECT 1 FROM pg_catalog.pg_class WHERE oid = '"${table}"'::regclass`, [])
    },
    async read(query: AuditQuery) {
      const where = whereOf(query, {
        mark: (number) => `$${number}`,
        time: (mark) => `to_timestamp(${mark}::float8 / 1000)`,
        id: (mark) => `${mark}::uuid`,
      })
      const limit = `$${where.values.length + 1}`
      const statement = `SELECT ${selected.join(', ')} FROM "${table}" ${where.text} ORDER BY "${table}".ts DESC, id DESC LIMIT ${limit}::int`
      const { rows } = await pool.query(statement, [...where.values, query.limit])
      return rows.map((row) => fromRow(row as Record<string, unknown>))
    },
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
