import { ByteBuffer } from '@mcp-gateway/core/internal'
import { asBuffer } from './client-message.js'
import { TailBuffer } from './tail-buffer.js'

/** How lines are cut. */
export interface LineReaderOptions {
  /** The longest line that is handed over, in bytes. */
  readonly maxBytes: number
  /** Gets each line without its line end. The bytes may belong to a larger chunk: copy what outlives the call. */
  readonly onLine: (line: Buffer) => void
  /** Gets the first and the last bytes of a line that was too long, once it has ended. */
  readonly onOverlong: (head: Buffer, tail: Buffer, bytes: number) => void
}

const kept = 512

/** A line that is too long. */
interface Overlong {
  readonly head: Buffer
  readonly tail: TailBuffer
  bytes: number
}

/**
 * Cuts a byte stream into lines, in time linear in its length and with memory for its bytes alone, however it is
 * chunked. A line that is too long is skipped up to its end, never held in memory, and reading goes on behind it.
 */
export class LineReader {
  readonly #options: LineReaderOptions
  readonly #line: ByteBuffer
  #overlong: Overlong | undefined

  constructor(options: LineReaderOptions) {
    this.#options = options
    this.#line = new ByteBuffer({ limit: options.maxBytes })
  }

  /** Takes the next chunk. */
  push(chunk: Buffer): void {
    let from = 0
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, from)) {
      const part = chunk.subarray(from, at)
      from = at + 1
      if (this.#isWithin(part)) {
        this.#found(part)
        continue
      }
      this.#hold(part)
      this.#finish()
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from))
  }

  /** The stream has ended: what is left is a line too. */
  end(): void {
    this.#finish()
  }

  /** Whether a whole line is at hand that need not be held. */
  #isWithin(part: Buffer): boolean {
    return this.#line.length === 0 && this.#overlong === undefined && part.length <= this.#options.maxBytes
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return
    if (this.#overlong === undefined) {
      if (this.#line.add(part)) return
      const before = asBuffer(this.#line.view())
      const head = Buffer.concat([before.subarray(0, kept), part.subarray(0, kept)]).subarray(0, kept)
      this.#overlong = { head, tail: new TailBuffer(kept), bytes: before.length }
      this.#overlong.tail.add(before)
      this.#line.clear()
    }
    this.#overlong.bytes += part.length
    this.#overlong.tail.add(part)
  }

  #finish(): void {
    const overlong = this.#overlong
    if (overlong === undefined) {
      this.#found(asBuffer(this.#line.take()))
      return
    }
    this.#overlong = undefined
    this.#options.onOverlong(overlong.head, overlong.tail.bytes, overlong.bytes)
  }

  #found(line: Buffer): void {
    if (line.length === 0) return
    this.#options.onLine(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
  }
}
