/** When what fails is not asked for a while. */
export interface BreakerOptions {
  /**
   * After how many failures in a row it is not asked.
   *
   * @default 5
   */
  readonly failures?: number
  /**
   * For how long it is not asked then, in seconds. After that one question goes through; if it fails too, the time
   * begins anew.
   *
   * @default 5
   */
  readonly pause?: number
}

/** What became of a question: an answer came, or none. `pause` are seconds for which the other side asked. */
export type Outcome = { readonly isUp: true } | { readonly isUp: false; readonly pause?: number }

/** No engine keeps the gateway away for longer, whatever it asks for, in seconds. */
const longestPause = 60

/**
 * Spares what fails, and those who would wait for it: after some failures in a row nobody is let through for a while, then
 * one to see whether it works again.
 */
export class CircuitBreaker {
  readonly #limit: number
  readonly #pause: number
  readonly #onChange: (isOpen: boolean) => void
  #failures = 0
  #closedUntil = 0
  #isProbing = false

  /** @param onChange is told when it stops asking, and when it works again */
  constructor({ failures = 5, pause = 5 }: BreakerOptions, onChange: (isOpen: boolean) => void) {
    this.#limit = failures
    this.#pause = pause
    this.#onChange = onChange
  }

  /**
   * Whether a question may be asked now. Whoever gets `true` has to {@link report} what became of it.
   */
  admits(): boolean {
    if (this.#closedUntil === 0) return true
    if (performance.now() < this.#closedUntil || this.#isProbing) return false
    this.#isProbing = true
    return true
  }

  /** @param outcome nothing where the question was given up before it was answered */
  report(outcome: Outcome | undefined): void {
    this.#isProbing = false
    if (outcome === undefined) return
    const wasOpen = this.#closedUntil !== 0
    if (outcome.isUp) {
      this.#failures = 0
      this.#closedUntil = 0
      if (wasOpen) this.#onChange(false)
      return
    }
    const isTripped = ++this.#failures >= this.#limit || wasOpen
    const wanted = Math.min(outcome.pause ?? 0, longestPause)
    if (!isTripped && wanted === 0) return
    this.#closedUntil = performance.now() + Math.max(wanted, isTripped ? this.#pause : 0) * 1000
    if (!wasOpen) this.#onChange(true)
  }
}
