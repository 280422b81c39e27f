/**
 * A map that holds at most `size` entries and forgets those that were not used lately.
 *
 * It keeps two generations: what is read or written goes into the young one; when that is half the size, it becomes the
 * old one, and the old one is dropped. A read of a young entry moves nothing, which is what makes it fast.
 */
export class BoundedMap<T> {
  readonly #half: number
  #young = new Map<string, T>()
  #old = new Map<string, T>()

  /** @param size the largest number of entries; 0 keeps nothing */
  constructor(size: number) {
    this.#half = Math.floor(size / 2)
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: T): void {
    if (this.#half === 0) return
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#old.delete(key)
    this.#young.set(key, value)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
