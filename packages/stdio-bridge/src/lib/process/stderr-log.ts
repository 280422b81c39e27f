import type { Logger } from '@mcp-gateway/core'
import { LineReader } from '../wire/line-reader.js'
import { TailBuffer } from '../wire/tail-buffer.js'
import { startOf, wholeText } from '../wire/whole-text.js'
import { LineLog } from './line-log.js'

const ringBytes = 65_536
const maxLoggedLine = 2_000
const maxHeldBytes = 16_384

/**
 * Drains a child's stderr, which is free logging and no sign of failure (MCP S1): the last 64 KiB are kept for the
 * report of a crash, and lines go to the logger at level `debug`, so many a minute.
 */
export class StderrLog {
  readonly #log: LineLog
  readonly #tail = new TailBuffer(ringBytes)
  readonly #reader = new LineReader({
    maxBytes: maxHeldBytes,
    onLine: (line) => this.#logged(line),
    onOverlong: (head) => this.#logged(head),
  })

  constructor(logger: Logger, fields: Record<string, unknown>) {
    this.#log = new LineLog(logger, fields, 'stderr')
  }

  push(chunk: Buffer): void {
    this.#tail.add(chunk)
    this.#reader.push(chunk)
  }

  /** Nothing follows: what is left is a line too. */
  end(): void {
    this.#reader.end()
  }

  /** The last lines, for the log entry that tells why a child ended. */
  tail(lines = 5): string[] {
    const text = wholeText(this.#tail.bytes).trimEnd()
    return text === ''
      ? []
      : text
          .split('\n')
          .slice(-lines)
          .map((line) => startOf(line, maxLoggedLine))
  }

  #logged(bytes: Buffer): void {
    const line = wholeText(bytes)
    if (line.trim() !== '') this.#log.write(() => startOf(line, maxLoggedLine))
  }
}
