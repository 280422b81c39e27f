/** What refusals of every copy of this package are told by. */
const tag = 'mcp-gateway.refusal'

/** What a {@link Refusal} may say beside its status, code and description. */
export interface RefusalOptions {
  /** Headers of the answer, such as `Retry-After` in seconds. */
  readonly headers?: Readonly<Record<string, string>>
  /** Why, for the operator's log. It never reaches the caller. */
  readonly reason?: string
  /** What is behind the reason, for the same log. */
  readonly cause?: unknown
}

/**
 * Thrown by what is below a handler for a request that is not to be served; each package turns it into a `Response` at
 * one place. It is no `Error` and has no stack: a refusal is an expected answer, and stacks cost three times as much as
 * the throw. Tell it by {@link isRefusal}: with two copies of this package in one process there are two classes.
 */
export class Refusal {
  readonly kind: typeof tag = tag
  /** The HTTP status of the answer. */
  readonly status: number
  /** The error code of the protocol that is spoken: of OAuth a word, of JSON-RPC a number. */
  readonly code: string | number
  /** What to change, for the developer of the client. It reaches the caller. */
  readonly description: string
  readonly headers: Readonly<Record<string, string>>
  /** Why, for the operator's log; the description unless something else was given. */
  readonly reason: string
  /** What is behind the reason, for the operator's log. */
  readonly cause?: unknown

  constructor(
    status: number,
    code: string | number,
    description: string,
    { headers = {}, reason = description, cause }: RefusalOptions = {},
  ) {
    this.status = status
    this.code = code
    this.description = description
    this.headers = headers
    this.reason = reason
    if (cause !== undefined) this.cause = cause
  }

  /** So that whatever prints an unknown thrown value prints a sentence. */
  toString(): string {
    return `Refusal ${this.status} ${this.code}: ${this.reason}`
  }
}

/** Whether a thrown value is a {@link Refusal}, made by this copy of the package or by another. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === tag
}
