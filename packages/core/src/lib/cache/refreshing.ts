import { GatewayError } from '../contract/gateway-error.js'
import { sharesPromises } from '../runtime/shares-promises.js'
import { isWithin } from './is-within.js'

/** When a value that comes from elsewhere is asked for again. All in seconds. */
export interface RefreshLimits {
  /** A value this old is asked for again before it is used. */
  readonly maxAge: number
  /** The shortest time between two loads that a caller asked for early. */
  readonly cooldown: number
  /** How long an old value serves while the source fails. */
  readonly maxStale: number
}

/** A value from elsewhere that is loaded when it is first needed. */
export interface Refreshing<T> {
  /** The value; loads it if there is none or if it is too old. */
  get(): Promise<T>
  /** A value newer than the given one, or the same where that must wait (cool-down, a failing source). */
  newer(than: T): Promise<T>
  /** Whether the source failed when it was last asked. */
  readonly failing: boolean
}

const firstBackOff = 2
const longestBackOff = 60

/**
 * Loads lazily and once for any number of callers, waits exponentially longer after each failure, and keeps an old
 * value in use while its source fails. It starts no timer.
 *
 * `get` rejects with `temporarily_unavailable` while there is nothing to serve.
 */
export function refreshing<T>(load: () => Promise<T>, { maxAge, cooldown, maxStale }: RefreshLimits): Refreshing<T> {
  let value: T | undefined
  let loadedAt = 0
  let failures = 0
  let failedAt = 0
  let pause = 0
  let lastError: unknown
  let pending: Promise<void> | undefined
  const shared = sharesPromises()

  const refresh = (): Promise<void> => {
    if (shared && pending !== undefined) return pending
    pending = load()
      .then(
        (loaded) => {
          value = loaded
          loadedAt = seconds()
          failures = 0
        },
        (error: unknown) => {
          lastError = error
          failedAt = seconds()
          pause = Math.min(firstBackOff * 2 ** failures, longestBackOff)
          failures++
        },
      )
      .finally(() => {
        pending = undefined
      })
    return pending
  }
  const waiting = (): boolean => failures > 0 && isWithin(seconds(), failedAt, pause)

  return {
    async get() {
      const age = seconds() - loadedAt
      // An age below zero says that the clock was put back: nobody knows how old the value is.
      if (value !== undefined && age >= 0 && age <= maxAge) return value
      if (!waiting()) {
        const refreshed = refresh()
        // With the source known to fail, callers do not wait for it to fail again.
        if (!shared || value === undefined || failures === 0 || age > maxAge + maxStale) await refreshed
      }
      if (value === undefined || seconds() - loadedAt > maxAge + maxStale) {
        throw new GatewayError('temporarily_unavailable', 'What is needed to verify tokens cannot be loaded', {
          cause: lastError,
        })
      }
      return value
    },
    async newer(than) {
      if (value === than && !isWithin(seconds(), loadedAt, cooldown) && !waiting()) await refresh()
      return value ?? than
    },
    get failing() {
      return failures > 0
    },
  }
}

function seconds(): number {
  return Date.now() / 1000
}
