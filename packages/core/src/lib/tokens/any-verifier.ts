import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { listOf } from '../contract/option-types.js'
import { verifierType } from '../contract/shared-option-types.js'
import { invalidToken } from './invalid-token.js'

/**
 * Accepts the tokens of several issuers at one endpoint: asks the verifiers in their order, and the first that accepts
 * the token decides. Verifiers that know their issuer refuse a foreign token before they ask anybody anything, so give
 * those of opaque tokens last.
 *
 * Users are told apart by `extra.issuer`. Verifiers that do not set it are told apart by their place in the list, which
 * must then stay as it is.
 *
 * A verifier that knows a token as its own and refuses it (`isFinal`) decides too: nobody else gets to see the token.
 *
 * It rejects with `temporarily_unavailable` when none accepted the token and at least one could not tell.
 *
 * @throws {GatewayError} `invalid_configuration` for an empty list
 * @example
 * ```ts
 * const verifier: TokenVerifier = anyVerifier([
 *   createTokenVerifier({ issuer: 'https://login.example.com', audience: resource }),
 *   createTokenVerifier({ issuer: 'https://partner.example.net', audience: resource }),
 * ])
 * ```
 */
export function anyVerifier(verifiers: readonly TokenVerifier[]): TokenVerifier {
  listOf(verifierType, 'a list of verifiers')(verifiers, 'The verifiers of anyVerifier')
  if (verifiers.length === 0) throw invalidConfiguration('anyVerifier needs at least one verifier')
  return {
    async verifyAccessToken(token, proof, use) {
      let undecided: unknown
      const causes: unknown[] = []
      for (const [index, verifier] of verifiers.entries()) {
        try {
          return numbered(await verifier.verifyAccessToken(token, proof, use), index)
        } catch (error) {
          const { code, isFinal } = Object(error) as { code?: unknown; isFinal?: unknown }
          if (isFinal === true) throw error
          if (code === 'temporarily_unavailable') undecided ??= error
          causes.push(error)
        }
      }
      throw undecided ?? invalidToken('is accepted by none of the verifiers', causes)
    },
  }
}

/** Two issuers may call different users the same. */
function numbered(auth: AuthInfo, verifier: number): AuthInfo {
  return typeof auth.extra?.issuer === 'string' ? auth : { ...auth, extra: { ...auth.extra, verifier } }
}
