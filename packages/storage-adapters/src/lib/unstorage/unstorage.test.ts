import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testStorage } from '@mcp-gateway/core/testing'
import { createStorage, type Storage as Unstorage } from 'unstorage'
import fsDriver from 'unstorage/drivers/fs'
import lruCacheDriver from 'unstorage/drivers/lru-cache'
import redisDriver from 'unstorage/drivers/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { type RedisServer, startRedis } from '../../../../../test/servers/redis.js'
import { singleProcessUnstorage } from './single-process-unstorage.js'
import { unstorageStorage } from './unstorage-storage.js'

const folder = mkdtempSync(join(tmpdir(), 'unstorage-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each<[string, Unstorage]>([
  ['memory', createStorage()],
  ['lru-cache', createStorage({ driver: lruCacheDriver({}) })],
  ['fs', createStorage({ driver: fsDriver({ base: folder }) })],
])('singleProcessUnstorage on the %s driver', (_, unstorage) => {
  let ahead = 0
  const now = () => Date.now() + ahead
  const cases = testStorage({
    open: () => singleProcessUnstorage(unstorage, { now }),
    advance: (seconds) => {
      ahead += seconds * 1000
    },
  })
  for (const { name, run } of cases) test(name, run)
})

describe('singleProcessUnstorage', () => {
  test('says in its type and on itself that it is for one process', () => {
    const mark: true = singleProcessUnstorage(createStorage()).singleProcess
    expect(mark).toBe(true)
  })

  test('keeps everything that a driver keeps', async () => {
    const driver = () => fsDriver({ base: join(folder, 'kept') })
    const first = singleProcessUnstorage(createStorage({ driver: driver() }))
    await first.set('https://a.example/?tenant=1', 'one', { ttl: null, lists: ['all'] })
    const second = singleProcessUnstorage(createStorage({ driver: driver() }))
    expect((await second.get('https://a.example/?tenant=1'))?.value).toBe('one')
    expect(await second.list('all')).toEqual({ keys: ['https://a.example/?tenant=1'] })
  })

  test('drops expired records of drivers that ignore lifetimes, by the way', async () => {
    let time = 0
    const storage = singleProcessUnstorage(createStorage({ driver: fsDriver({ base: join(folder, 'swept') }) }), {
      now: () => time,
    })
    const files = () => readdirSync(join(folder, 'swept/mcp-gateway/record')).length
    for (const key of ['a', 'b']) await storage.set(key, '', { ttl: 60 })
    expect(files()).toBe(2)
    time = 3_600_000
    await storage.set('c', '', { ttl: 60 })
    await storage.close()
    expect(files()).toBe(1)
  })

  test('says that the store does not answer when the driver fails', async () => {
    const broken = createStorage({
      driver: {
        ...fsDriver({ base: folder }),
        getItem: () => {
          throw new Error('EIO')
        },
      },
    })
    const storage = singleProcessUnstorage(broken)
    await expect(storage.take('key')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    await expect(storage.list('list')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  test('refuses a base that a driver could read as a path', () => {
    expect(() => singleProcessUnstorage(createStorage(), { base: '../up' })).toThrow(
      expect.objectContaining({ code: 'invalid_configuration' }),
    )
  })
})

describe('unstorageStorage', () => {
  test.each<[string, Unstorage]>([
    ['memory', createStorage()],
    ['fs', createStorage({ driver: fsDriver({ base: folder }) })],
  ])('refuses the %s driver, which has no atomic verbs, and says what to use', (_, unstorage) => {
    expect(() => unstorageStorage(unstorage)).toThrow(
      expect.objectContaining({
        code: 'invalid_configuration',
        message: expect.stringContaining('singleProcessUnstorage'),
      }),
    )
  })

  describe.runIf(hasBinary('redis-server'))('on the redis driver', () => {
    let server: RedisServer
    let unstorage: Unstorage
    beforeAll(async () => {
      server = await startRedis()
      unstorage = createStorage({ driver: redisDriver({ url: server.url }) })
    })
    afterAll(async () => {
      await unstorage?.dispose()
      await server?.stop()
    })
    for (const { name, run } of testStorage({ open: () => unstorageStorage(unstorage, { timeout: 10 }) })) {
      test(name, run)
    }
    test('is not marked as for one process', () => {
      expect(unstorageStorage(unstorage).singleProcess).toBeUndefined()
    })
  })
})
