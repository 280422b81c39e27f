import { afterEach, expect, test, vi } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import type { Context } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { type RateLimitOptions, rateLimit } from './rate-limit.js'

afterEach(() => void vi.useRealTimers())

function limited(options: Partial<RateLimitOptions>): (context: Context) => Promise<Response> {
  const middleware = rateLimit({ storage: memoryStorage(), by: 'address', limit: 2, window: 10, ...options })
  const handler = compose([middleware], () => new Response('ok'))
  return async (context) => handler(new Request('https://mcp.example.com/mcp'), context)
}

const from = (address: string): Context => ({ client: { address } })
const as = (subject: string, token = 't'): Context => ({
  auth: { token, clientId: 'c', scopes: [], extra: { issuer: 'https://login.example.com', subject } },
})

test('the request over the limit is 429 with the seconds to wait; the next window starts anew [attack 158]', async () => {
  vi.useFakeTimers({ now: 1_000_003_000 })
  const ask = limited({})
  expect((await ask(from('192.0.2.1'))).status).toBe(200)
  expect((await ask(from('192.0.2.1'))).status).toBe(200)
  const refused = await ask(from('192.0.2.1'))
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7'])
  expect(await refused.json()).toMatchObject({ error: { code: -31429 } })
  expect((await ask(from('192.0.2.2'))).status).toBe(200)
  vi.advanceTimersByTime(7000)
  expect((await ask(from('192.0.2.1'))).status).toBe(200)
})

test('replicas that share the store count together', async () => {
  const storage = memoryStorage()
  const replicas = [limited({ storage, window: 3600 }), limited({ storage, window: 3600 })]
  const statuses = await Promise.all([0, 1, 0, 1].map((index) => replicas[index]?.(from('192.0.2.1'))))
  expect(statuses.map((response) => response?.status).sort()).toEqual([200, 200, 429, 429])
})

test('by identity, it is the person who counts, whatever the token', async () => {
  const ask = limited({ by: 'identity', limit: 1, window: 3600 })
  expect((await ask(as('ada', 'one'))).status).toBe(200)
  expect((await ask(as('ada', 'two'))).status).toBe(429)
  expect((await ask(as('bob'))).status).toBe(200)
})

test('by address, all of an IPv6 /64 is one [attack 158]', async () => {
  const ask = limited({ limit: 1, window: 3600 })
  expect((await ask(from('2001:db8:1:2::1'))).status).toBe(200)
  expect((await ask(from('2001:DB8:1:2:ffff::9'))).status).toBe(429)
  expect((await ask(from('2001:db8:1:3::1'))).status).toBe(200)
})

test.each([
  ['an IPv6 /56', 4, (index: number) => `2001:db8:1:${(0x200 + index).toString(16)}::1`],
  ['an IPv6 /48', 16, (index: number) => `2001:db8:1:${(index * 0x100).toString(16)}::1`],
  ['an IPv4 /24', 16, (index: number) => `192.0.2.${index}`],
  ['an IPv4 /24, written as IPv6', 16, (index: number) => `::ffff:192.0.2.${index}`],
])('by address, %s has %i times the limit, however many addresses ask [finding 14]', async (_, share, address) => {
  const ask = limited({ limit: 2, window: 3600 })
  const statuses: number[] = []
  for (let index = 0; index < 64; index++) statuses.push((await ask(from(address(index)))).status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(2 * share)
  expect((await ask(from('2001:db8:2::1'))).status).toBe(200)
  expect((await ask(from('198.51.100.1'))).status).toBe(200)
})

test('what one address is refused is not counted for its neighbours [finding 14]', async () => {
  const ask = limited({ limit: 2, window: 3600 })
  for (let count = 0; count < 100; count++) await ask(from('2001:db8:1:2::1'))
  expect((await ask(from('2001:db8:1:3::1'))).status).toBe(200)
  for (let count = 0; count < 100; count++) await ask(from('192.0.2.1'))
  expect((await ask(from('192.0.2.2'))).status).toBe(200)
})

test('a network that has used its limit up writes nothing any more [finding 14]', async () => {
  const storage = memoryStorage()
  const increment = vi.spyOn(storage, 'increment')
  const ask = limited({ storage, limit: 1, window: 3600 })
  for (let index = 0; index < 10; index++) await ask(from(`2001:db8:1:2:${index}::1`))
  // The first one by three networks, and the second one by its /64
  expect(increment).toHaveBeenCalledTimes(4)
})

test('addresses of a whole continent take nothing of other records in the memory [finding 26]', async () => {
  const storage = memoryStorage({ maxEntries: 100 })
  for (let index = 0; index < 100; index++) await storage.set(`record ${index}`, 'kept', { ttl: null })
  const ask = limited({ storage, limit: 1, window: 3600 })
  await ask(from('203.0.113.7'))
  const address = (index: number): string => `2001:${(index >> 8).toString(16)}:${(index & 255).toString(16)}::1`
  for (let index = 0; index < 2000; index++) expect((await ask(from(address(index)))).status).toBeLessThan(500)
  for (let index = 0; index < 100; index++) expect((await storage.get(`record ${index}`))?.value).toBe('kept')
  expect((await ask(from('203.0.113.7'))).status).toBe(429)
})

test('a host that tells no address is an error, not one bucket for all', async () => {
  await expect(limited({})({})).rejects.toThrow('addressHeader')
  await expect(limited({ by: 'identity' })({})).rejects.toThrow('bearerAuth')
})

test('a store that is down fails the request [attack 159]', async () => {
  const storage = {
    ...memoryStorage(),
    increment: () => Promise.reject(new GatewayError('temporarily_unavailable', 'down')),
  }
  await expect(limited({ storage })(from('192.0.2.1'))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
})

test.each([{ limit: 0 }, { limit: Number.NaN }, { window: 0 }])('%j is refused at construction', (options) => {
  expect(() => limited(options)).toThrow(GatewayError)
})
