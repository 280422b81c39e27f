/**
 * A verified access token. The fields are those of the MCP SDK's `AuthInfo` (v1 and v2), so either side's objects fit
 * the other.
 */
export interface AuthInfo {
  /** The token as it came in. Never forwarded upstream, never logged. */
  readonly token: string
  /** The OAuth client that got the token (`client_id`, or `azp`). */
  readonly clientId: string
  /** What the token allows. */
  readonly scopes: string[]
  /** When the token ends, in seconds since the epoch. A token without it is refused by `bearerAuth`. */
  readonly expiresAt?: number
  /** The resource the token was issued for. */
  readonly resource?: URL
  /** What our own verifiers add; see {@link AuthExtra}. */
  readonly extra?: Record<string, unknown>
}

/** The members that this package's verifiers set in `AuthInfo.extra`. */
export interface AuthExtra extends Record<string, unknown> {
  /** `iss`: who issued the token. */
  readonly issuer: string
  /**
   * `sub`: the user, unique within the issuer. For client credentials, the client id. Absent where the token names
   * nobody; what needs to know the user then refuses the request.
   */
  readonly subject?: string
  /** Roles, from whichever claim the issuer keeps them in. */
  readonly roles: readonly string[]
  /** Groups, likewise. */
  readonly groups: readonly string[]
  /** Every claim of the token. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** The key that a caller has proved to hold (RFC 9449). */
export interface KeyProof {
  /** The SHA-256 thumbprint of the public key (RFC 7638), base64url. */
  readonly jkt: string
}

/** What is known of the request that a token came with. */
export interface TokenUse {
  /** The client's IP address, where the host knows it. */
  readonly address?: string
  /** The header that the token came in, in small letters, where it is not `Authorization`. */
  readonly header?: string
  /** Whether the token was verified for this request before: an open stream asks again and again, which is no further use. */
  readonly again?: boolean
}

/**
 * Verifies an access token. The shape is the MCP SDK's, so either side's verifiers fit the other. Which resource the
 * token must be for is fixed when the verifier is made, never per call. Rejects with a {@link GatewayError} whose code
 * is `invalid_token`, or `temporarily_unavailable` when it could not be decided.
 *
 * A token that is bound to a key (`cnf`) is accepted only together with the proof of that key, which `bearerAuth` gives
 * where DPoP is on. Callers that know nothing of proofs therefore never take one.
 *
 * An error with `isFinal: true` says that the token is the verifier's own and bad: it is shown to no other verifier. One with
 * the code `too_many_requests` may say in `retryAfter` how many seconds to wait.
 */
export interface TokenVerifier {
  verifyAccessToken(token: string, proof?: KeyProof, use?: TokenUse): Promise<AuthInfo>
}
