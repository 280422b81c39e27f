/** Keeps the last bytes of what it is given, in one piece of memory of at most twice their number. */
export class TailBuffer {
  readonly #kept: number
  #memory: Buffer = Buffer.alloc(0)
  #length = 0

  /** @param kept how many bytes are kept */
  constructor(kept: number) {
    this.#kept = kept
  }

  /** The last bytes. They are valid until the next call. */
  get bytes(): Buffer {
    return this.#memory.subarray(Math.max(0, this.#length - this.#kept), this.#length)
  }

  add(chunk: Uint8Array): void {
    const part = chunk.length > this.#kept ? chunk.subarray(-this.#kept) : chunk
    if (this.#length + part.length > this.#memory.length) this.#makeRoom(part.length)
    this.#memory.set(part, this.#length)
    this.#length += part.length
  }

  #makeRoom(length: number): void {
    const { bytes } = this
    const doubled = Math.min(2 * this.#kept, 2 * (bytes.length + length))
    const memory = doubled > this.#memory.length ? Buffer.alloc(doubled) : this.#memory
    // `set` takes care of ranges that overlap
    memory.set(bytes, 0)
    this.#memory = memory
    this.#length = bytes.length
  }
}
