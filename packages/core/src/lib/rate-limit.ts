import { GatewayError } from './gateway-error.js'
import type { Context, Middleware } from './handler.js'
import { jsonRpcError } from './json-rpc-error.js'
import { principal } from './principal.js'
import type { Storage } from './storage.js'

/** How often somebody may ask. */
export interface RateLimit {
  /** Requests per window. */
  readonly limit: number
  /** Length of the window in seconds. */
  readonly window: number
}

/** What a rate limit counts, and where. */
export interface RateLimitOptions extends RateLimit {
  /** Where it counts; shared by every replica that shares the store. */
  readonly storage: Storage
  /**
   * `address`: the client's IP address, IPv6 by its /64 network. `identity`: who stands behind the token; put it behind
   * `bearerAuth`.
   */
  readonly by: 'address' | 'identity'
  /** Tells apart limits that share a store; `requests` unless told. */
  readonly name?: string
}

/**
 * Refuses with 429 and `Retry-After` who asks more often than the limit, counted in fixed windows: over the end of one
 * and the start of the next, up to twice the limit can pass. When the store does not answer, neither does this: the
 * request fails with 503, as everything else that needs the store.
 *
 * The middleware throws a `GatewayError` `invalid_configuration` at the first request when it counts by address and the
 * host does not tell one.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, for numbers that are not positive
 * @see RFC 6585 section 4
 * @example
 * ```ts
 * const limited = compose([rateLimit({ storage, by: 'address', limit: 600, window: 60 })], handler)
 * ```
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  const { storage, by, limit, window, name = 'requests' } = options
  if (!(limit >= 1) || !(window > 0)) {
    throw new GatewayError('invalid_configuration', 'rateLimit needs a limit of at least 1 and a window in seconds')
  }
  return async (request, context, next) => {
    const now = Date.now() / 1000
    const turn = Math.floor(now / window)
    const who = await digest(by === 'address' ? network(addressOf(context)) : identityOf(context))
    const count = await storage.increment(`rate:${name}:${by}:${who}:${turn}`, { ttl: window })
    if (count <= limit) return next(request, context)
    const seconds = Math.max(1, Math.ceil((turn + 1) * window - now))
    return jsonRpcError(
      { status: 429, message: `Too many requests; try again in ${seconds} s`, id: context.message?.id },
      { 'Retry-After': `${seconds}` },
    )
  }
}

function addressOf({ client }: Context): string {
  if (client?.address !== undefined) return client.address
  throw new GatewayError(
    'invalid_configuration',
    'A limit by address needs a host that tells the address: mount with toNodeHandler, or set addressHeader',
  )
}

function identityOf({ auth }: Context): string {
  if (auth !== undefined) return principal(auth)
  throw new GatewayError('invalid_configuration', 'A limit by identity must stand behind bearerAuth')
}

/** The part of an address that one customer of a network has: all of IPv4, the first 64 bits of IPv6. */
export function network(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? []
  const start = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - start.length - rest.length)
  const groups = [...start, ...Array.from({ length: zeros }, () => '0'), ...rest]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}

/** Keys are short, and a store holds no addresses or names that it does not need. */
async function digest(value: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(value))
  return Array.from(new Uint8Array(hash, 0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
