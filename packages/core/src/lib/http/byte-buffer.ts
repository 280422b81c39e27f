import type { ByteBudget } from './byte-budget.js'

/** What a {@link ByteBuffer} takes. */
export interface ByteBufferOptions {
  /** The most bytes that it holds. @default Infinity */
  readonly limit?: number
  /** Bytes that several buffers share: each of them takes from it, and gives back with `clear`. */
  readonly budget?: ByteBudget
}

/** Smaller chunks are copied together: kept in a list, each costs some 450 bytes of its own. */
const smallChunk = 4096
/** The size of the largest piece of memory that small chunks are copied to. */
const largestBlock = 65_536
/** HTTP/2 frames and web streams may be empty. So many of them in one body are taken for an attack. */
const maxEmptyChunks = 1024

/**
 * Gathers chunks of bytes, and joins them once. Large chunks are kept as they are, unless they are a small part of a larger
 * piece of memory; small ones are copied together. So what it holds depends on the number of bytes and not on the number
 * of chunks, and large bodies are copied once.
 */
export class ByteBuffer {
  readonly #limit: number
  readonly #budget: ByteBudget | undefined
  /** What comes before the small chunks that are copied now. */
  #parts: Uint8Array[] = []
  /** Memory for small chunks, of which those from `#start` to `#end` are behind the last part. */
  #block: Uint8Array = none
  #start = 0
  #end = 0
  #length = 0
  #emptyChunks = 0

  constructor({ limit = Number.POSITIVE_INFINITY, budget }: ByteBufferOptions = {}) {
    this.#limit = limit
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
    const { byteLength } = chunk
    const length = this.#length + byteLength
    if (length > this.#limit) return false
    if (byteLength === 0) return ++this.#emptyChunks <= maxEmptyChunks
    if (this.#budget?.take(byteLength) === false) return false
    if (this.#length === 0) {
      this.#parts.push(chunk)
    } else {
      // What was the only chunk may be a small part of a larger piece of memory
      if (this.#parts.length === 1 && this.#end === 0) this.#parts[0] = ownBytes(this.#parts[0] as Uint8Array)
      if (byteLength < smallChunk) {
        this.#copy(chunk)
      } else {
        this.#seal()
        this.#parts.push(ownBytes(chunk))
      }
    }
    this.#length = length
    return true
  }

  /** The bytes so far. They are valid until the next call. */
  view(): Uint8Array {
    this.#seal()
    if (this.#parts.length > 1) this.#parts = [joined(this.#parts, this.#length)]
    return this.#parts[0] ?? none
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

  #copy(chunk: Uint8Array): void {
    if (chunk.byteLength > this.#block.byteLength - this.#end) {
      this.#seal()
      this.#block = new Uint8Array(Math.max(smallChunk, Math.min(this.#length, largestBlock)))
      this.#start = 0
      this.#end = 0
    }
    this.#block.set(chunk, this.#end)
    this.#end += chunk.byteLength
  }

  /** The small chunks so far become a part. More of them go behind it in the same memory. */
  #seal(): void {
    if (this.#end > this.#start) this.#parts.push(this.#block.subarray(this.#start, this.#end))
    this.#start = this.#end
  }

  #forget(): void {
    this.#parts = []
    this.#block = none
    this.#start = 0
    this.#end = 0
    this.#length = 0
    this.#emptyChunks = 0
  }
}

/** Memory that is filled at once need not be cleared first, where the host offers that. */
const host = globalThis as { Buffer?: { allocUnsafeSlow?: (length: number) => { readonly buffer: ArrayBuffer } } }

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const memory = length < largestBlock ? undefined : host.Buffer?.allocUnsafeSlow?.(length).buffer
  const bytes = memory === undefined ? new Uint8Array(length) : new Uint8Array(memory)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.byteLength
  }
  return bytes
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
