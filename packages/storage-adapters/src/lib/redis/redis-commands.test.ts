import type { Storage } from '@mcp-gateway/core'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { type RedisServer, startRedis } from '../../../../../test/servers/redis.js'
import { type IoredisClient, redisStorage } from './redis-storage.js'

describe.runIf(hasBinary('redis-server'))('redisStorage and the commands it sends', () => {
  let server: RedisServer
  let client: Redis
  let storage: Storage
  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.port)
    storage = redisStorage(client)
  })
  afterAll(async () => {
    client?.disconnect()
    await server?.stop()
  })

  /** The same client, and what is sent through it. */
  function recorded(): { recorder: IoredisClient; sent: string[] } {
    const sent: string[] = []
    const note = <T>(command: string, reply: T): T => {
      sent.push(command)
      return reply
    }
    const recorder: IoredisClient = {
      get: (key) => note('get', client.get(key)),
      eval: (script, keys, ...rest) => note('eval', client.eval(script, keys, ...rest)),
      evalsha: (digest, keys, ...rest) => note('evalsha', client.evalsha(digest, keys, ...rest)),
    }
    return { recorder, sent }
  }

  const verbs: Record<string, (storage: Storage) => Promise<unknown>> = {
    get: (each) => each.get('key'),
    set: (each) => each.set('key', 'value', { ttl: 60, lists: ['one', 'two'] }),
    add: (each) => each.add('other', 'value', { ttl: 60, lists: ['one', 'two'] }),
    compareAndSet: (each) => each.compareAndSet('key', 'version', 'value', { ttl: 60, lists: ['one'] }),
    take: (each) => each.take('key'),
    delete: (each) => each.delete('other'),
    list: (each) => each.list('one'),
    increment: (each) => each.increment('counter', { ttl: 60 }),
  }

  test.each(Object.keys(verbs))('%s is one round trip, with its lists', async (verb) => {
    const run = verbs[verb] as (storage: Storage) => Promise<unknown>
    const { recorder, sent } = recorded()
    const storage = redisStorage(recorder)
    await run(storage)
    sent.length = 0
    await run(storage)
    expect(sent).toEqual([verb === 'get' ? 'get' : 'evalsha'])
  })

  test('sends a script again after the server has forgotten it, and then its digest alone', async () => {
    const { recorder, sent } = recorded()
    const storage = redisStorage(recorder)
    await storage.set('key', 'value', { ttl: 60 })
    await client.script('FLUSH')
    sent.length = 0
    expect(await storage.take('key')).toBe('value')
    expect(await storage.take('key')).toBeUndefined()
    expect(sent).toEqual(['evalsha', 'eval', 'evalsha'])
  })

  test('puts all keys of a storage into one slot of a cluster', async () => {
    const own = redisStorage(client, { prefix: 'slot' })
    await own.set('a{b}c', 'value', { ttl: 60, lists: ['{d}'] })
    await own.set('e', 'value', { ttl: 60 })
    await own.take('e')
    const keys = await client.keys('{slot}*')
    expect(keys).toHaveLength(3)
    for (const key of keys) expect(key).toMatch(/^\{slot\}[:@!]/)
  })

  test('drops a list with its last member, expired or not', async () => {
    await storage.set('lasting', '', { ttl: 1, lists: ['short'] })
    await storage.set('brief', '', { ttl: 0.01, lists: ['short'] })
    expect(await client.pttl('{mcp-gateway}@short')).toBeGreaterThan(10)
    await expect.poll(() => client.exists('{mcp-gateway}@short'), { timeout: 10_000 }).toBe(0)
    await storage.set('kept', '', { ttl: null, lists: ['short'] })
    await storage.set('long', '', { ttl: 60, lists: ['short'] })
    expect(await client.pttl('{mcp-gateway}@short')).toBe(-1)
    await storage.delete('kept')
    expect(await client.pttl('{mcp-gateway}@short')).toBeGreaterThan(0)
    await storage.delete('long')
    expect(await client.exists('{mcp-gateway}@short')).toBe(0)
    await storage.set('kept', '', { ttl: null, lists: ['short'] })
    await storage.set('brief', '', { ttl: 0.01, lists: ['short'] })
    await storage.delete('kept')
    await expect.poll(() => client.exists('{mcp-gateway}@short'), { timeout: 10_000 }).toBe(0)
  })

  test('keeps the expired from piling up on a list that is written to and never read', async () => {
    await storage.set('stays', '', { ttl: null, lists: ['busy'] })
    for (let batch = 0; batch < 20; batch++) {
      const write = (index: number) => storage.set(`${batch} ${index}`, '', { ttl: 0.005, lists: ['busy'] })
      await Promise.all(Array.from({ length: 50 }, (_, index) => write(index)))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(await client.zcard('{mcp-gateway}@busy')).toBeLessThan(150)
    expect(await storage.list('busy', { limit: 200 })).toMatchObject({ keys: ['stays'] })
  })

  test.each(['', 'a{b', 'a}'])('refuses the prefix "%s"', (prefix) => {
    expect(() => redisStorage(client, { prefix })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
  })

  test.each([0, -1, Number.NaN])('refuses the timeout %s', (timeout) => {
    expect(() => redisStorage(client, { timeout })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
  })
})
