import type { Logger } from '@mcp-gateway/core'
import { LineReader } from '../wire/line-reader.js'
import { TailBuffer } from '../wire/tail-buffer.js'
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

  #logged(bytes: Buffer): void {
    const line = bytes.toString('utf8')
    if (line.trim() !== '') this.#log.write(() => line.slice(0, maxLoggedLine))
  }
}
