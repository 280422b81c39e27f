import { ForgottenCounts } from './forgotten-counts.js'

/** A counter. */
export interface Counter {
  /** Decimal digits. */
  readonly value: string
  /** Milliseconds since the epoch; `Infinity` for none. */
  readonly expiresAt: number
}

/**
 * Holds so many counters and no more. It keeps two generations: what is read goes into the young one; when that is full, the
 * counters of the old one, which nobody used meanwhile, go to a table of fixed size, where they share places.
 */
export class CounterTable<T extends Counter> {
  readonly #half: number
  readonly #places: number
  #young = new Map<string, T>()
  #old = new Map<string, T>()
  #sweep: MapIterator<[string, T]> = this.#young.entries()
  #forgotten: ForgottenCounts | undefined

  /** @param size the largest number of counters, from 2 on; one is held as two */
  constructor(size: number) {
    this.#half = Math.max(1, Math.floor(size / 2))
    this.#places = Math.max(64, Math.ceil(size / 4))
  }

  get(key: string, now: number): T | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.#keep(key, old, now)
    }
    return old
  }

  /** Adds a counter that is not there. */
  add(key: string, counter: T, now: number): void {
    this.#dropTwoIfOver(now)
    this.#keep(key, counter, now)
  }

  delete(key: string): void {
    if (!this.#young.delete(key)) this.#old.delete(key)
  }

  /** From where a counter that is not there goes on: zero, unless something that shares its place was forgotten. */
  forgotten(key: string, now: number): number {
    return this.#forgotten?.count(key, now) ?? 0
  }

  #keep(key: string, counter: T, now: number): void {
    if (this.#young.size >= this.#half) this.#age(now)
    this.#young.set(key, counter)
  }

  #age(now: number): void {
    for (const [key, { value, expiresAt }] of this.#old) {
      if (expiresAt <= now) continue
      this.#forgotten ??= new ForgottenCounts(this.#places)
      this.#forgotten.add(key, Number(value), expiresAt, now)
    }
    this.#old = this.#young
    this.#young = new Map()
    this.#sweep = this.#old.entries()
  }

  /** As many as come are looked at twice, so that no more than a part of the room is ever held by the dead. */
  #dropTwoIfOver(now: number): void {
    for (let looked = 0; looked < 2; looked++) {
      const next = this.#sweep.next()
      if (next.done) {
        this.#sweep = this.#young.entries()
        return
      }
      const [key, { expiresAt }] = next.value
      if (expiresAt <= now) this.delete(key)
    }
  }
}
