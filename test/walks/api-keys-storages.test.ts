import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Storage } from '@mcp-gateway/core'
import { type ApiKeys, createApiKeys, createApiKeyVerifier } from '@mcp-gateway/core/api-keys'
import { createGateway } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { encryptedStorage } from '@mcp-gateway/storage-adapters/encrypted'
import { postgresSchema, postgresStorage } from '@mcp-gateway/storage-adapters/postgres'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { sqliteStorage } from '@mcp-gateway/storage-adapters/sqlite'
import { Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { hasBinary } from '../servers/binary.js'
import { startPostgres } from '../servers/postgres.js'
import { startRedis } from '../servers/redis.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const owner = { serviceAccount: 'robot' }
const closers: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

const key = Buffer.alloc(32, 7).toString('base64')

const stores: Record<string, { runs: boolean; open: () => Promise<Storage> }> = {
  memory: { runs: true, open: async () => memoryStorage() },
  SQLite: { runs: true, open: async () => sqliteStorage(new Database(':memory:')) },
  Redis: {
    runs: hasBinary('redis-server'),
    open: async () => {
      const server = await startRedis()
      const client = new Redis(server.port)
      closers.push(server.stop, () => client.disconnect())
      return redisStorage(client)
    },
  },
  'Redis, encrypted': {
    runs: hasBinary('redis-server'),
    open: async () => {
      const server = await startRedis()
      const client = new Redis(server.port)
      closers.push(server.stop, () => client.disconnect())
      return encryptedStorage(redisStorage(client), [key])
    },
  },
  Postgres: {
    runs: hasBinary('postgres'),
    open: async () => {
      const server = await startPostgres()
      const pool = new pg.Pool({ connectionString: server.url })
      closers.push(server.stop, () => pool.end())
      await pool.query(postgresSchema())
      return postgresStorage(pool)
    },
  },
}

describe.each(Object.entries(stores))('keys in %s', (_, { runs, open }) => {
  test.runIf(runs)('are made, listed, changed, used, rotated and revoked', { timeout: 60_000 }, async () => {
    const keys = createApiKeys({ storage: await open(), maxPerOwner: 5, logger: quiet })
    const made = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        keys.create({ owner, name: `key ${index}`, rate: { limit: 1, window: 600 } }),
      ),
    )
    const created = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(created).toHaveLength(5)
    const [first] = created
    if (first === undefined) return
    const { id } = first.apiKey
    const pages: string[] = []
    let cursor: string | undefined
    do {
      const page = await keys.list({ owner, limit: 2, ...(cursor && { cursor }) })
      pages.push(...page.keys.map((one) => one.id))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(pages.sort()).toEqual(created.map(({ apiKey }) => apiKey.id).sort())

    await keys.update(id, { name: 'renamed', tools: ['search'] })
    expect(await keys.limitsOf(id)).toEqual({ tools: ['search'] })
    const found = await keys.identify(first.key)
    expect(await found.count?.()).toBeUndefined()
    expect(await found.count?.()).toBeGreaterThan(0)
    found.used?.('192.0.2.1')
    await expect.poll(() => keys.get(id)).toMatchObject({ name: 'renamed', lastUsedAddress: '192.0.2.1' })

    const rotations = await Promise.allSettled([keys.rotate(id), keys.rotate(id), keys.rotate(id)])
    const won = rotations.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(won).toHaveLength(1)
    for (const secret of [first.key, won[0]?.key ?? '']) expect((await keys.identify(secret)).id).toBe(id)
    await keys.revokeByToken(won[0]?.key ?? '')
    for (const secret of [first.key, won[0]?.key ?? '']) {
      await expect(keys.identify(secret)).rejects.toMatchObject({ reason: 'revoked' })
    }
    await keys.create({ owner, name: 'in the place of the revoked one' })
  })
})

/** One replica of a gateway, on a client of its own. */
async function startReplica(port: number): Promise<{ url: string; keys: ApiKeys }> {
  const client = new Redis(port, { maxRetriesPerRequest: 0 })
  client.on('error', () => {})
  const keys = createApiKeys({ storage: redisStorage(client, { timeout: 0.5 }), logger: quiet })
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const gateway = createGateway({
    url,
    auth: createApiKeyVerifier(keys),
    servers: { '/mcp': () => Response.json({ jsonrpc: '2.0', id: 1, result: {} }) },
    logger: quiet,
  })
  server.on('request', toNodeHandler(gateway))
  onTestFinished(() => {
    client.disconnect()
    server.closeAllConnections()
    server.close()
  })
  return { url: `${url}/mcp`, keys }
}

test.runIf(hasBinary('redis-server'))(
  'a key that was revoked at one replica is refused by another within a second; without the store both answer 503',
  { timeout: 60_000 },
  async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const [one, two] = [await startReplica(redis.port), await startReplica(redis.port)]
    const { key, apiKey } = await one.keys.create({ owner, name: 'a' })
    const call = async (url: string): Promise<number> => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', Accept: 'application/json' },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
      await response.text()
      return response.status
    }
    for (let round = 0; round < 3; round++) {
      expect(await call(one.url)).toBe(200)
      expect(await call(two.url)).toBe(200)
    }
    await one.keys.revoke(apiKey.id)
    const revokedAt = performance.now()
    let status = 200
    let lastGood = 0
    while (status === 200 && performance.now() - revokedAt < 10_000) {
      const askedAt = performance.now()
      status = await call(two.url)
      if (status === 200) lastGood = askedAt - revokedAt
    }
    expect(status).toBe(401)
    // The promise of `maxAge`: nothing that was asked later than this was let in
    expect(lastGood).toBeLessThan(1000)
    expect(await call(one.url)).toBe(401)
    await redis.kill()
    await expect.poll(() => call(one.url), { timeout: 10_000 }).toBe(503)
    expect(await call(two.url)).toBe(503)
  },
)
