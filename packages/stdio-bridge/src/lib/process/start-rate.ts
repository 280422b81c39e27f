interface Bucket {
  tokens: number
  at: number
}

/** How many users are remembered. To be forgotten, one has to wait until so many others had a process started. */
const maxUsers = 10_000

/** How often one user may have a process started: so many at once, refilled over a minute. */
export class StartRate {
  readonly #perMinute: number
  readonly #now: () => number
  readonly #buckets: Map<string, Bucket> = new Map()

  constructor(perMinute: number, now: () => number = () => performance.now()) {
    this.#perMinute = perMinute
    this.#now = now
  }

  /** Takes one; says how many seconds it takes until there is one, 0 when there was. */
  take(principal: string): number {
    const now = this.#now()
    const bucket = this.#buckets.get(principal) ?? { tokens: this.#perMinute, at: now }
    const refilled = bucket.tokens + (Math.max(0, now - bucket.at) / 60_000) * this.#perMinute
    const tokens = Math.min(this.#perMinute, refilled)
    if (tokens < 1) return ((1 - tokens) / this.#perMinute) * 60
    // The one that was used longest ago comes first.
    this.#buckets.delete(principal)
    this.#buckets.set(principal, { tokens: tokens - 1, at: now })
    if (this.#buckets.size > maxUsers) this.#buckets.delete(this.#buckets.keys().next().value as string)
    return 0
  }
}
