import type { Logger } from '@mcp-gateway/core'

const ringBytes = 65_536
const longestLine = 2_000
const linesPerMinute = 600

/**
 * Drains a child's stderr, which is free logging and no sign of failure (MCP S1): the last 64 KiB are kept for the
 * report of a crash, and lines go to the logger at level `debug`, so many a minute.
 */
export class StderrLog {
  readonly #logger: Logger
  readonly #fields: Record<string, unknown>
  #ring: Buffer[] = []
  #bytes = 0
  #partial = ''
  #minute = 0
  #lines = 0

  constructor(logger: Logger, fields: Record<string, unknown>) {
    this.#logger = logger
    this.#fields = fields
  }

  push(chunk: Buffer): void {
    const part = chunk.length > ringBytes ? chunk.subarray(-ringBytes) : chunk
    this.#ring.push(part)
    this.#bytes += part.length
    while (this.#bytes - (this.#ring[0]?.length ?? 0) >= ringBytes) this.#bytes -= this.#ring.shift()?.length ?? 0
    const lines = (this.#partial + part.toString('utf8')).split('\n')
    this.#partial = (lines.pop() ?? '').slice(-longestLine)
    for (const line of lines) this.#log(line)
  }

  /** The last lines, for the log entry that tells why a child ended. */
  tail(lines = 5): string[] {
    const text = Buffer.concat(this.#ring).toString('utf8').trimEnd()
    return text === ''
      ? []
      : text
          .split('\n')
          .slice(-lines)
          .map((line) => line.slice(0, longestLine))
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
    this.#logger.debug({ ...this.#fields, stderr: line.slice(0, longestLine) }, 'stderr')
  }
}
