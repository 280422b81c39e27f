import { describe, expect, test } from 'vitest'
import { testStorage } from '../testing/test-storage/test-storage.js'
import { memoryStorage } from './memory-storage.js'

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

  test('counters have room of their own: they fill nothing, and what fills the storage stops none [finding 26]', async () => {
    const storage = memoryStorage({ maxEntries: 10 })
    for (let index = 0; index < 10_000; index++) await storage.increment(`stranger ${index}`, { ttl: 60 })
    for (let index = 0; index < 10; index++) await storage.set(`${index}`, '', { ttl: null })
    await expect(storage.set('one more', '', second)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    expect(await storage.increment('another', { ttl: 60 })).toBeGreaterThan(0)
    // A record takes the room of a record, whatever was there before.
    await expect(storage.set('another', '', second)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    expect(await storage.get('another')).toBeDefined()
  })

  test('a count that was forgotten for want of room goes on, never lower [finding 26]', async () => {
    let time = 0
    const storage = memoryStorage({ maxEntries: 100, now: () => time })
    for (let count = 1; count <= 50; count++) expect(await storage.increment('loud', { ttl: 60 })).toBe(count)
    for (let index = 0; index < 1000; index++) await storage.increment(`stranger ${index}`, { ttl: 60 })
    expect(await storage.increment('loud', { ttl: 60 })).toBeGreaterThan(50)
    time = 60_000
    expect(await storage.increment('loud', { ttl: 60 })).toBe(1)
  })

  test('counters that are in use are exact, however many others come and go [finding 26]', async () => {
    const storage = memoryStorage({ maxEntries: 100 })
    for (let index = 1; index <= 5000; index++) {
      await storage.increment(`stranger ${index}`, { ttl: 60 })
      expect(await storage.increment('busy', { ttl: 60 })).toBe(index)
    }
  })

  test('a newcomer is counted near to what they did, although ten times as many came before [finding 26]', async () => {
    const storage = memoryStorage({ maxEntries: 1000 })
    for (let index = 0; index < 10_000; index++) await storage.increment(`stranger ${index}`, { ttl: 60 })
    const counts: number[] = []
    for (let index = 0; index < 100; index++) counts.push(await storage.increment(`newcomer ${index}`, { ttl: 60 }))
    expect(counts.reduce((sum, count) => sum + count, 0) / counts.length).toBeLessThan(60)
  })

  test.each([0, -1, 1.5, Number.NaN])('refuses maxEntries %s', (maxEntries) => {
    expect(() => memoryStorage({ maxEntries })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
  })
})
