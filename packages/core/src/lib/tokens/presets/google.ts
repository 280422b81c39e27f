import { checkOptions, filledText, optional } from '../../contract/option-types.js'
import type { IssuerOptions } from '../issuer-options.js'
import { presetTypes } from '../issuer-types.js'
import { strings } from '../token-profile.js'

/** Which Google accounts. */
export interface GoogleOptions extends Omit<IssuerOptions, 'issuer' | 'profile'> {
  /** Accepts the accounts of this Google Workspace domain alone. Default: whoever Google signs a token for. */
  readonly hostedDomain?: string
}

/**
 * Verifies the ID tokens that Google signs for an audience of one's own: what service accounts get for the URL of a
 * service, and what calls to Cloud Run carry. The tokens of a web login, whose audience is an OAuth client, are refused.
 *
 * Google's access tokens are opaque and for Google alone; to let users log in with Google, put an authorization server
 * in between that has Google as its identity provider. These tokens have no scopes.
 *
 * @see https://cloud.google.com/docs/authentication/token-types#id
 * @example
 * ```ts
 * const verifier: TokenVerifier = createTokenVerifier({ ...google(), audience: 'https://mcp.example.com/notes/mcp' })
 * ```
 */
export function google(options: GoogleOptions = {}): IssuerOptions {
  checkOptions('google', options, { ...presetTypes, hostedDomain: optional(filledText) })
  const { hostedDomain, ...rest } = options
  return {
    jwksUri: 'https://www.googleapis.com/oauth2/v3/certs',
    algorithms: ['RS256'],
    ...rest,
    issuer: 'https://accounts.google.com',
    profile: {
      types: ['jwt'],
      issuers: ['https://accounts.google.com', 'accounts.google.com'],
      requiredClaims: ['sub', 'azp'],
      accept: ({ aud, hd, nonce }) =>
        nonce === undefined &&
        !strings(aud).some((audience) => audience.endsWith('.apps.googleusercontent.com')) &&
        (hostedDomain === undefined || hd === hostedDomain),
      clientId: ({ azp }) => azp,
      scopes: () => [],
    },
  }
}
