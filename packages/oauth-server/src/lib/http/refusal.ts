import { oauthError } from '@mcp-gateway/core'

/**
 * A request that is refused. It is thrown inside this package only, from the depth of a check to the endpoint, which
 * answers it: as JSON, as a page, or as an error redirect.
 */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
  constructor(
    readonly status: number,
    /** The code of RFC 6749 or of an extension. */
    readonly error: string,
    /** What to change, for the developer of the client. */
    readonly description: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(description)
  }

  toResponse(): Response {
    return oauthError(this.status, this.error, this.description, this.headers)
  }
}
