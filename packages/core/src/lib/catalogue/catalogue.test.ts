import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Catalogue, type CatalogueItem, type CatalogueKey, listingOf } from './catalogue.js'
import { scanLists } from './scan-lists.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const encoder = new TextEncoder()
const page = (names: string[], more = '') => {
  const tools = names.map((name) => `{"name":"${name}","annotations":{"readOnlyHint":true}}`)
  const bytes = encoder.encode(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${tools}]${more}}}`)
  return { bytes, scanned: scanLists(bytes) }
}
const listing = (names: string[], more = '') => listingOf('tool', [page(names, more)])
const key = (caller = 'alice'): CatalogueKey => ({ kind: 'tool', server: 'https://mcp.example.com/notes', caller })

test('a listing has the items of all pages, as they were written, and tells which names are there twice', () => {
  const { items, repeated, ttlMs, isPublic } = listingOf('tool', [
    page(['a', 'b'], ',"ttlMs":900,"cacheScope":"public"'),
    page(['b', 'c'], ',"ttlMs":300,"cacheScope":"public"'),
  ])
  expect([...items.keys()]).toEqual(['a', 'b', 'c'])
  const { page: bytes, item } = items.get('a') as CatalogueItem
  expect(new TextDecoder().decode(bytes.subarray(item.start, item.end))).toBe(
    '{"name":"a","annotations":{"readOnlyHint":true}}',
  )
  expect([[...repeated], ttlMs, isPublic]).toEqual([['b'], 300, true])
})

test('a list is read once by all who ask at the same time, and again when its time is over', async () => {
  const catalogue = new Catalogue({ maxAge: 60 })
  const read = vi.fn(async () => listing(['a']))
  await Promise.all([catalogue.get(key(), read), catalogue.get(key(), read)])
  await catalogue.get(key(), read)
  expect(read).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(60_001)
  await catalogue.get(key(), read)
  expect(read).toHaveBeenCalledTimes(2)
})

test.each([
  ['shorter', ',"ttlMs":10000', 10_000],
  ['longer, of which maxAge is kept', ',"ttlMs":9000000', 60_000],
  ['none, of which the cooldown is kept', ',"ttlMs":0', 5000],
])('a server may say for how long its list holds: %s', async (_, more, milliseconds) => {
  const catalogue = new Catalogue()
  const read = vi.fn(async () => listing(['a'], more))
  await catalogue.get(key(), read)
  vi.advanceTimersByTime(milliseconds - 1)
  await catalogue.get(key(), read)
  expect(read).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(2)
  await catalogue.get(key(), read)
  expect(read).toHaveBeenCalledTimes(2)
})

test('the newest list is read no more often than the cooldown allows', async () => {
  const catalogue = new Catalogue({ cooldown: 5 })
  const read = vi.fn(async () => listing(['a']))
  for (let count = 0; count < 10; count++) await catalogue.newest(key(), read)
  expect(read).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(5001)
  await catalogue.newest(key(), read)
  expect(read).toHaveBeenCalledTimes(2)
})

test('a list that changed is read again at once', async () => {
  const catalogue = new Catalogue()
  const read = vi.fn(async () => listing(['a']))
  await catalogue.get(key(), read)
  catalogue.changed(key())
  await catalogue.get(key(), read)
  expect(read).toHaveBeenCalledTimes(2)
})

test('callers have lists of their own, except where a server says that one is for everybody [M19]', async () => {
  const catalogue = new Catalogue()
  const read = vi.fn(async () => listing(['a']))
  await catalogue.get(key('alice'), read)
  await catalogue.get(key('bob'), read)
  expect(read).toHaveBeenCalledTimes(2)
  const readPublic = vi.fn(async () => listing(['a'], ',"cacheScope":"public"'))
  const prompts = (caller: string) => ({ ...key(caller), kind: 'prompt' as const })
  await catalogue.get(prompts('alice'), readPublic)
  await catalogue.get(prompts('bob'), readPublic)
  expect(readPublic).toHaveBeenCalledTimes(1)
})

test('a server that tells no list, or fails, is asked again after the cooldown', async () => {
  const catalogue = new Catalogue()
  const read = vi.fn(() => Promise.reject(new Error('down')))
  expect(await catalogue.get(key(), read)).toBeUndefined()
  expect(await catalogue.get(key(), read)).toBeUndefined()
  expect(read).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(5001)
  await catalogue.get(key(), read)
  expect(read).toHaveBeenCalledTimes(2)
})

test('lists take no more memory than they may, and those that are used stay', async () => {
  const catalogue = new Catalogue({ maxBytes: 20_000 })
  const read = vi.fn(async () => listing(['a']))
  await catalogue.get(key('kept'), read)
  for (let index = 0; index < 100; index++) {
    await catalogue.get(key(`caller${index}`), read)
    await catalogue.get(key('kept'), read)
  }
  expect(read).toHaveBeenCalledTimes(101)
  await catalogue.get(key('caller0'), read)
  expect(read).toHaveBeenCalledTimes(102)
  const large = vi.fn(async () => listing(['x'.repeat(30_000)]))
  await catalogue.get(key('large'), large)
  await catalogue.get(key('large'), large)
  expect(large).toHaveBeenCalledTimes(2)
})
