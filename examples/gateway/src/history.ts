import { type AuditStore, auditSchema, postgresAudit, sqliteAudit } from '@mcp-gateway/core/audit'
import pg from 'pg'
import { SettingsError } from './settings.js'

/** A store of audit events that is opened at its first use, or by `open`, so that importing the example touches no disk. */
export interface ExampleHistory extends AuditStore {
  /** Opens it, and creates its tables; resolves to what it is, in words for the banner. */
  open(): Promise<string>
  /** Ends the connection; after the audit, which writes until the gateway is closed. */
  end(): Promise<void>
}

interface Opened {
  name: string
  store: AuditStore
  end(): Promise<void> | void
}

/** Keeps what happened in PostgreSQL (`postgres://…`) or in a file (`sqlite:PATH`). */
export function exampleHistory(dsn: string): ExampleHistory {
  let opening: Promise<Opened> | undefined
  let current: AuditStore | undefined
  const opened = () => {
    opening ??= dsn.startsWith('sqlite:') ? openFile(dsn.slice('sqlite:'.length)) : openPostgres(dsn)
    return opening
  }
  const store = async () => {
    current = (await opened()).store
    return current
  }
  return {
    name: dsn.startsWith('sqlite:') ? 'SQLite' : 'Postgres',
    maxBatch: 50,
    open: async () => (await opened()).name,
    write: async (events) => (await store()).write(events),
    isRefused: (error) => current?.isRefused?.(error) ?? false,
    check: async () => (await store()).check?.(),
    read: async (query) => (await store()).read(query),
    end: async () => {
      const known = await opening?.catch(() => undefined)
      await known?.end()
    },
  }
}

async function openPostgres(connectionString: string): Promise<Opened> {
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 3000 })
  // Without a listener a connection that breaks while nobody uses it would end the process
  pool.on('error', () => {})
  try {
    await pool.query(auditSchema())
  } catch (error) {
    await pool.end()
    throw new SettingsError(`HISTORY_DSN: PostgreSQL cannot be used (${(error as Error).message}).`)
  }
  return { name: `PostgreSQL at ${new URL(connectionString).host}`, store: postgresAudit(pool), end: () => pool.end() }
}

async function openFile(file: string): Promise<Opened> {
  const libsql = await import('libsql').catch(() => undefined)
  if (!libsql) throw new SettingsError('HISTORY_DSN: this platform has no SQLite. Give a postgres:// address.')
  try {
    const database = new libsql.default(file)
    return { name: `SQLite in ${file}`, store: sqliteAudit(database), end: () => void database.close() }
  } catch (error) {
    throw new SettingsError(`HISTORY_DSN: ${file} cannot be opened (${(error as Error).message}).`)
  }
}
