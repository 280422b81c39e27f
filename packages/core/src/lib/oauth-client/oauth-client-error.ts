/**
 * Thrown when a flow towards another server did not end in tokens. Compare `error`, never messages.
 */
export class OAuthClientError extends Error {
  override readonly name: string = 'OAuthClientError'
  /**
   * What the other server said (`access_denied`, `invalid_grant`, …), `invalid_response` if its answer cannot be
   * believed, or `temporarily_unavailable` if there was none.
   */
  readonly error: string

  constructor(error: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.error = error
  }
}
