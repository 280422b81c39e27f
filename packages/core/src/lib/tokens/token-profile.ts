/** The claims of a token. */
export type Claims = Readonly<Record<string, unknown>>

/**
 * What an issuer's access tokens look like. The default is RFC 9068; the presets of providers that issue something
 * else hold one each.
 */
export interface TokenProfile {
  /** The accepted `typ` headers in lower case, without `application/`; `''` stands for none. */
  readonly types: readonly string[]
  /** The claims a token must have beside `iss`, `aud`, `exp` and `iat`: texts that are not empty. */
  readonly requiredClaims: readonly string[]
  /** The accepted values of `iss`, where they are more than the issuer itself. */
  readonly issuers?: readonly string[]
  /** The OAuth client. */
  readonly clientId: (claims: Claims) => unknown
  /** The user, or the client acting for itself. Default: `sub`. */
  readonly subject?: (claims: Claims) => unknown
  /** What the token is for. Default: `aud`. */
  readonly audience?: (claims: Claims) => unknown
  /** Default: the words of `scope`. */
  readonly scopes?: (claims: Claims) => unknown
  /** Default: `roles`. */
  readonly roles?: (claims: Claims) => unknown
  /** Default: `groups`. */
  readonly groups?: (claims: Claims) => unknown
  /** Tells an access token from what else the issuer signs with the same keys. */
  readonly accept?: (claims: Claims) => boolean
}

/** Access tokens as RFC 9068 section 2 has them. */
export const rfc9068: TokenProfile = {
  types: ['at+jwt'],
  requiredClaims: ['sub', 'client_id', 'jti'],
  clientId: (claims) => claims.client_id,
}

/** The strings of a claim that holds one, several, or several in one text. */
export function strings(value: unknown): string[] {
  if (typeof value === 'string') return value.split(' ').filter((word) => word !== '')
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
