import type { Middleware } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { rateLimit } from '../limits/rate-limit.js'
import type { GatewayOptions } from './gateway-options.js'

/** The limits that are configured, as middleware: none or one of each kind. */
export function rateLimits({
  rateLimits: limits = {},
  storage,
}: GatewayOptions): Record<'address' | 'identity', Middleware[]> {
  const make = (by: 'address' | 'identity'): Middleware[] => {
    const limit = limits[by]
    if (limit === undefined) return []
    if (storage === undefined) throw invalidConfiguration('rateLimits needs storage to count in')
    return [rateLimit({ ...limit, by, storage })]
  }
  return { address: make('address'), identity: make('identity') }
}
