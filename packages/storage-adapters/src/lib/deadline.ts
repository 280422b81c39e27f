import { unavailable } from './unavailable.js'

/** Gives the answer of a store, and rejects with `temporarily_unavailable` when it fails or takes too long. */
export type Deadline = <T>(answer: Promise<T>) => Promise<T>

interface Waiting {
  readonly since: number
  late: boolean
  reject(reason: unknown): void
}

/**
 * Makes a limit of so many milliseconds, a fifth more at the most. What was asked goes on then, its answer is dropped.
 * One timer looks at all that wait: a timer for each would be the dearest part of a verb.
 */
export function createDeadline(store: string, milliseconds: number): Deadline {
  const waiting = new Set<Waiting>()
  let ticking = false

  const schedule = () => {
    const timer: { unref?(): void } | number = setTimeout(tick, milliseconds / 10)
    // What waits has a socket that keeps the process alive; the timer alone must not.
    if (typeof timer === 'object') timer.unref?.()
  }
  const tick = () => {
    const limit = performance.now() - milliseconds
    for (const each of waiting) {
      if (each.since > limit) break
      // After a busy stretch timers run before the sockets are read: an answer that is there has until the next look.
      if (each.late) {
        waiting.delete(each)
        each.reject(unavailable(store, new Error(`no answer within ${milliseconds / 1000} s`)))
      }
      each.late = true
    }
    ticking = waiting.size > 0
    if (ticking) schedule()
  }

  return (answer) =>
    new Promise((resolve, reject) => {
      const each: Waiting = { since: performance.now(), late: false, reject }
      waiting.add(each)
      if (!ticking) {
        ticking = true
        schedule()
      }
      answer.then(
        (value) => {
          waiting.delete(each)
          resolve(value)
        },
        (error: unknown) => {
          waiting.delete(each)
          reject(unavailable(store, error))
        },
      )
    })
}
