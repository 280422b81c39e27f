import type { TokenVerifier } from '../contract/auth-info.js'
import { checkOptions, flag, optional } from '../contract/option-types.js'
import { audienceType } from '../contract/shared-option-types.js'
import { readAudience } from './audience.js'
import { checkIssuerScheme } from './check-issuer-scheme.js'
import { type FindKey, issuerKeys } from './issuer-keys.js'
import type { IssuerOptions } from './issuer-options.js'
import { issuerTypes } from './issuer-types.js'
import { rfc9068 } from './token-profile.js'
import { withVerifiedTokenCache } from './verified-token-cache.js'
import { checkAlgorithms, signatureAlgorithms, verifyJwt } from './verify-jwt.js'

/** What `createTokenVerifier` needs to know. */
export interface TokenVerifierOptions extends IssuerOptions {
  /** What a token must be meant for; one of several is enough. Compared as strings. */
  readonly audience: string | readonly string[]
  /**
   * Lets an issuer, or a `jwksUri`, of plain http stand behind a public audience. Whoever is on the way to it can make tokens for
   * every user, so set it only where that is a network of your own. On loopback it is not needed.
   *
   * @default false
   */
  readonly dangerouslyAllowHttpIssuer?: boolean
}

/**
 * Verifies JWT access tokens of one issuer for one audience, as strictly as RFC 9068 section 4 says: type, algorithm,
 * signature, issuer, audience, times, and that the claims of an access token are there. A token that was verified is
 * remembered, never past its `exp`. It does not check scopes (`bearerAuth` does), makes no request until the first token
 * comes, and none that the token itself asks for.
 *
 * `verifyAccessToken` rejects with a GatewayError: `invalid_token`, or `temporarily_unavailable` when keys or
 * revocation cannot be asked.
 *
 * @throws {GatewayError} `invalid_configuration` for a missing audience, an issuer of plain http, or an algorithm that is none of the
 *   above
 * @see RFC 9068, RFC 8725
 * @example
 * ```ts
 * const verifier: TokenVerifier = createTokenVerifier({
 *   issuer: 'https://login.example.com',
 *   audience: 'https://mcp.example.com/notes/mcp',
 * })
 * ```
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  checkOptions('createTokenVerifier', options, {
    ...issuerTypes,
    audience: audienceType,
    dangerouslyAllowHttpIssuer: optional(flag),
  })
  for (const one of [options.audience].flat()) checkIssuerScheme(options, one, 'createTokenVerifier')
  return verifierWithKeys(options, issuerKeys(options))
}

/** The same over keys that several verifiers of one issuer share. */
export function verifierWithKeys(options: TokenVerifierOptions, findKey: FindKey): TokenVerifier {
  const { issuer, clockTolerance = 5, profile = rfc9068 } = options
  const algorithms = checkAlgorithms(options.algorithms ?? signatureAlgorithms)
  const audience = readAudience(options.audience)
  const expected = { issuer, audience, algorithms, clockTolerance, profile }
  return withVerifiedTokenCache((token) => verifyJwt(token, findKey, expected), options)
}
