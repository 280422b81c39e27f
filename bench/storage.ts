import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { postgresSchema, postgresStorage } from '@mcp-gateway/storage-adapters/postgres'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { sqliteStorage } from '@mcp-gateway/storage-adapters/sqlite'
import { Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'
import { createClient } from 'redis'
import { postgresStatements } from '../packages/storage-adapters/src/lib/postgres/statements.js'
import * as scripts from '../packages/storage-adapters/src/lib/redis/scripts.js'
import { sqliteStatements } from '../packages/storage-adapters/src/lib/sqlite/statements.js'
import { hasBinary } from '../test/servers/binary.js'
import { startPostgres } from '../test/servers/postgres.js'
import { startRedis } from '../test/servers/redis.js'
import { compare, type Operation } from './harness.js'

const value = JSON.stringify({ clientId: 'client', scopes: ['a', 'b'], redirectUri: 'https://client.example/callback' })
const ttl = 600
const milliseconds = String(ttl * 1000)
// What is written anew lives anew: an expiry that stayed the same would spare the raw side its index
const expiry = () => Date.now() + ttl * 1000
let counter = 0
const next = () => `key ${counter++ % 5000}`

/** The verbs of a storage as benchmarks: those that use something up write it first, on both sides. */
function verbs(storage: Storage): Record<string, Operation> {
  return {
    get: () => storage.get('present'),
    set: () => storage.set(next(), value, { ttl }),
    'add and take': async () => {
      await storage.add('once', value, { ttl })
      await storage.take('once')
    },
    'get and compareAndSet': async () => {
      const entry = await storage.get('present')
      await storage.compareAndSet('present', entry?.version, value, { ttl })
    },
    increment: () => storage.increment('counter', { ttl }),
    'list of ten': () => storage.list('ten'),
  }
}

async function compareVerbs(
  name: string,
  raw: Record<string, Operation>,
  storages: Record<string, Storage>,
  operations: number,
): Promise<void> {
  for (const storage of Object.values(storages)) {
    await storage.set('present', value, { ttl })
    for (let index = 0; index < 10; index++) await storage.set(`member ${index}`, value, { ttl, lists: ['ten'] })
  }
  for (const [verb, operation] of Object.entries(raw)) {
    const ours = Object.entries(storages).map(([title, storage]) => [title, verbs(storage)[verb] as Operation])
    await compare(`${name}: ${verb}`, { raw: operation, ...Object.fromEntries(ours) }, { operations, rounds: 7 })
  }
}

await compareMemory()
await compareSqlite()
if (hasBinary('redis-server')) await compareRedis()
if (hasBinary('postgres')) await comparePostgres()

/** Against what one would write without a thought: a Map behind promises, with an expiry in each entry. */
async function compareMemory(): Promise<void> {
  const map = new Map<string, { value: string; expiresAt: number }>()
  const counts = new Map<string, { value: number; expiresAt: number }>()
  const read = async (key: string) => {
    const entry = map.get(key)
    return entry && entry.expiresAt > Date.now() ? entry : undefined
  }
  const write = async (key: string) => {
    map.set(key, { value, expiresAt: Date.now() + ttl * 1000 })
  }
  await write('present')
  // Whoever compares has to hand out something that is compared.
  let versioned = { value, version: '0', expiresAt: expiry() }
  let versions = 0
  const readVersion = async () => (versioned.expiresAt > Date.now() ? versioned.version : undefined)
  const writeVersion = async () => {
    versioned = { value, version: String(++versions), expiresAt: Date.now() + ttl * 1000 }
  }
  const raw: Record<string, Operation> = {
    get: () => read('present'),
    set: () => write(next()),
    'add and take': async () => {
      if ((await read('once')) === undefined) await write('once')
      if (await read('once')) map.delete('once')
    },
    'get and compareAndSet': async () => {
      const before = await readVersion()
      if ((await readVersion()) === before) await writeVersion()
    },
    increment: async () => {
      const entry = counts.get('counter')
      if (entry && entry.expiresAt > Date.now()) entry.value++
      else counts.set('counter', { value: 1, expiresAt: Date.now() + ttl * 1000 })
    },
  }
  await compareVerbs('memory', raw, { memoryStorage: memoryStorage() }, 100_000)
}

async function compareSqlite(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sqlite-'))
  const database = new Database(join(folder, 'bench.db'))
  // The time that the disk takes would drown everything else.
  database.exec('PRAGMA synchronous = NORMAL')
  const storage = sqliteStorage(database)
  await storage.get('present')
  const texts = sqliteStatements('mcp_gateway')
  const run = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, database.prepare(text)] as const),
  ) as Record<keyof typeof texts, Database.Statement>
  const version = 'a version of ours'
  const raw: Record<string, Operation> = {
    get: async () => run.get.all('present', Date.now()),
    set: async () => run.set.run(next(), value, version, expiry(), null),
    'add and take': async () => {
      run.add.all('once', value, version, expiry(), null, Date.now())
      run.take.all('once')
    },
    'get and compareAndSet': async () => {
      const [row] = run.get.all('present', Date.now()) as { version: string }[]
      run.compareAndSet.all(value, `${row?.version}`, expiry(), null, 'present', `${row?.version}`, Date.now())
    },
    increment: async () => {
      const time = Date.now()
      return run.increment.all('counter', '#version', time + ttl * 1000, time, time, time)
    },
    'list of ten': async () => run.list.all('ten', '', Date.now(), 101),
  }
  await compareVerbs('sqlite (libsql)', raw, { sqliteStorage: storage }, 2000)
  database.close()
  rmSync(folder, { recursive: true })
}

async function compareRedis(): Promise<void> {
  const server = await startRedis(['--appendonly', 'no', '--enable-debug-command', 'yes'])
  const client = new Redis(server.port)
  const node = createClient({ url: server.url })
  await node.connect()
  try {
    const digests = await Promise.all(
      Object.entries(scripts).map(async ([name, text]) => [name, await client.script('LOAD', text)] as const),
    )
    const digest = Object.fromEntries(digests) as Record<keyof typeof scripts, string>
    const key = (name: string) => `{mcp-gateway}:${name}`
    const version = 'sixteen letters.'
    const record = `${version}\x10.${value}`
    const evalsha = (script: keyof typeof scripts, name: string, ...parameters: string[]) =>
      client.evalsha(digest[script], 1, key(name), name, ...parameters)
    const raw: Record<string, Operation> = {
      get: () => client.get(key('present')),
      set: () => evalsha('set', next(), record, milliseconds),
      'add and take': async () => {
        await evalsha('add', 'once', record, milliseconds)
        await evalsha('take', 'once', 'a call', '4000')
      },
      'get and compareAndSet': async () => {
        const before = await client.get(key('present'))
        await evalsha('compareAndSet', 'present', record, milliseconds, before?.slice(0, 16) ?? '')
      },
      increment: () => evalsha('increment', 'counter', '#ersion of sixty', milliseconds),
      'list of ten': () => client.evalsha(digest.list, 1, '{mcp-gateway}@ten', 'ten', '-', '100'),
    }
    const [storage, onNode] = [redisStorage(client), redisStorage(node)]
    await compareVerbs('redis (ioredis)', raw, { redisStorage: storage }, 2000)
    await compare(
      'redis: scripts against the nearest native commands',
      {
        'SET PX': () => client.set('plain', value, 'PX', milliseconds),
        'redisStorage.set': () => storage.set('present', value, { ttl }),
        'SET PX NX, GETDEL': async () => {
          await client.set('plain', value, 'PX', milliseconds, 'NX')
          await client.getdel('plain')
        },
        'redisStorage.add, take': verbs(storage)['add and take'] as Operation,
      },
      { rounds: 7 },
    )
    await compare(
      'redis: get through each client',
      {
        'ioredis GET': () => client.get(key('present')),
        'redisStorage on ioredis': verbs(storage).get as Operation,
        'node-redis GET': () => node.get(key('present')),
        'redisStorage on node-redis': verbs(onNode).get as Operation,
      },
      { rounds: 7 },
    )
    const ten = verbs(storage)['list of ten'] as Operation
    const few = await elapsed(ten)
    await client.call('DEBUG', 'POPULATE', '1000000', '{mcp-gateway}:crowd')
    const many = await elapsed(ten)
    console.log(`\nredis: a list of ten among a million keys takes ${(many / few).toFixed(2)} × as long as among few`)
  } finally {
    client.disconnect()
    node.destroy()
    await server.stop()
  }
}

async function comparePostgres(): Promise<void> {
  const server = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url })
  try {
    await pool.query(postgresSchema())
    const texts = postgresStatements('mcp_gateway')
    const version = 'a version of ours'
    const run = (name: keyof typeof texts, ...values: unknown[]) => pool.query(texts[name], values)
    const raw: Record<string, Operation> = {
      get: () => run('get', 'present'),
      set: () => run('set', next(), value, version, ttl * 1000, null),
      'add and take': async () => {
        await run('add', 'once', value, version, ttl * 1000, null)
        await run('take', 'once')
      },
      'get and compareAndSet': async () => {
        const { rows } = await run('get', 'present')
        await run('compareAndSet', 'present', value, rows[0].version, ttl * 1000, null, rows[0].version)
      },
      increment: () => run('increment', 'counter', '#version', ttl * 1000),
      'list of ten': () => run('list', 'ten', '', 101),
    }
    await compareVerbs('postgres (pg)', raw, { postgresStorage: postgresStorage(pool) }, 500)
  } finally {
    await pool.end()
    await server.stop()
  }
}

/** The median time of one operation, in microseconds. */
async function elapsed(operation: Operation): Promise<number> {
  const times: number[] = []
  for (let index = 0; index < 5000; index++) {
    const started = process.hrtime.bigint()
    await operation()
    times.push(Number(process.hrtime.bigint() - started) / 1000)
  }
  return times.sort((a, b) => a - b)[2500] as number
}
