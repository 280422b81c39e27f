import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Storage } from '@mcp-gateway/core'
import { testStorage } from '@mcp-gateway/core/testing'
import Database from 'libsql'
import { afterAll, describe, expect, test } from 'vitest'
import { forkStorage } from '../../../../../test/servers/fork-storage.js'
import { type SqliteDatabase, sqliteStorage } from './sqlite-storage.js'
import { sqliteStatements } from './statements.js'

const folder = mkdtempSync(join(tmpdir(), 'sqlite-'))
const opened: Database.Database[] = []

function open(file: string): Database.Database {
  const database = new Database(join(folder, file))
  // No test here is about a loss of power, and a busy disk takes its time.
  database.exec('PRAGMA synchronous = OFF')
  opened.push(database)
  return database
}

afterAll(() => {
  for (const database of opened) if (database.open) database.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('sqliteStorage on a file, two connections', () => {
  let ahead = 0
  const now = () => Date.now() + ahead
  const storages = [sqliteStorage(open('suite.db'), { now }), sqliteStorage(open('suite.db'), { now })]
  let next = 0
  const cases = testStorage({
    open: () => storages[next++ % 2] as (typeof storages)[0],
    advance: (seconds) => {
      ahead += seconds * 1000
    },
    // The other process keeps real time, which the lifetimes of a race are far longer than.
    fork: () => forkStorage('sqlite', join(folder, 'suite.db')),
  })
  for (const { name, run } of cases) test(name, run)
})

// Node 20 has none; later ones do.
const nodeSqlite = process.getBuiltinModule('node:sqlite' as 'node:fs') as unknown as
  | { DatabaseSync: new (file: string) => SqliteDatabase }
  | undefined

describe.runIf(nodeSqlite)('sqliteStorage on node:sqlite', () => {
  let ahead = 0
  let storage: Storage | undefined
  const open = () => {
    storage ??= sqliteStorage(new (nodeSqlite as NonNullable<typeof nodeSqlite>).DatabaseSync(':memory:'), {
      now: () => Date.now() + ahead,
    })
    return storage
  }
  const advance = (seconds: number) => {
    ahead += seconds * 1000
  }
  for (const { name, run } of testStorage({ open, advance })) test(name, run)
})

describe('sqliteStorage', () => {
  test('touches the database at the first verb and not before', async () => {
    const database = open('lazy.db')
    const storage = sqliteStorage(database)
    const tables = database.prepare('SELECT name FROM sqlite_master')
    expect(tables.all()).toEqual([])
    await storage.get('key')
    expect(tables.all()).not.toEqual([])
  })

  test('binds by plain marks alone: better-sqlite3 takes a number after one for a name', () => {
    expect(Object.values(sqliteStatements('mcp_gateway')).join()).not.toMatch(/\?\d|[:@$]\w/)
  })

  test('keeps everything when the file is closed and opened again', async () => {
    const database = open('kept.db')
    await sqliteStorage(database).set('client', 'record', { ttl: 60, lists: ['all'] })
    database.close()
    const storage = sqliteStorage(open('kept.db'))
    expect(await storage.get('client')).toMatchObject({ value: 'record' })
    expect(await storage.list('all')).toEqual({ keys: ['client'] })
  })

  test('keeps storages of different tables apart in one database', async () => {
    const database = open('apart.db')
    const [one, two] = [sqliteStorage(database), sqliteStorage(database, { table: 'other' })]
    await one.set('key', 'value', { ttl: null, lists: ['list'] })
    expect(await two.get('key')).toBeUndefined()
    expect(await two.list('list')).toEqual({ keys: [] })
  })

  test('sweeps what has expired out of the file, once a minute at most', async () => {
    let time = 1_000_000
    const database = open('swept.db')
    const storage = sqliteStorage(database, { now: () => time })
    for (const key of ['a', 'b']) await storage.set(key, '', { ttl: 1, lists: ['list'] })
    const rows = () => [
      database.prepare('SELECT key FROM mcp_gateway').all().length,
      database.prepare('SELECT key FROM mcp_gateway_lists').all().length,
    ]
    time += 59_000
    await storage.set('c', '', { ttl: null })
    expect(rows()).toEqual([3, 2])
    time += 1000
    await storage.set('d', '', { ttl: null })
    expect(rows()).toEqual([2, 0])
  })

  test('says that the store does not answer when the database is broken, and goes on when it is not any more', async () => {
    const database = open('broken.db')
    let broken = true
    const flaky: SqliteDatabase = {
      prepare: (sql) => {
        if (broken) throw new Error('disk I/O error')
        return database.prepare(sql)
      },
      exec: (sql) => database.exec(sql),
    }
    const storage = sqliteStorage(flaky)
    await expect(storage.take('key')).rejects.toMatchObject({ code: 'temporarily_unavailable', status: 503 })
    broken = false
    expect(await storage.add('key', 'value', { ttl: null })).toBe(true)
  })

  test('lets a writer wait for another process unless the connection has a time of its own', async () => {
    const [plain, own] = [open('busy.db'), open('busy.db')]
    own.exec('PRAGMA busy_timeout = 50')
    await sqliteStorage(plain).get('key')
    await sqliteStorage(own).get('key')
    const timeout = (database: Database.Database) => database.prepare('PRAGMA busy_timeout').all()
    expect([timeout(plain), timeout(own)]).toEqual([[{ timeout: 3000 }], [{ timeout: 50 }]])
  })

  test.each(['', 'a b', 'a"b', '1a', 'a'.repeat(60)])('refuses the table name "%s"', (table) => {
    const database = open('names.db')
    expect(() => sqliteStorage(database, { table })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
  })
})
