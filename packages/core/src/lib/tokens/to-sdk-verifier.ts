import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import { callable } from '../contract/option-types.js'
import { verifierType } from '../contract/shared-option-types.js'

/** A verifier as the MCP SDK takes it, in both of its major versions. */
export interface SdkVerifier {
  verifyAccessToken(token: string): Promise<AuthInfo>
}

/**
 * Puts a verifier of this package behind the `requireBearerAuth` of the MCP SDK. The SDK answers 401 only to errors of
 * its own class, and 500 to any other; so the refusal of a token becomes the error that you make of it. Everything else,
 * such as an issuer that is down, stays a 500 there.
 *
 * @param invalidToken makes the SDK's error: `InvalidTokenError` in version 1, `OAuthError` in version 2
 * @example
 * ```ts
 * // @modelcontextprotocol/sdk
 * requireBearerAuth({ verifier: toSdkVerifier(verifier, (message) => new InvalidTokenError(message)) })
 * // @modelcontextprotocol/server
 * requireBearerAuth({
 *   verifier: toSdkVerifier(verifier, (message) => new OAuthError(OAuthErrorCode.InvalidToken, message)),
 * })
 * ```
 */
export function toSdkVerifier(verifier: TokenVerifier, invalidToken: (message: string) => Error): SdkVerifier {
  verifierType(verifier, 'The verifier of toSdkVerifier')
  callable(invalidToken, 'The invalidToken of toSdkVerifier')
  return {
    async verifyAccessToken(token) {
      try {
        return await verifier.verifyAccessToken(token)
      } catch (error) {
        if ((error as { code?: unknown } | null)?.code !== 'invalid_token') throw error
        throw invalidToken('The access token is not valid for this resource')
      }
    },
  }
}
