/** A validated authorization request, as it waits for the person's decision. */
export interface AuthorizationRequest {
  readonly clientId: string
  readonly redirectUri: string
  readonly state?: string
  readonly scopes: readonly string[]
  readonly resource: string
  /** Scopes that were asked for and that the person left out. */
  readonly leftOut?: readonly string[]
  /** Whether the person wants no refresh token: they left `offline_access` out. */
  readonly withoutRefresh?: true
  /** The S256 challenge. */
  readonly challenge: string
  readonly prompt: readonly string[]
  /** Hash of the client's document as it was then: an approval is for one document. */
  readonly documentHash?: string
}
