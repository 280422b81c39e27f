import { checkOptions, optional, positive, text, withMethods } from '../contract/option-types.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditQuery, AuditStore } from './audit-sink.js'
import { type Column, columns, fromRow } from './columns.js'
import { auditViews } from './postgres-schema.js'
import { checkTableName } from './table-name.js'
import { whereOf } from './where.js'

/**
 * What is used of a database: `node:sqlite`, `libsql` and `better-sqlite3` have it. Their types disagree on what may be
 * bound, so that the parameters are left open here; strings, numbers and `null` are bound, by position.
 */
export interface AuditDatabase {
  prepare(sql: string): { all(...parameters: never[]): unknown[]; run(...parameters: never[]): unknown }
  exec(sql: string): unknown
}

/** Settings of {@link sqliteAudit}. */
export interface SqliteAuditOptions {
  /**
   * The name of the table, and the beginning of the names of all that belongs to it.
   *
   * @default mcp_audit
   */
  readonly table?: string
  /**
   * Days after which events are deleted. `Infinity` keeps them.
   *
   * @default 365
   */
  readonly retainDays?: number
}

type Value = string | number | null

interface Statement {
  all(...parameters: Value[]): unknown[]
  run(...parameters: Value[]): unknown
}

const columnTypes: Readonly<Record<Column['type'], string>> = {
  id: 'TEXT',
  time: 'INTEGER',
  text: 'TEXT',
  list: 'TEXT',
  whole: 'INTEGER',
  number: 'REAL',
  flag: 'INTEGER',
}

/** Rows of a transaction: what it takes is taken from the event loop. */
const maxBatch = 50
const hour = 3_600_000
/** Milliseconds that a batch waits for another process, while nothing else of this one goes on. */
const lockWait = 20

/**
 * Keeps audit events in an SQLite database that the caller opened and closes. The first write creates the table and its
 * indexes, and switches the file to write-ahead logging. SQLite works in this process: a batch of 50 events keeps it from other
 * work for some 2 ms, and longer where the disk is slow. A file that another process has locked is tried again, without waiting
 * for it. Give it a connection of its own: a transaction of somebody else on the same connection would take in its rows.
 *
 * @throws {GatewayError} `invalid_configuration` when the name of the table is no plain identifier
 * @example
 * ```ts
 * const audit = createAudit({ sink: sqliteAudit(new Database('audit.db')) })
 * ```
 */
export function sqliteAudit(database: AuditDatabase, options: SqliteAuditOptions = {}): AuditStore {
  withMethods(
    "a database, such as new Database('audit.db') of better-sqlite3; not a path",
    'prepare',
    'exec',
  )(database, 'The database of sqliteAudit')
  checkOptions('sqliteAudit', options, { table: optional(text), retainDays: optional(positive) })
  const { table = 'mcp_audit', retainDays = 365 } = options
  checkTableName(table, 'sqliteAudit')
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  const marks = columns.map(() => '?').join(', ')
  let insert: Statement | undefined
  let sweep: Statement | undefined
  let sweepAt = 0

  const prepared = (): Statement => {
    if (insert === undefined) {
      // Readers and writers do not wait for each other; what was told to be kept survives the end of the process
      database.exec('PRAGMA journal_mode = WAL')
      database.exec(sqliteSchema(table))
      sweep = database.prepare(
        `DELETE FROM "${table}" WHERE id IN (SELECT id FROM "${table}" WHERE ts < ? ORDER BY ts LIMIT 500)`,
      ) as Statement
      insert = database.prepare(
        `INSERT INTO "${table}" (${names}) VALUES (${marks}) ON CONFLICT (id) DO NOTHING`,
      ) as Statement
    }
    return insert
  }

  /** Does not keep the process waiting as long as the connection otherwise may. */
  const withShortWait = <T>(work: () => T): T => {
    const [row] = database.prepare('PRAGMA busy_timeout').all() as Record<string, unknown>[]
    const before = Number(Object.values(row ?? {})[0] ?? 0)
    database.exec(`PRAGMA busy_timeout = ${lockWait}`)
    try {
      return work()
    } finally {
      database.exec(`PRAGMA busy_timeout = ${before}`)
    }
  }

  const transaction = (work: () => void): void => {
    database.exec('BEGIN IMMEDIATE')
    try {
      work()
      database.exec('COMMIT')
    } catch (error) {
      rollBack(database)
      throw error
    }
  }

  return {
    name: 'SQLite',
    maxBatch,
    async write(events: readonly AuditEvent[]) {
      withShortWait(() => {
        const statement = prepared()
        transaction(() => {
          for (const event of events) statement.run(...valuesOf(event))
          const now = Date.now()
          if (now < sweepAt || retainDays === Number.POSITIVE_INFINITY) return
          sweep?.run(now - retainDays * 24 * hour)
          sweepAt = now + hour / 60
        })
      })
    },
    isRefused: (error) => /constraint|too big|mismatch/i.test(error instanceof Error ? error.message : ''),
    async check() {
      withShortWait(() => {
        prepared()
        transaction(() => {})
      })
    },
    async read(query: AuditQuery) {
      prepared()
      const where = whereOf(query, { mark: () => '?', time: (mark) => mark, id: (mark) => mark })
      const statement = database.prepare(
        `SELECT ${names} FROM "${table}" ${where.text} ORDER BY ts DESC, id DESC LIMIT ?`,
      )
      const rows = (statement as Statement).all(...where.values, query.limit)
      return rows.map((row) => fromRow(row as Record<string, unknown>))
    },
  }
}

function rollBack(database: AuditDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has done it already
  }
}

function valuesOf(event: AuditEvent): Value[] {
  return columns.map(({ key, type }) => {
    const value = event[key]
    if (value === undefined) return null
    if (type === 'list') return JSON.stringify(value)
    return type === 'flag' ? Number(value) : (value as string | number)
  })
}

function sqliteSchema(table: string): string {
  const lines = columns.map(({ name, type }) => `"${name}" ${columnTypes[type]}${name === 'id' ? ' PRIMARY KEY' : ''}`)
  const details =
    "json_object('server', server, 'method', method, 'target', target, 'outcome', outcome, 'code', code, 'policy', policy, 'reason', reason, 'client_id', client_id, 'request_id', request_id, 'trace_id', trace_id)"
  return `CREATE TABLE IF NOT EXISTS "${table}" (${lines.join(', ')}) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS "${table}_subject" ON "${table}" (subject_iss, subject_id, ts DESC);
CREATE INDEX IF NOT EXISTS "${table}_target" ON "${table}" (server, target, ts DESC);
CREATE INDEX IF NOT EXISTS "${table}_ts" ON "${table}" (ts);
${auditViews(table, { create: 'CREATE VIEW IF NOT EXISTS', details })}`
}
