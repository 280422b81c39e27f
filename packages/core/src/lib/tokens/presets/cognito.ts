import { checkOptions, filledText, optional, textList } from '../../contract/option-types.js'
import type { IssuerAuthorityOptions } from '../issuer-authority.js'
import type { IssuerOptions } from '../issuer-options.js'
import { presetTypes } from '../issuer-types.js'

/** Which user pool. */
export interface CognitoOptions extends Omit<IssuerOptions, 'issuer' | 'profile'> {
  /** The pool's id, such as `eu-central-1_AbCdEfGhI`. */
  readonly userPoolId: string
  /**
   * The app clients whose tokens are accepted. Cognito's access tokens name no audience unless the client asked for a
   * resource; then, without this option, `aud` is compared as usual. With it, a token for one resource of these clients
   * works at all of them.
   */
  readonly clientIds?: readonly string[]
}

/**
 * Verifies the access tokens of an Amazon Cognito user pool. ID tokens, which carry groups too, are refused.
 *
 * @see https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
 * @example
 * ```ts
 * const authority: Authority = issuerAuthority(cognito({ userPoolId: 'eu-central-1_AbCdEfGhI', clientIds }))
 * ```
 */
export function cognito(options: CognitoOptions): IssuerAuthorityOptions {
  checkOptions('cognito', options, { ...presetTypes, userPoolId: filledText, clientIds: optional(textList) })
  const { userPoolId, clientIds, ...rest } = options
  const region = userPoolId.split('_')[0]
  const issuer = `https://cognito-idp.${region}.amazonaws.com/${userPoolId}`
  return {
    jwksUri: `${issuer}/.well-known/jwks.json`,
    algorithms: ['RS256'],
    ...rest,
    issuer,
    ...(clientIds === undefined ? {} : { audience: clientIds }),
    profile: {
      types: ['', 'jwt'],
      requiredClaims: ['sub', 'client_id', 'jti'],
      audience: clientIds === undefined ? undefined : ({ client_id: clientId }) => clientId,
      accept: ({ token_use: use }) => use === 'access',
      clientId: ({ client_id: clientId }) => clientId,
      groups: (claims) => claims['cognito:groups'],
    },
  }
}
