import type { ByteBudget } from './byte-budget.js'

/** What a {@link ByteBuffer} takes. */
export interface ByteBufferOptions {
  /** The most bytes that it holds. @default Infinity */
  readonly limit?: number
  /** How many bytes the sender announced. It rounds a step of growth; memory for them is not taken before they come. */
  readonly expected?: number
  /** Bytes that several buffers share: each of them takes from it, and gives back with `clear`. */
  readonly budget?: ByteBudget
}

/** The size of the first allocation in bytes. */
const firstSize = 1024
/** HTTP/2 frames and web streams may be empty. So many of them in one body are taken for an attack. */
const maxEmptyChunks = 1024

/**
 * Gathers chunks of bytes in one piece of memory that doubles when it is full. What it costs depends on the number of
 * bytes and not on the number of chunks: an array of chunks costs some 450 bytes for each one-byte chunk. A single chunk
 * is kept as it is, without a copy, unless it is a small part of a larger piece of memory.
 */
export class ByteBuffer {
  readonly #limit: number
  readonly #expected: number
  readonly #budget: ByteBudget | undefined
  /** The first chunk, as long as it is the only one. */
  #only: Uint8Array | undefined
  #memory: Uint8Array = none
  #length = 0
  #emptyChunks = 0

  constructor({ limit = Number.POSITIVE_INFINITY, expected = 0, budget }: ByteBufferOptions = {}) {
    this.#limit = limit
    this.#expected = expected
    this.#budget = budget
  }

  /** How many bytes were added. */
  get length(): number {
    return this.#length
  }

  /**
   * Adds a chunk.
   *
   * @returns `false` when it does not fit, or when too many chunks were empty: nothing is added then
   */
  add(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.byteLength
    if (length > this.#limit) return false
    if (chunk.byteLength === 0) return ++this.#emptyChunks <= maxEmptyChunks
    if (this.#budget?.take(chunk.byteLength) === false) return false
    if (this.#length === 0) {
      this.#only = chunk
    } else {
      if (length > this.#memory.byteLength) this.#grow(length)
      this.#memory.set(chunk, this.#length)
    }
    this.#length = length
    return true
  }

  /** The bytes so far. They are valid until the next call. */
  view(): Uint8Array {
    return this.#only ?? this.#memory.subarray(0, this.#length)
  }

  /** Hands over the bytes, and is empty afterwards. What they took from a budget stays taken. */
  take(): Uint8Array {
    const bytes = ownBytes(this.view())
    this.#forget()
    return bytes
  }

  /** Drops the bytes, and gives back to the budget what they took. */
  clear(): void {
    this.#budget?.giveBack(this.#length)
    this.#forget()
  }

  #grow(length: number): void {
    const doubled = Math.max(firstSize, 2 * length)
    // A declared length ends the growth exactly there; a wrong one costs nothing
    const isLastStep = length <= this.#expected && this.#expected <= doubled
    const memory = new Uint8Array(Math.min(isLastStep ? this.#expected : doubled, this.#limit))
    memory.set(this.view())
    this.#memory = memory
    this.#only = undefined
  }

  #forget(): void {
    this.#only = undefined
    this.#memory = none
    this.#length = 0
    this.#emptyChunks = 0
  }
}

const none = new Uint8Array()

/**
 * The same bytes in memory of their own, where they are a small part of a larger piece: hosts cut small chunks out of
 * pieces of 8 to 64 KiB, and a chunk that is kept keeps the whole piece.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength * 4 >= bytes.buffer.byteLength * 3) return bytes
  const own = new Uint8Array(bytes.byteLength)
  own.set(bytes)
  return own
}
