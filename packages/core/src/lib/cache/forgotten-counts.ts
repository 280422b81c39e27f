import { fnv1a } from '../text/fnv.js'

/**
 * Keeps what is left of counters that there was no room for, in a table of fixed size. Several keys share a place, which has
 * the highest of their counts until the last of them ends: a count may be read too high, never too low.
 */
export class ForgottenCounts {
  readonly #counts: Float64Array
  /** Milliseconds since the epoch. */
  readonly #ends: Float64Array
  // Not the same in every process: nobody can choose names that share a place with another's.
  readonly #seed: number = crypto.getRandomValues(new Uint32Array(1))[0] as number

  /** @param places how many there are, at 16 bytes each */
  constructor(places: number) {
    this.#counts = new Float64Array(places)
    this.#ends = new Float64Array(places)
  }

  /** @param end when the counter would have ended, in milliseconds since the epoch */
  add(key: string, count: number, end: number, now: number): void {
    const place = this.#place(key)
    const isOver = (this.#ends[place] as number) <= now
    this.#counts[place] = isOver ? count : Math.max(count, this.#counts[place] as number)
    this.#ends[place] = isOver ? end : Math.max(end, this.#ends[place] as number)
  }

  /** Zero where nothing was forgotten. */
  count(key: string, now: number): number {
    const place = this.#place(key)
    return (this.#ends[place] as number) > now ? (this.#counts[place] as number) : 0
  }

  /** FNV-1a, and the last steps of MurmurHash3 to spread what keys have in common. */
  #place(key: string): number {
    let hash = fnv1a(key, this.#seed)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return ((hash ^ (hash >>> 16)) >>> 0) % this.#counts.length
  }
}
