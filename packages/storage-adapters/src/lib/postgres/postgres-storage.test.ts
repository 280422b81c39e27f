import { PGlite } from '@electric-sql/pglite'
import type { Storage } from '@mcp-gateway/core'
import { testStorage } from '@mcp-gateway/core/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { forkStorage } from '../../../../../test/servers/fork-storage.js'
import { type PostgresServer, startPostgres } from '../../../../../test/servers/postgres.js'
import { postgresStorage } from './postgres-storage.js'
import { postgresSchema } from './schema.js'

describe.runIf(hasBinary('postgres'))('postgresStorage on PostgreSQL', () => {
  let server: PostgresServer
  let pool: pg.Pool
  beforeAll(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: server.url, max: 10 })
    pool.on('error', () => {})
    await Promise.all(Array.from({ length: 5 }, () => pool.query(postgresSchema())))
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })

  const cases = testStorage({
    open: () => postgresStorage(pool, { timeout: 10 }),
    fork: () => forkStorage('postgres', server.url),
    interrupt: async () => {
      await pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()')
    },
  })
  for (const { name, run } of cases) test(name, run)

  test('asks the record of each member alone, however many records there are', async () => {
    await pool.query(postgresSchema('many'))
    const storage = postgresStorage(pool, { table: 'many', timeout: 10 })
    await pool.query(
      "INSERT INTO many (key, value, version) SELECT 'key ' || n, '', 'v' FROM generate_series(1, 20000) AS n",
    )
    for (let index = 0; index < 10; index++) await storage.set(`on ${index}`, '', { ttl: null, lists: ['ten'] })
    await pool.query('ANALYZE many')
    await pool.query('SELECT pg_stat_force_next_flush()').catch(() => {})
    const explained: string[] = []
    const explaining = postgresStorage(
      {
        query: async (text, values) => {
          const { rows } = await pool.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT) ${text}`, values)
          explained.push(...rows.map((row) => String(row['QUERY PLAN'])))
          return pool.query(text, values)
        },
      },
      { table: 'many' },
    )
    expect((await explaining.list('ten')).keys).toHaveLength(10)
    expect(explained.join('\n')).not.toMatch(/Seq Scan|rows=[0-9]{4}/)
  })

  test('deletes expired rows and their places on lists by the way', async () => {
    await pool.query(postgresSchema('swept'))
    const storage = postgresStorage(pool, { table: 'swept', timeout: 10 })
    await pool.query("INSERT INTO swept VALUES ('dead', '', 'v', now() - interval '1 second', '{x}')")
    await pool.query("INSERT INTO swept_lists VALUES ('x', 'dead')")
    await Promise.all(Array.from({ length: 500 }, () => storage.set('alive', '', { ttl: 60 })))
    await storage.close()
    const { rows } = await pool.query('SELECT key FROM swept UNION SELECT key FROM swept_lists')
    expect(rows).toEqual([{ key: 'alive' }])
  })

  test('says that the store does not answer while its tables are missing, and goes on when they are there', async () => {
    const storage = postgresStorage(pool, { table: 'late' })
    await expect(storage.get('key')).rejects.toMatchObject({ code: 'temporarily_unavailable', status: 503 })
    await pool.query(postgresSchema('late'))
    expect(await storage.get('key')).toBeUndefined()
  })

  test('rejects in time when the server takes too long', async () => {
    const slow = postgresStorage({ query: () => new Promise(() => {}) }, { timeout: 0.05 })
    await expect(slow.get('key')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })
})

describe('postgresStorage on PGlite', () => {
  let database: PGlite
  let storage: Storage
  beforeAll(async () => {
    database = await PGlite.create()
    await database.query(postgresSchema())
    storage = postgresStorage(database, { timeout: 20 })
  }, 60_000)
  afterAll(() => database?.close())

  for (const { name, run } of testStorage({ open: () => storage })) test(name, run)
})

test.each(['', 'a b', 'a"b', '1a', 'a'.repeat(60)])('refuses the table name "%s"', (table) => {
  const refusal = expect.objectContaining({ code: 'invalid_configuration' })
  expect(() => postgresStorage({ query: async () => ({ rows: [] }) }, { table })).toThrow(refusal)
  expect(() => postgresSchema(table)).toThrow(refusal)
})
