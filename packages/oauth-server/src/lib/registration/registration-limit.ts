import type { Context } from '@mcp-gateway/core'
import { Refusal } from '../http/refusal.js'
import type { Server } from '../server.js'

const window = 3600

/**
 * Limits registrations per client address and over all, per hour. Addresses come from the host alone, never from a
 * header; where the host knows none, the limit over all is the only one. Loopback issuers have no limits.
 */
export async function limitRegistrations({ settings, storage, keys, clock }: Server, context: Context): Promise<void> {
  if (settings.loopback) return
  const { perAddress, total } = settings.registration
  const now = clock()
  const hour = Math.floor(now / window)
  const { address } = context.client ?? {}
  const limits: [string, number][] = [[`registrations of ${hour}`, total]]
  if (address !== undefined) limits.unshift([`registrations of ${network(address)} of ${hour}`, perAddress])
  for (const [name, most] of limits) {
    if ((await storage.increment(await keys('limit', name), { ttl: window })) > most) {
      throw new Refusal(429, 'temporarily_unavailable', 'Too many registrations; try again later', {
        'Retry-After': String((hour + 1) * window - now),
      })
    }
  }
}

/** One household or machine has a whole /64 of IPv6 to itself. */
function network(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  const groups =
    tail === undefined ? left : [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')
}
