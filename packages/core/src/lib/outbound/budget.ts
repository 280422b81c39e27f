import { KeyCounter } from '../cache/key-counter.js'
import { GatewayError } from '../contract/gateway-error.js'

/** How much may be asked of others. What exceeds it is refused at once; nothing waits in a queue. */
export interface OutboundBudget {
  /** Requests under way at once. Default for `public`: 20. */
  readonly maxConcurrent?: number
  /** Requests under way at once to one origin. Default for `public`: 4. */
  readonly maxConcurrentPerOrigin?: number
  /** Requests begun in one minute. Default for `public`: 300. */
  readonly maxPerMinute?: number
  /** Requests begun in one minute to one origin. Default for `public`: 30. */
  readonly maxPerMinutePerOrigin?: number
}

/**
 * Makes a gate for outbound requests: call it before a request, and call what it returns once the request is over.
 *
 * The gate throws GatewayError `temporarily_unavailable` where the budget is used up. Its memory is bounded by the
 * global limit, since only origins of the current minute or of requests under way are kept.
 */
export function budget(limits: OutboundBudget): (origin: string) => () => void {
  const {
    maxConcurrent = Number.POSITIVE_INFINITY,
    maxConcurrentPerOrigin = Number.POSITIVE_INFINITY,
    maxPerMinute = Number.POSITIVE_INFINITY,
    maxPerMinutePerOrigin = Number.POSITIVE_INFINITY,
  } = limits
  const running = new KeyCounter()
  let minute = 0
  let begun = 0
  let total = 0
  let begunPerOrigin = new Map<string, number>()

  return (origin) => {
    const now = Math.floor(Date.now() / 60_000)
    if (now !== minute) {
      minute = now
      begun = 0
      begunPerOrigin = new Map()
    }
    const here = running.get(origin)
    const begunHere = begunPerOrigin.get(origin) ?? 0
    if (
      total >= maxConcurrent ||
      here >= maxConcurrentPerOrigin ||
      begun >= maxPerMinute ||
      begunHere >= maxPerMinutePerOrigin
    ) {
      throw new GatewayError('temporarily_unavailable', 'Too many outbound requests; try again in a minute')
    }
    total++
    begun++
    running.add(origin)
    begunPerOrigin.set(origin, begunHere + 1)
    return () => {
      total--
      running.remove(origin)
    }
  }
}
