import type { Context } from '@mcp-gateway/core'
import { Refusal } from '../http/refusal.js'
import type { Server } from '../server.js'

/** How often strangers may do something that leaves a record behind. */
export interface Limit {
  /** What is counted, in the plural. */
  readonly what: string
  /** Seconds. */
  readonly window: number
  readonly perAddress: number
  readonly total: number
}

/**
 * Counts per client address and over all, in fixed windows. Addresses come from the host alone, never from a header; where
 * the host knows none, the limit over all is the only one. Loopback issuers have no limits.
 *
 * @throws Refusal with status 429
 */
export async function limit(
  { settings, storage, keys, clock }: Server,
  { client }: Context,
  { what, window, perAddress, total }: Limit,
): Promise<void> {
  if (settings.loopback) return
  const now = clock()
  const turn = Math.floor(now / window)
  const limits: [string, number][] = [[`${what} of ${turn}`, total]]
  if (client?.address !== undefined) limits.unshift([`${what} of ${network(client.address)} of ${turn}`, perAddress])
  for (const [name, most] of limits) {
    if ((await storage.increment(await keys('limit', name), { ttl: window })) > most) {
      throw new Refusal(429, 'temporarily_unavailable', `Too many ${what}; try again later`, {
        'Retry-After': String((turn + 1) * window - now),
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
