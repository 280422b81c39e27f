import type { AuthInfo } from '../contract/auth-info.js'
import { Refusal } from '../contract/refusal.js'
import { claimHeader, claimListHeader, longestClaimHeader } from '../http/claim-header.js'
import { actorOf } from './principal.js'

/** What an upstream can be told about the caller, each as the value of a header. */
export interface IdentityValues {
  /** The user; no client that acts for itself is one. */
  readonly userId?: string
  /**
   * What the user is called: the first of the claims `preferred_username` (OpenID Connect), `username` (RFC 7662) and
   * `name` that is a text.
   */
  readonly userName?: string
  readonly userEmail?: string
  /** By commas. */
  readonly roles?: string
  /** By spaces. */
  readonly scopes?: string
  readonly clientId?: string
}

/**
 * Reads a verified token for identity headers. `proxy` and forward-auth both use it, so that a server behind both is told
 * the same. Each value is as `claimHeader` writes it; one that is not there is left out, and none is `-`.
 *
 * @throws {Refusal} `claim_too_long` for a value that is too long for a header
 */
export function identityValues(auth: AuthInfo): IdentityValues {
  const { roles, claims } = auth.extra ?? {}
  const known = (typeof claims === 'object' && claims !== null ? claims : {}) as Record<string, unknown>
  const actor = actorOf(auth)
  const values: IdentityValues = {
    userId: actor?.kind === 'user' ? claimHeader(actor.id) : undefined,
    userName: claimHeader(known.preferred_username) ?? claimHeader(known.username) ?? claimHeader(known.name),
    userEmail: claimHeader(known.email),
    roles: claimListHeader(roles, ','),
    scopes: claimListHeader(auth.scopes, ' '),
    clientId: claimHeader(auth.clientId),
  }
  for (const [field, value] of Object.entries(values)) {
    if (value?.length > longestClaimHeader) {
      throw new Refusal(403, 'claim_too_long', `The ${field} of this token is too long to be passed on`)
    }
  }
  return values
}
