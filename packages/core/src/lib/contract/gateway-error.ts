import { withShownUrls } from '../text/shown-url.js'

/** What went wrong, as a stable code. Compare codes, never messages or classes. */
export type GatewayErrorCode =
  /** An option is wrong; thrown at construction, says what to change. */
  | 'invalid_configuration'
  /** The request is malformed. */
  | 'invalid_request'
  /** The token does not verify: RFC 6750 section 3.1. */
  | 'invalid_token'
  /** The token is good, its scopes are not enough: RFC 6750 section 3.1. */
  | 'insufficient_scope'
  /** The token is good, but does not say for which user or client it acts, which is needed here. */
  | 'subject_missing'
  /** The user has to do something in a browser first, such as connecting an account at an upstream. */
  | 'interaction_required'
  /** What is asked for does not go together with what is there, such as a second rotation of the same key. */
  | 'conflict'
  /** The same request may pass later: it was made too often. */
  | 'too_many_requests'
  /** Something that is needed to decide (storage, a JWKS endpoint) does not answer; the same request may pass later. */
  | 'temporarily_unavailable'
  /** An outbound request was refused before it was made, or its answer was not acceptable. */
  | 'outbound_refused'

const statuses: Record<GatewayErrorCode, number> = {
  invalid_configuration: 500,
  invalid_request: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  subject_missing: 403,
  interaction_required: 403,
  conflict: 409,
  too_many_requests: 429,
  temporarily_unavailable: 503,
  outbound_refused: 502,
}

/**
 * Thrown for programmer errors and for an outside world that broke. Refusals of a request are `Response`s instead. Of a
 * URL in the message only origin and path stay: the rest may be a secret, and messages are logged.
 */
export class GatewayError extends Error {
  override readonly name: string = 'GatewayError'
  readonly code: GatewayErrorCode
  /** The HTTP status this error becomes when it reaches a client. */
  readonly status: number

  constructor(code: GatewayErrorCode, message: string, options?: { cause?: unknown }) {
    super(
      withShownUrls(message, () => '[redacted]'),
      options,
    )
    this.code = code
    this.status = statuses[code]
  }
}
