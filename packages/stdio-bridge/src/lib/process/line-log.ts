import type { Logger } from '@mcp-gateway/core'

const linesPerMinute = 600

/** Writes lines of a child to the logger at level `debug`, so many a minute. */
export class LineLog {
  readonly #logger: Logger
  readonly #fields: Record<string, unknown>
  readonly #stream: 'stdout' | 'stderr'
  #minute = 0
  #lines = 0

  /** @param stream where the child writes them: the name of the field that they get */
  constructor(logger: Logger, fields: Record<string, unknown>, stream: 'stdout' | 'stderr') {
    this.#logger = logger
    this.#fields = fields
    this.#stream = stream
  }

  /** Logs what is made of a line, where there is room for one more. */
  write(line: () => string): void {
    const minute = Math.floor(performance.now() / 60_000)
    if (minute !== this.#minute) {
      if (this.#lines > linesPerMinute) {
        const lines = this.#lines - linesPerMinute
        this.#logger.warn({ ...this.#fields, lines }, `Lines of ${this.#stream} were not logged`)
      }
      this.#minute = minute
      this.#lines = 0
    }
    if (++this.#lines <= linesPerMinute) this.#logger.debug({ ...this.#fields, [this.#stream]: line() }, this.#stream)
  }
}
