import { randomToken } from '@mcp-gateway/core/internal'
import type { JWTPayload } from 'jose'
import type { Server } from '../server/server.js'
import type { Grant } from '../store/grant.js'

/**
 * Issues an access token for the grant's resource: a JWT (RFC 9068 section 2.2), or, where the server is set to opaque
 * tokens, a reference to the same claims in the store.
 */
export async function issueAccessToken(
  server: Server,
  grantId: string,
  grant: Grant,
  scopes: readonly string[],
): Promise<string> {
  const { settings, signingKeys, storage, keys } = server
  const claims = accessTokenClaims(server, grantId, grant, scopes)
  if (settings.accessTokens === 'jwt') return signingKeys.sign(claims, { typ: 'at+jwt' })
  const token = `at.${randomToken()}`
  const ttl = settings.lifetimes.accessToken
  await storage.set(await keys('token', token), JSON.stringify(claims), { ttl })
  return token
}

/** `grant_id` is a claim of our own: what it names can be revoked, and the token with it. */
function accessTokenClaims(
  { settings, clock }: Server,
  grantId: string,
  grant: Grant,
  scopes: readonly string[],
): JWTPayload {
  const { subject, username, name, email, roles, groups } = grant.user
  const now = clock()
  return {
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
    // RFC 9068 section 2.2.3.1
    ...(roles !== undefined && { roles }),
    ...(groups !== undefined && { groups }),
  }
}
