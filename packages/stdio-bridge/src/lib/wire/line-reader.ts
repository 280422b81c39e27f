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

/**
 * Cuts a byte stream into lines, in time linear in its length however it is chunked. A line that is too long is
 * skipped up to its end, never held in memory, and reading goes on behind it.
 */
export class LineReader {
  readonly #options: LineReaderOptions
  #chunks: Buffer[] = []
  #bytes = 0
  #head: Buffer | undefined

  constructor(options: LineReaderOptions) {
    this.#options = options
  }

  /** Takes the next chunk. */
  push(chunk: Buffer): void {
    let from = 0
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, from)) {
      this.#hold(chunk.subarray(from, at))
      this.#finish()
      from = at + 1
    }
    this.#hold(chunk.subarray(from))
  }

  /** The stream has ended: what is left is a line too. */
  end(): void {
    this.#finish()
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return
    this.#bytes += part.length
    this.#chunks.push(part)
    if (this.#bytes <= this.#options.maxBytes) return
    const joined = Buffer.concat(this.#chunks)
    this.#head ??= Buffer.from(joined.subarray(0, kept))
    this.#chunks = [Buffer.from(joined.subarray(-kept))]
  }

  #finish(): void {
    const chunks = this.#chunks
    const head = this.#head
    const bytes = this.#bytes
    this.#chunks = []
    this.#head = undefined
    this.#bytes = 0
    const line = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    if (line === undefined || bytes === 0) return
    if (head !== undefined) this.#options.onOverlong(head, line, bytes)
    else this.#options.onLine(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
  }
}
