import { testStorage } from '@mcp-gateway/core/testing'
import { Cluster, Redis } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freePort } from '../../../../../scripts/free-port.mjs'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { type RedisServer, startRedis } from '../../../../../test/servers/redis.js'
import { redisStorage } from './redis-storage.js'

describe.runIf(hasBinary('redis-server'))('redisStorage on a cluster of three masters', () => {
  let servers: RedisServer[] = []
  let ioredis: Cluster
  let nodeRedis: ReturnType<typeof createCluster>

  beforeAll(async () => {
    const buses = await Promise.all([freePort(), freePort(), freePort()])
    servers = await Promise.all(
      buses.map((bus) => startRedis(['--cluster-enabled', 'yes', '--cluster-port', `${bus}`, '--appendonly', 'no'])),
    )
    const admins = servers.map(({ port }) => new Redis(port))
    try {
      for (const [index, admin] of admins.entries()) {
        const first = Math.ceil((16384 / 3) * index)
        const last = Math.ceil((16384 / 3) * (index + 1)) - 1
        await admin.call('CLUSTER', 'ADDSLOTSRANGE', first, last)
        await admin.call('CLUSTER', 'MEET', '127.0.0.1', `${servers[0]?.port}`, `${buses[0]}`)
      }
      const states = async () => Promise.all(admins.map(async (admin) => String(await admin.cluster('INFO'))))
      const formed = (info: string) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')
      await vi.waitFor(async () => expect((await states()).filter(formed)).toHaveLength(3), { timeout: 20_000 })
    } finally {
      for (const admin of admins) admin.disconnect()
    }
    ioredis = new Cluster(servers.map(({ port }) => ({ host: '127.0.0.1', port })))
    nodeRedis = createCluster({ rootNodes: servers.map(({ url }) => ({ url })) })
    await nodeRedis.connect()
  }, 40_000)
  afterAll(async () => {
    ioredis?.disconnect()
    nodeRedis?.destroy()
    await Promise.all(servers.map((server) => server.stop()))
  })

  describe('ioredis', () => {
    for (const { name, run } of testStorage({ open: () => redisStorage(ioredis, { timeout: 10 }) })) test(name, run)
  })
  describe('node-redis', () => {
    for (const { name, run } of testStorage({ open: () => redisStorage(nodeRedis, { timeout: 10 }) })) test(name, run)
  })

  test('storages of several prefixes lie on several nodes', async () => {
    for (let index = 0; index < 12; index++) {
      await redisStorage(ioredis, { prefix: `prefix ${index}` }).set('key', 'value', { ttl: null })
    }
    const sizes = await Promise.all(ioredis.nodes('master').map((node) => node.dbsize()))
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(1)
  })
})
