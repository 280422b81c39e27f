import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { type StorageProcess, type TestStorageOptions, testStorage } from '@mcp-gateway/core/testing'
import { encryptedStorage } from '@mcp-gateway/storage-adapters/encrypted'
import { postgresSchema, postgresStorage } from '@mcp-gateway/storage-adapters/postgres'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { sqliteStorage } from '@mcp-gateway/storage-adapters/sqlite'
import { singleProcessUnstorage } from '@mcp-gateway/storage-adapters/unstorage'
import { Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'
import { createClient } from 'redis'
import { createStorage } from 'unstorage'
import { hasBinary } from '../test/servers/binary.js'
import { forkStorage } from '../test/servers/fork-storage.js'
import { startPostgres } from '../test/servers/postgres.js'
import { startRedis } from '../test/servers/redis.js'

/*
 * No figures here but counts: `npm run bench -- storage-races` runs the races of the storage suite 200 times over on
 * each adapter, 50 callers each, between two processes where the store is shared, and fails on a second winner.
 */
const runs = Number(process.env.RUNS ?? 200)
const endings: (() => unknown)[] = []

try {
  console.log(`| adapter | runs | races | failures | seconds |\n| --- | ---: | ---: | ---: | ---: |`)
  const memory = memoryStorage()
  await race('memory', { open: () => memory })
  const encrypted = encryptedStorage(memoryStorage(), [Buffer.alloc(32, 7).toString('base64')])
  await race('encrypted memory', { open: () => encrypted })
  const unstorage = createStorage()
  await race('unstorage, one process', { open: () => singleProcessUnstorage(unstorage) })
  await raceSqlite()
  if (hasBinary('redis-server')) await raceRedis()
  if (hasBinary('postgres')) await racePostgres()
} finally {
  for (const end of endings.reverse()) await end()
}

async function raceSqlite(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'races-'))
  endings.push(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'races.db')
  const databases = [new Database(file), new Database(file)]
  for (const database of databases) endings.push(() => database.close())
  const storages = databases.map((database) => sqliteStorage(database))
  let next = 0
  const open = () => storages[next++ % 2] as (typeof storages)[0]
  await race('sqlite, two connections and two processes', { open, fork: kept('sqlite', file) })
}

async function raceRedis(): Promise<void> {
  const server = await startRedis()
  endings.push(() => server.stop())
  const ioredis = new Redis(server.port, { maxRetriesPerRequest: 0 })
  endings.push(() => ioredis.disconnect())
  const nodeRedis = createClient({ url: server.url })
  await nodeRedis.connect()
  endings.push(() => nodeRedis.destroy())
  const storages = [redisStorage(ioredis, { timeout: 20 }), redisStorage(nodeRedis, { timeout: 20 })]
  let next = 0
  const open = () => storages[next++ % 2] as (typeof storages)[0]
  await race('redis, ioredis and node-redis, two processes', { open, fork: kept('redis', server.url) })
}

async function racePostgres(): Promise<void> {
  const server = await startPostgres()
  endings.push(() => server.stop())
  const pool = new pg.Pool({ connectionString: server.url })
  endings.push(() => pool.end())
  await pool.query(postgresSchema())
  const open = () => postgresStorage(pool, { timeout: 20 })
  await race('postgres, ten connections and two processes', { open, fork: kept('postgres', server.url) })
}

async function race(adapter: string, options: TestStorageOptions): Promise<void> {
  const started = Date.now()
  let [races, failures] = [0, 0]
  for (let run = 0; run < runs; run++) {
    for (const { name, run: check } of testStorage(options)) {
      if (!name.startsWith('race:')) continue
      races++
      await check().catch((error: unknown) => {
        failures++
        process.exitCode = 1
        console.error(`${adapter}, run ${run}, ${name}: ${error}`)
      })
    }
  }
  console.log(`| ${adapter} | ${runs} | ${races} | ${failures} | ${Math.round((Date.now() - started) / 1000)} |`)
}

/** One process for all runs: starting it takes longer than its races. */
function kept(...parameters: Parameters<typeof forkStorage>): () => StorageProcess {
  const child = forkStorage(...parameters)
  child.setMaxListeners(0)
  endings.push(() => child.kill())
  return () => ({
    send: (message) => child.send(message),
    on: (event, listener) => child.on(event, listener),
    kill: () => true,
  })
}
