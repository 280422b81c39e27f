import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import type { Storage } from '@mcp-gateway/core'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { expectNothingLost, expectQuickRefusals } from '../../../../../test/servers/outage.js'
import { type RedisServer, startRedis } from '../../../../../test/servers/redis.js'
import { redisStorage } from './redis-storage.js'

describe.runIf(hasBinary('redis-server'))('redisStorage in an outage', () => {
  let server: RedisServer
  const endings: (() => void)[] = []

  beforeAll(async () => {
    server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
  })
  afterAll(async () => {
    for (const end of endings) end()
    await server?.stop()
  })

  const clients: Record<string, () => Promise<Storage>> = {
    'ioredis as the README sets it up': async () => storageOf(new Redis(server.port, { maxRetriesPerRequest: 0 })),
    'ioredis with its own defaults': async () => storageOf(new Redis(server.port)),
    'node-redis': async () => {
      const client = createClient({ url: server.url }).on('error', () => {})
      await client.connect()
      endings.push(() => client.destroy())
      return redisStorage(client, { timeout: 1 })
    },
  }
  function storageOf(client: Redis): Storage {
    client.on('error', () => {})
    endings.push(() => client.disconnect())
    return redisStorage(client, { timeout: 1 })
  }

  test.each(Object.keys(clients))(
    'a killed server, %s: 503 soon, nothing acknowledged lost, no restart',
    async (name) => {
      const storage = await (clients[name] as () => Promise<Storage>)()
      await expectNothingLost(storage, server)
    },
  )

  test('a server that hangs: 503 in time', async () => {
    const storage = await (clients['node-redis'] as () => Promise<Storage>)()
    await storage.get('key')
    const admin = new Redis(server.port)
    await admin.call('CLIENT', 'PAUSE', '1500', 'ALL')
    admin.disconnect()
    await expectQuickRefusals(storage, 1.4)
    await expect.poll(() => storage.get('key').catch(() => 'down'), { timeout: 5000 }).toBeUndefined()
  })

  describe('when a client repeats a command whose reply was lost', () => {
    let proxy: Server
    let storage: Storage
    /** Cuts the connection at the next reply, which the client then never sees. */
    let cut = false

    beforeAll(async () => {
      proxy = createServer((near) => {
        const far = connect(server.port, '127.0.0.1')
        const end = () => {
          near.destroy()
          far.destroy()
        }
        near
          .on('error', end)
          .on('close', end)
          .on('data', (chunk) => far.write(chunk))
        far
          .on('error', end)
          .on('close', end)
          .on('data', (chunk) => {
            if (cut) end()
            else near.write(chunk)
            cut = false
          })
      }).listen(0, '127.0.0.1')
      await once(proxy, 'listening')
      const client = new Redis((proxy.address() as AddressInfo).port)
      client.on('error', () => {})
      endings.push(
        () => client.disconnect(),
        () => proxy.close(),
      )
      storage = redisStorage(client)
      // Every script is known to the server, so that the reply that gets lost is that of the verb.
      await storage.add('warm', 'value', { ttl: null })
      await storage.compareAndSet('warm', (await storage.get('warm'))?.version, 'value', { ttl: null })
      await storage.take('warm')
    })

    test('take answers what it took', async () => {
      await storage.set('code', 'grant', { ttl: 60 })
      cut = true
      expect(await storage.take('code')).toBe('grant')
      expect(cut).toBe(false)
      expect(await storage.take('code')).toBeUndefined()
    })

    test('add and compareAndSet answer that they won', async () => {
      cut = true
      expect(await storage.add('mark', 'value', { ttl: 60 })).toBe(true)
      expect(cut).toBe(false)
      expect(await storage.add('mark', 'value', { ttl: 60 })).toBe(false)
      const version = (await storage.get('mark'))?.version
      cut = true
      expect(await storage.compareAndSet('mark', version, 'other', { ttl: 60 })).toBe(true)
      expect(cut).toBe(false)
      expect(await storage.compareAndSet('mark', version, 'other', { ttl: 60 })).toBe(false)
    })
  })

  test('forgets what was taken soon after', async () => {
    const admin = new Redis(server.port)
    endings.push(() => admin.disconnect())
    const storage = redisStorage(admin, { prefix: 'taken', timeout: 1 })
    await storage.set('key', 'value', { ttl: null })
    await storage.take('key')
    const left = await admin.keys('{taken}*')
    expect(left).toHaveLength(1)
    expect(await admin.pttl(left[0] as string)).toBeLessThanOrEqual(2000)
  })
})
