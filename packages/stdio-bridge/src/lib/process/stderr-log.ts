import type { Logger } from '@mcp-gateway/core'
import { LineReader } from '../wire/line-reader.js'
import { TailBuffer } from '../wire/tail-buffer.js'

const ringBytes = 65_536
const maxLoggedLine = 2_000
const maxHeldBytes = 16_384
const linesPerMinute = 600

/**
 * Drains a child's stderr, which is free logging and no sign of failure (MCP S1): the last 64 KiB are kept for the
 * report of a crash, and lines go to the logger at level `debug`, so many a minute.
 */
export class StderrLog {
  readonly #logger: Logger
  readonly #fields: Record<string, unknown>
  readonly #tail = new TailBuffer(ringBytes)
  readonly #reader = new LineReader({
    maxBytes: maxHeldBytes,
    onLine: (line) => this.#log(line.toString('utf8')),
    onOverlong: (head) => this.#log(head.toString('utf8')),
  })
  #minute = 0
  #lines = 0

  constructor(logger: Logger, fields: Record<string, unknown>) {
    this.#logger = logger
    this.#fields = fields
  }

  push(chunk: Buffer): void {
    this.#tail.add(chunk)
    this.#reader.push(chunk)
  }

  /** The last lines, for the log entry that tells why a child ended. */
  tail(lines = 5): string[] {
    const text = this.#tail.bytes.toString('utf8').trimEnd()
    return text === ''
      ? []
      : text
          .split('\n')
          .slice(-lines)
          .map((line) => line.slice(0, maxLoggedLine))
  }

  #log(line: string): void {
    const minute = Math.floor(performance.now() / 60_000)
    if (minute !== this.#minute) {
      if (this.#lines > linesPerMinute) {
        this.#logger.warn({ ...this.#fields, lines: this.#lines - linesPerMinute }, 'Lines of stderr were not logged')
      }
      this.#minute = minute
      this.#lines = 0
    }
    if (++this.#lines > linesPerMinute || line.trim() === '') return
    this.#logger.debug({ ...this.#fields, stderr: line.slice(0, maxLoggedLine) }, 'stderr')
  }
}
