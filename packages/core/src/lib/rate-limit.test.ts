import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { compose } from './compose.js'
import { GatewayError } from './gateway-error.js'
import type { Context } from './handler.js'
import { memoryStorage } from './memory-storage.js'
import { network, type RateLimitOptions, rateLimit } from './rate-limit.js'

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
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['2001:0db8:0001:0002:0003:0004:0005:0006', '2001:db8:1:2'],
])('the network of %s is %s', (address, expected) => {
  expect(network(address)).toBe(expected)
})

test('the network does not depend on how an address is written', () => {
  fc.assert(
    fc.property(
      fc.ipV6().filter((address) => !address.includes('.')),
      (address) => {
        const { hostname } = new URL(`http://[${address}]/`)
        expect(network(hostname.slice(1, -1))).toBe(network(address))
      },
    ),
  )
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
