import type { Logger } from '../contract/logger.js'

const wellFormed = /^[\w.:-]{8,128}$/

/** The id that a client or a proxy in front gave the request, if it is fit for logs and headers; else a new one. */
export function requestId(headers: Headers): string {
  const given = headers.get('x-request-id')
  return given !== null && wellFormed.test(given) ? given : crypto.randomUUID()
}

/** A logger that adds fields to every line. */
export class FieldLogger implements Logger {
  readonly #logger: Logger
  readonly #fields: Record<string, unknown>

  constructor(logger: Logger, fields: Record<string, unknown>) {
    this.#logger = logger
    this.#fields = fields
  }

  debug(fields: Record<string, unknown>, message: string): void {
    this.#logger.debug({ ...this.#fields, ...fields }, message)
  }

  info(fields: Record<string, unknown>, message: string): void {
    this.#logger.info({ ...this.#fields, ...fields }, message)
  }

  warn(fields: Record<string, unknown>, message: string): void {
    this.#logger.warn({ ...this.#fields, ...fields }, message)
  }

  error(fields: Record<string, unknown>, message: string): void {
    this.#logger.error({ ...this.#fields, ...fields }, message)
  }
}
