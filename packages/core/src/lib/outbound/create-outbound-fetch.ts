import { boundedFetch, type OutboundFetch, type OutboundLimits } from './bounded-fetch.js'

/** Which class of places a fetch is for, and its limits. */
export interface OutboundFetchOptions extends OutboundLimits {
  /** `configured`: places that the operator named, private addresses included. */
  readonly destinations: 'configured'
}

/**
 * The fetch for everything that the gateway itself asks of others. It limits time and size, follows redirects within
 * one origin alone, and hands over the answer as a whole.
 *
 * @example
 * ```ts
 * const fetch: OutboundFetch = createOutboundFetch({ destinations: 'configured', timeout: 3 })
 * ```
 */
export function createOutboundFetch(options: OutboundFetchOptions): OutboundFetch {
  return boundedFetch((url, init) => fetch(url, init), options)
}
