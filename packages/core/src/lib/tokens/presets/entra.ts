import { invalidConfiguration } from '../../contract/invalid-configuration.js'
import { checkOptions, filledText, oneOf, optional } from '../../contract/option-types.js'
import type { IssuerAuthorityOptions } from '../issuer-authority.js'
import type { IssuerOptions } from '../issuer-options.js'
import { presetTypes } from '../issuer-types.js'
import { type Claims, strings } from '../token-profile.js'

/** Which tenant and which app registration. */
export interface EntraOptions extends Omit<IssuerOptions, 'issuer' | 'profile'> {
  /** The tenant's id, a GUID. Names and `common` do not do: the issuer in tokens has the id. */
  readonly tenantId: string
  /** The application (client) id of the registration that stands for the MCP server, a GUID. */
  readonly clientId: string
  /** Its application ID URI. Default: `api://` and the client id. */
  readonly applicationIdUri?: string
  /**
   * The version of its access tokens: `requestedAccessTokenVersion` in its manifest, where nothing set means 1. Default 2.
   */
  readonly tokenVersion?: 1 | 2
}

/**
 * Verifies the access tokens that Microsoft Entra ID issues for one app registration of one tenant, to users and to
 * apps. ID tokens for the same registration are refused. Tokens for Microsoft Graph cannot be verified by anybody else.
 *
 * Entra knows no resource URLs: the audience is the registration, so it is part of what this returns. It refuses
 * authorization requests whose `resource` is not the application ID URI of the scopes, and it wants scopes with that URI
 * in front while tokens have them without; here tokens are given both spellings, so that `requiredScopes` can be what
 * clients must ask for. Roles are app roles and, as `wids:<id>`, directory roles. Of users in very many groups Entra
 * lists none.
 *
 * @throws {GatewayError} `invalid_configuration` for a tenant or client that is no GUID
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 * @example
 * ```ts
 * const authority: Authority = issuerAuthority(entra({ tenantId, clientId }))
 * ```
 */
export function entra(
  options: EntraOptions,
): IssuerAuthorityOptions & Required<Pick<IssuerAuthorityOptions, 'audience'>> {
  checkOptions('entra', options, {
    ...presetTypes,
    tenantId: filledText,
    clientId: filledText,
    applicationIdUri: optional(filledText),
    tokenVersion: optional(oneOf(1, 2)),
  })
  const { tenantId, clientId, applicationIdUri = `api://${clientId}`, tokenVersion = 2, ...rest } = options
  for (const [name, value] of Object.entries({ tenantId, clientId })) {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) {
      throw invalidConfiguration(`${name} of entra must be a GUID in lower case, not "${value}"`)
    }
  }
  const login = `https://login.microsoftonline.com/${tenantId}`
  return {
    jwksUri: `${login}/discovery/v2.0/keys`,
    ...rest,
    issuer: tokenVersion === 2 ? `${login}/v2.0` : `https://sts.windows.net/${tenantId}/`,
    audience: [clientId, applicationIdUri],
    profile: {
      types: ['jwt', 'at+jwt'],
      requiredClaims: ['sub', 'oid', 'tid'],
      accept: (claims) => claims.ver === `${tokenVersion}.0` && claims.tid === tenantId && isAccessToken(claims),
      clientId: ({ azp, appid }) => (tokenVersion === 2 ? azp : appid),
      // `sub` differs for each app registration that the same user meets.
      subject: ({ oid }) => oid,
      scopes: ({ scp }) => strings(scp).flatMap((scope) => [scope, `${applicationIdUri}/${scope}`]),
      roles: ({ roles, wids }) => [...strings(roles), ...strings(wids).map((id) => `wids:${id}`)],
    },
  }
}

/** ID tokens have neither scopes nor an authorized party. */
function isAccessToken({ scp, roles, idtyp, nonce }: Claims): boolean {
  return nonce === undefined && (typeof scp === 'string' || Array.isArray(roles) || idtyp === 'app')
}
