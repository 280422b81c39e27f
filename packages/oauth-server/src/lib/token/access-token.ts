import { randomToken } from '../crypto/random-token.js'
import type { Grant } from '../grants/grant.js'
import type { Server } from '../server.js'

/**
 * Signs an access token (RFC 9068 section 2.2) for the grant's resource. `grant_id` is a claim of our own: what it names
 * can be revoked, and the token with it.
 */
export function accessToken(
  { settings, signingKeys, clock }: Server,
  grantId: string,
  grant: Grant,
  scopes: readonly string[],
): Promise<string> {
  const { subject, username, name, email, roles, groups } = grant.user
  const now = clock()
  return signingKeys.sign(
    {
      iss: settings.issuer,
      sub: subject,
      aud: grant.resource,
      client_id: grant.clientId,
      scope: scopes.join(' '),
      iat: now,
      exp: now + settings.lifetimes.accessToken,
      jti: randomToken(16),
      grant_id: grantId,
      ...(username !== undefined && { preferred_username: username }),
      ...(name !== undefined && { name }),
      ...(email !== undefined && { email }),
      ...(roles !== undefined && { roles }),
      ...(groups !== undefined && { groups }),
    },
    { typ: 'at+jwt' },
  )
}
