/** A clock that runs only when there is something to look after. */
export interface Ticker {
  start(): void
  stop(): void
}

/** What decides how fine the clock must be; all in seconds. */
export interface TickerLimits {
  readonly requestTimeout: number
  readonly maxRequestTime: number
  readonly idleTimeout: number
  readonly maxSessionAge: number
  readonly keepAlive: number
}

/**
 * Calls `tick` about once a second, or more often where a limit is that short, with the time of `performance.now()`, by
 * which the whole bridge goes: when the clock of the machine is set, nothing ends too early or never.
 */
export function createTicker(tick: (now: number, keepAlive: boolean) => void, limits: TickerLimits): Ticker {
  const { requestTimeout, maxRequestTime, idleTimeout, maxSessionAge, keepAlive } = limits
  const shortest = Math.min(requestTimeout, maxRequestTime, idleTimeout, maxSessionAge, keepAlive)
  const every = Math.max(10, Math.min(1000, shortest * 250))
  let timer: NodeJS.Timeout | undefined
  let aliveAt = performance.now()
  const turn = () => {
    const now = performance.now()
    const due = now - aliveAt >= keepAlive * 1000
    if (due) aliveAt = now
    tick(now, due)
  }
  return {
    start: () => {
      timer ??= setInterval(turn, every).unref()
    },
    stop: () => {
      clearInterval(timer)
    },
  }
}
