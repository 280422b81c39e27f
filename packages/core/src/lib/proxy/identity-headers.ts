import type { AuthInfo } from '../contract/auth-info.js'
import { claimHeader, claimListHeader, longestClaimHeader } from '../http/claim-header.js'
import { actorOf } from '../tokens/principal.js'

/**
 * Tells an upstream who calls: `X-User-Id` (no client that acts for itself is a user), `X-User-Name`, `X-User-Email`, `X-Roles` (by commas), `X-Scopes` (by
 * spaces), `X-Client-Id`, each as `claimHeader` writes it. What a token does not tell is left out.
 *
 * @returns the headers, or the name of the one that is too long
 */
export function identityHeaders(auth: AuthInfo): [name: string, value: string][] | string {
  const { roles, claims } = auth.extra ?? {}
  const known = (typeof claims === 'object' && claims !== null ? claims : {}) as Record<string, unknown>
  const values: [string, string | undefined][] = [
    ['x-user-id', claimHeader(userOf(auth))],
    ['x-user-name', claimHeader(known.preferred_username ?? known.name)],
    ['x-user-email', claimHeader(known.email)],
    ['x-roles', claimListHeader(roles, ',')],
    ['x-scopes', claimListHeader(auth.scopes, ' ')],
    ['x-client-id', claimHeader(auth.clientId)],
  ]
  const headers: [string, string][] = []
  for (const [name, value] of values) {
    if (value === undefined) continue
    if (value.length > longestClaimHeader) return name
    headers.push([name, value])
  }
  return headers
}

function userOf(auth: AuthInfo): string | undefined {
  const actor = actorOf(auth)
  return actor?.kind === 'user' ? actor.id : undefined
}
