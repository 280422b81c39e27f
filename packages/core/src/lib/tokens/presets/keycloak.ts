import { checkOptions, filledText } from '../../contract/option-types.js'
import type { IssuerOptions } from '../issuer-options.js'
import { presetTypes } from '../issuer-types.js'
import { type Claims, strings } from '../token-profile.js'
import { record } from './record.js'

/** Which realm of which Keycloak. */
export interface KeycloakOptions extends Omit<IssuerOptions, 'profile'> {
  /** The realm's issuer, such as `https://login.example.com/realms/main`. */
  readonly issuer: string
}

/**
 * Verifies the access tokens of a Keycloak realm, with the `typ` header `JWT` that it writes unless a client is switched
 * to `at+jwt`. ID, refresh, offline and logout tokens, which the same keys sign or might, are told apart by the `typ`
 * claim.
 *
 * Roles are those of the realm as they are, and those of clients as `client:role`. Keycloak puts a resource into `aud`
 * only where an audience mapper or a client scope says so; without one, every token is refused.
 *
 * @see https://www.keycloak.org/docs/latest/server_admin/#_oidc-token-types and #audience-support
 * @example
 * ```ts
 * const verifier: TokenVerifier = createTokenVerifier({
 *   ...keycloak({ issuer: 'https://login.example.com/realms/main' }),
 *   audience: 'https://mcp.example.com/notes/mcp',
 * })
 * ```
 */
export function keycloak(options: KeycloakOptions): IssuerOptions {
  checkOptions('keycloak', options, { ...presetTypes, issuer: filledText })
  return {
    jwksUri: `${options.issuer}/protocol/openid-connect/certs`,
    ...options,
    profile: {
      types: ['jwt', 'at+jwt'],
      requiredClaims: ['sub', 'jti', 'azp'],
      accept: ({ typ }) => typ === 'Bearer' || typ === 'DPoP',
      clientId: ({ azp }) => azp,
      roles: rolesOf,
    },
  }
}

function rolesOf({ realm_access: realm, resource_access: clients }: Claims): string[] {
  const ofClients = Object.entries(record(clients)).flatMap(([client, access]) =>
    // A role of one client is not the role of that name of another.
    list(record(access).roles).map((role) => `${client}:${role}`),
  )
  return [...list(record(realm).roles), ...ofClients]
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? strings(value) : []
}
