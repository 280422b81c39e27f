import { BoundedMap } from '../cache/bounded-map.js'
import type { Context, Middleware } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, type OptionTypes, oneOf, optional, positive, text } from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { storageType } from '../contract/shared-option-types.js'
import type { Storage } from '../contract/storage.js'
import { type ClientNetwork, clientNetworks } from '../http/client-networks.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { sha256Hex } from '../text/sha256.js'
import { principal } from '../tokens/principal.js'
import { createNetworkLimit } from './network-limit.js'

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
   * `address`: the client's IP address, IPv6 by its /64 network. Networks around it count too, since many have more than
   * one: an IPv6 /56 has 4 times the limit, a /48 and an IPv4 /24 have 16 times. `identity`: who stands behind the
   * token; put it behind `bearerAuth`.
   */
  readonly by: 'address' | 'identity'
  /**
   * Tells apart limits that share a store.
   *
   * @default requests
   */
  readonly name?: string
}

export const rateLimitTypes: OptionTypes<RateLimit> = { limit: positive, window: positive }

const types: OptionTypes<RateLimitOptions> = {
  ...rateLimitTypes,
  storage: storageType,
  by: oneOf('address', 'identity'),
  name: optional(text),
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
  checkOptions('rateLimit', options, types)
  const { storage, by, limit, window, name = 'requests' } = options
  if (limit < 1) throw invalidConfiguration('limit of rateLimit must be at least 1 request')
  const digests = new BoundedMap<string>(2000)
  const key = async (who: string, turn: number): Promise<string> => {
    let hash = digests.get(who)
    if (hash === undefined) {
      hash = await digest(who)
      digests.set(who, hash)
    }
    return `rate:${name}:${by}:${hash}:${turn}`
  }
  const take = createNetworkLimit({ storage, key, limit, window })
  return async (request, context, next) => {
    const who = by === 'address' ? clientNetworks(addressOf(context)) : identityOf(context)
    const verdict = await take(who, Date.now() / 1000)
    if (verdict.admitted) return next(request, context)
    const seconds = verdict.retryAfter
    recordRefusal(context.record, { by: 'rateLimit', code: 'too_many_requests', reason: `by ${by}` })
    return jsonRpcError(
      { status: 429, message: `Too many requests; try again in ${seconds} s`, id: context.message?.id },
      { 'Retry-After': `${seconds}` },
    )
  }
}

function addressOf({ client }: Context): string {
  if (client?.address !== undefined) return client.address
  throw invalidConfiguration(
    'A limit by address needs a host that tells the address: mount with toNodeHandler, or set addressHeader',
  )
}

function identityOf({ auth }: Context): readonly ClientNetwork[] {
  if (auth !== undefined) return [{ name: principal(auth), share: 1 }]
  throw invalidConfiguration('A limit by identity must stand behind bearerAuth')
}

/** Keys are short, and a store holds no addresses or names that it does not need. */
async function digest(value: string): Promise<string> {
  return (await sha256Hex(value)).slice(0, 32)
}
