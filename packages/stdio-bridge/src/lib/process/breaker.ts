const threshold = 5
const within = 60_000
const maxPause = 60_000

/**
 * Stops starting what does not start: five failures within a minute, none of the starts between them good, and nothing
 * is tried for a second, then two, four, up to a minute, with one try in between.
 */
export class Breaker {
  readonly #now: () => number
  readonly #random: () => number
  #failures: number[] = []
  #openUntil = 0
  #round = 0
  #trying = false

  constructor(now: () => number = () => performance.now(), random: () => number = Math.random) {
    this.#now = now
    this.#random = random
  }

  /** Seconds until a start may be tried; 0 when it may be now, in which case the caller tells how it went, or that it did not go. */
  enter(): number {
    if (this.#round === 0) return 0
    const left = this.#openUntil - this.#now()
    if (left > 0) return left / 1000
    if (this.#trying) return 1
    this.#trying = true
    return 0
  }

  get isOpen(): boolean {
    return this.#round > 0
  }

  /** The try told nothing about the server; the next one may be made. */
  abandoned(): void {
    this.#trying = false
  }

  succeeded(): void {
    this.#failures = []
    this.#round = 0
    this.#trying = false
  }

  failed(): void {
    const now = this.#now()
    this.#trying = false
    this.#failures = [...this.#failures.filter((at) => now - at < within), now]
    if (this.#round === 0 && this.#failures.length < threshold) return
    const pause = Math.min(maxPause, 1000 * 2 ** this.#round)
    // Jitter, so that many bridges that failed together do not try together
    this.#openUntil = now + pause * (0.75 + this.#random() / 2)
    this.#round = Math.min(this.#round + 1, 10)
  }
}
