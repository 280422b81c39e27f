import { GatewayError } from '../contract/gateway-error.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { callable, checkOptions, type OptionTypes, oneOf, optional, positive } from '../contract/option-types.js'
import { boundedFetch, type OutboundFetch, type OutboundLimits } from './bounded-fetch.js'
import { budget, type OutboundBudget } from './budget.js'
import { pinnedTransport } from './pinned-transport.js'
import { isPublicAddress } from './public-address.js'
import { singleFlight } from './single-flight.js'
import { withoutRedirects } from './without-redirects.js'

/** Which class of places a fetch is for, and its limits. */
export interface OutboundFetchOptions extends OutboundLimits, OutboundBudget {
  /**
   * `configured`: places that the operator named, private addresses and plain http included. `public`: places that
   * others named (client metadata documents, a client's `jwks_uri`, and what is found there): https on the public
   * Internet alone, no redirects, and a budget. Their names are asked of the name servers directly, never of
   * `/etc/hosts`, so that one which is never answered holds up no other lookup of the process.
   */
  readonly destinations: 'configured' | 'public'
  /**
   * What makes the connections. Default for `configured`: the global fetch. Default for `public`: on Node, connections
   * to addresses that were checked; elsewhere there is no default, and what is given here answers for where it connects
   * (on Cloudflare Workers the global fetch, which cannot reach private networks; an egress proxy in other places).
   */
  readonly transport?: OutboundFetch
}

const types: OptionTypes<OutboundFetchOptions> = {
  destinations: oneOf('configured', 'public'),
  transport: optional(callable),
  timeout: optional(positive),
  maxBytes: optional(positive),
  maxConcurrent: optional(positive),
  maxConcurrentPerOrigin: optional(positive),
  maxPerMinute: optional(positive),
  maxPerMinutePerOrigin: optional(positive),
}

const publicBudget: OutboundBudget = {
  maxConcurrent: 20,
  maxConcurrentPerOrigin: 4,
  maxPerMinute: 300,
  maxPerMinutePerOrigin: 30,
}

/**
 * The fetch for everything that the gateway itself asks of others. It limits time and size, hands over the answer as a
 * whole, follows redirects of `configured` places within one origin alone, and lets callers that ask for the same at
 * the same time share one request. It does not cache.
 *
 * The fetch rejects with a GatewayError: `outbound_refused` for what must not be asked or must not be believed,
 * `temporarily_unavailable` where there is no answer in time or the budget is used up.
 *
 * @throws {GatewayError} `invalid_configuration` for `public` without a transport on a runtime other than Node
 * @example
 * ```ts
 * const fetchDocument: OutboundFetch = createOutboundFetch({ destinations: 'public', maxBytes: 5120 })
 * ```
 */
export function createOutboundFetch(options: OutboundFetchOptions): OutboundFetch {
  checkOptions('createOutboundFetch', options, types)
  const { destinations, transport } = options
  if (destinations === 'configured') {
    const gate = budget(options)
    return singleFlight(gated(boundedFetch(transport ?? ((url, init) => fetch(url, init)), options), gate))
  }
  const connect = transport ?? pinnedTransport()
  if (connect === undefined) {
    throw invalidConfiguration(
      'This runtime cannot pin addresses; give a transport that reaches public addresses alone',
    )
  }
  const bounded = boundedFetch(withoutRedirects(connect), options)
  const shared = singleFlight(gated(bounded, budget({ ...publicBudget, ...given(options) })))
  return async (url, init) => {
    checkPublic(new URL(url))
    return shared(url, init)
  }
}

function gated(inner: OutboundFetch, gate: (origin: string) => () => void): OutboundFetch {
  return async (url, init) => {
    const release = gate(new URL(url).origin)
    try {
      return await inner(url, init)
    } finally {
      release()
    }
  }
}

/** An address in the URL needs no lookup, so it is checked here; a name is checked by the transport. */
function checkPublic(url: URL): void {
  const literal = /^\[(.*)\]$/.exec(url.hostname)?.[1] ?? (/^[\d.]+$/.test(url.hostname) ? url.hostname : undefined)
  if (url.protocol !== 'https:' || (literal !== undefined && !isPublicAddress(literal))) {
    throw new GatewayError('outbound_refused', `${url.origin} is not an https URL on the public Internet`)
  }
}

/** Only what was set, so that an option left `undefined` keeps its default. */
function given(options: OutboundBudget): OutboundBudget {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
