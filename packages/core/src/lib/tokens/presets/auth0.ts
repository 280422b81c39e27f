import { checkOptions, filledText, optional } from '../../contract/option-types.js'
import type { IssuerOptions } from '../issuer-options.js'
import { presetTypes } from '../issuer-types.js'

/** Which tenant of Auth0. */
export interface Auth0Options extends Omit<IssuerOptions, 'issuer' | 'profile'> {
  /** The tenant's domain or custom domain, such as `example.eu.auth0.com`. */
  readonly domain: string
  /** The claim in which an Action of yours puts roles; its name is a URL. Auth0 has none of its own. */
  readonly rolesClaim?: string
}

/**
 * Verifies the access tokens of an Auth0 tenant, in both of its token profiles: its own (`typ` `JWT`, no `jti`) and
 * RFC 9068. The audience is the identifier of the API that stands for the MCP server; give that the resource's URL.
 *
 * Scopes are those that the client was given; the user's `permissions` are in `extra.claims` and grant nothing here.
 *
 * @see https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
 * @example
 * ```ts
 * const verifier: TokenVerifier = createTokenVerifier({ ...auth0({ domain: 'example.eu.auth0.com' }), audience: resource })
 * ```
 */
export function auth0(options: Auth0Options): IssuerOptions {
  checkOptions('auth0', options, { ...presetTypes, domain: filledText, rolesClaim: optional(filledText) })
  const { domain, rolesClaim = 'roles', ...rest } = options
  return {
    jwksUri: `https://${domain}/.well-known/jwks.json`,
    ...rest,
    // With the slash, as in its tokens.
    issuer: `https://${domain}/`,
    profile: {
      types: ['jwt', 'at+jwt'],
      requiredClaims: ['sub'],
      accept: ({ nonce, at_hash: accessTokenHash, c_hash: codeHash }) =>
        nonce === undefined && accessTokenHash === undefined && codeHash === undefined,
      clientId: ({ azp, client_id: clientId }) => clientId ?? azp,
      roles: (claims) => claims[rolesClaim],
    },
  }
}
