import { testStorage } from '@mcp-gateway/core/testing'
import { Redis } from 'ioredis'
import { Redis as Redis6 } from 'ioredis6'
import { createClient } from 'redis'
import { createClient as createClient5 } from 'redis5'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { forkStorage } from '../../../../../test/servers/fork-storage.js'
import { type RedisServer, startRedis } from '../../../../../test/servers/redis.js'
import { type IoredisClient, type NodeRedisClient, redisStorage } from './redis-storage.js'

let server: RedisServer
let admin: Redis

interface Connection {
  client: IoredisClient | NodeRedisClient
  end(): void
}

const failing = { maxRetriesPerRequest: 0 }
const clients: Record<string, () => Promise<Connection>> = {
  'ioredis 5': async () => endable(new Redis(server.port, failing)),
  'ioredis 6': async () => endable(new Redis6(server.port, failing)),
  'node-redis 5': async () => {
    const client = createClient5({ url: server.url }).on('error', () => {})
    await client.connect()
    return { client, end: () => client.destroy() }
  },
  'node-redis 6': async () => {
    const client = createClient({ url: server.url }).on('error', () => {})
    await client.connect()
    return { client, end: () => client.destroy() }
  },
}

function endable(client: Redis | Redis6): Connection {
  client.on('error', () => {})
  return { client, end: () => client.disconnect() }
}

describe.runIf(hasBinary('redis-server'))('redisStorage', () => {
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.port)
  })
  afterAll(async () => {
    admin?.disconnect()
    await server?.stop()
  })

  describe.each(Object.keys(clients))('%s', (library) => {
    const connections: Connection[] = []
    let next = 0
    beforeAll(async () => {
      for (let index = 0; index < 2; index++) connections.push(await (clients[library] as () => Promise<Connection>)())
    })
    afterAll(() => {
      for (const { end } of connections) end()
    })
    const cases = testStorage({
      open: () => redisStorage((connections[next++ % 2] as Connection).client, { timeout: 10 }),
      fork: () => forkStorage('redis', server.url),
      interrupt: async () => {
        await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      },
    })
    for (const { name, run } of cases) test(name, run)
  })
})
