import type { Context } from '@mcp-gateway/core'
import { createOutboundFetch, type OutboundFetch } from '@mcp-gateway/core/outbound'
import { createAtOnce } from './at-once.js'
import type { Limits } from './limits.js'
import { unreadable } from './unreadable.js'

/**
 * Fetches what clients name. `vouched` says that a person approved the client, or the operator configured it: such fetches
 * have a budget of their own, which no stranger can use up. All others are counted by the network that asks, and the quiet
 * ones have a budget of their own too.
 *
 * The fetch rejects with a `Refusal` of status 429 over a limit, and with one of status 400 for what the host does, or for
 * where it is: `hostAway` or `notAccepted`. It rejects with `temporarily_unavailable` where our own budget is used up, or
 * the store does not answer.
 */
export type GuardedFetch = (url: string, init: RequestInit, asker: FetchAsker) => Promise<Response>

/** For whom it is fetched. */
export interface FetchAsker {
  readonly context: Context
  readonly vouched: boolean
}

export function createGuardedFetch(
  limits: Limits,
  { maxBytes, transport }: { maxBytes: number; transport: OutboundFetch | undefined },
): GuardedFetch {
  const outbound = (maxConcurrent: number) =>
    createOutboundFetch({ destinations: 'public', transport, maxBytes, maxConcurrent })
  const shares = { common: outbound(12), quiet: outbound(8) }
  const forVouched = outbound(20)
  const vouchedAtOnce = createAtOnce()
  const atOnce = createAtOnce()

  return async (url, init, { context, vouched }) => {
    if (vouched) return vouchedAtOnce(context, url, () => orUnreadable(forVouched, url, init))
    const share = await limits.fetches(context)
    return atOnce(context, url, () => orUnreadable(shares[share], url, init))
  }
}

async function orUnreadable(fetch: OutboundFetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    throw unreadable(url, error) ?? error
  }
}
