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

/** Calls `tick` about once a second, or more often where a limit is that short. */
export function createTicker(tick: (now: number, keepAlive: boolean) => void, limits: TickerLimits): Ticker {
  const { requestTimeout, maxRequestTime, idleTimeout, maxSessionAge, keepAlive } = limits
  const shortest = Math.min(requestTimeout, maxRequestTime, idleTimeout, maxSessionAge, keepAlive)
  const every = Math.max(10, Math.min(1000, shortest * 250))
  let timer: NodeJS.Timeout | undefined
  let aliveAt = Date.now()
  const turn = () => {
    const now = Date.now()
    // A clock that was set back must not silence the streams
    const due = now - aliveAt >= keepAlive * 1000 || now < aliveAt
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
