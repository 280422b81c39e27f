interface Entry<T> {
  readonly value: T
  readonly size: number
}

/**
 * A map that holds no more bytes than it may, and forgets first what was not used lately. Who fills it says how large a value is;
 * keys count by themselves.
 */
export class SizedMap<T> {
  readonly #maxBytes: number
  /** The one that was used last is the last. */
  readonly #entries = new Map<string, Entry<T>>()
  #newest: string | undefined
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    // What is used again and again need not be moved again and again
    if (this.#newest !== key) {
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      this.#newest = key
    }
    return entry.value
  }

  /** One that is larger than all may be is not kept. */
  set(key: string, value: T, size: number): void {
    this.delete(key)
    const own = size + 2 * key.length + overhead
    if (own > this.#maxBytes) return
    this.#entries.set(key, { value, size: own })
    this.#newest = key
    this.#bytes += own
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.size
  }
}

/** Bytes of an entry beside its key and value. */
const overhead = 500
