import { checkOptions, filledText } from '../../contract/option-types.js'
import type { IssuerOptions } from '../issuer-options.js'
import { presetTypes } from '../issuer-types.js'

/** Which custom authorization server of Okta. */
export interface OktaOptions extends Omit<IssuerOptions, 'profile'> {
  /** Its issuer, such as `https://example.okta.com/oauth2/default`. */
  readonly issuer: string
}

/**
 * Verifies the access tokens of a custom authorization server of Okta. Those of the org authorization server (an issuer
 * without `/oauth2/…`) are for Okta alone. ID tokens are refused.
 *
 * The audience is the one that is set at the authorization server; give that the resource's URL. Users are told apart by
 * `uid`, since `sub` is a login name that may change hands. Groups come where a `groups` claim is set up.
 *
 * @see https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/
 * @example
 * ```ts
 * const verifier: TokenVerifier = createTokenVerifier({
 *   ...okta({ issuer: 'https://example.okta.com/oauth2/default' }),
 *   audience: 'https://mcp.example.com/notes/mcp',
 * })
 * ```
 */
export function okta(options: OktaOptions): IssuerOptions {
  checkOptions('okta', options, { ...presetTypes, issuer: filledText })
  return {
    jwksUri: `${options.issuer}/v1/keys`,
    ...options,
    profile: {
      types: ['', 'jwt', 'at+jwt'],
      requiredClaims: ['sub', 'cid', 'jti'],
      accept: ({ ver, jti }) => ver === 1 && (jti as string).startsWith('AT.'),
      clientId: ({ cid }) => cid,
      // A token without a user's id is one of a client for itself, whose name is the subject.
      subject: ({ uid, sub, cid }) => uid ?? (sub === cid ? sub : undefined),
      scopes: ({ scp }) => scp,
    },
  }
}
