import { describe, expect, test } from 'vitest'
import { memoryStorage } from './memory-storage.js'
import { testStorage } from './testing/test-storage/test-storage.js'

describe('memoryStorage', () => {
  let time = 1_700_000_000_000
  const storage = memoryStorage({ now: () => time })
  const cases = testStorage({
    open: () => storage,
    advance: (seconds) => {
      time += seconds * 1000
    },
  })
  for (const { name, run } of cases) test(name, run)
})

describe('memoryStorage: its bounds', () => {
  const second = { ttl: 1 }

  test('refuses new keys when it is full of living ones, and still writes over those it has', async () => {
    const storage = memoryStorage({ maxEntries: 3 })
    for (const key of ['a', 'b', 'c']) await storage.set(key, 'value', { ttl: null })
    for (const refused of [
      storage.set('d', '', second),
      storage.add('d', '', second),
      storage.compareAndSet('d', undefined, '', second),
      storage.increment('d', second),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    }
    await storage.set('a', 'other', second)
    await storage.take('b')
    expect(await storage.add('d', '', second)).toBe(true)
  })

  test('makes room from what has expired, wherever it is', async () => {
    let time = 0
    const storage = memoryStorage({ maxEntries: 1000, now: () => time })
    for (let index = 0; index < 1000; index++) {
      await storage.set(`${index}`, '', { ttl: index < 500 ? null : 1, lists: ['all'] })
    }
    time = 2000
    for (let index = 0; index < 500; index++) await storage.set(`new ${index}`, '', { ttl: null })
    await expect(storage.set('one more', '', second)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    expect((await storage.list('all', { limit: 1000 })).keys).toHaveLength(500)
  })

  test('drops what has expired as others are written, without a read and without a timer', async () => {
    let time = 0
    const storage = memoryStorage({ maxEntries: 100, now: () => time })
    for (let index = 0; index < 20_000; index++) {
      // Too fast for the look at all records, which a full storage has once a second.
      time += 1
      await storage.set(`${index}`, '', { ttl: 0.004, lists: [`list ${index}`] })
    }
    expect((await storage.list('list 0')).keys).toEqual([])
  })

  test.each([0, -1, 1.5, Number.NaN])('refuses maxEntries %s', (maxEntries) => {
    expect(() => memoryStorage({ maxEntries })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
  })
})
