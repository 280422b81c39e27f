import { type AuthInfo, GatewayError, type TokenVerifier } from '@mcp-gateway/core'
import type { Server } from '../server/server.js'
import { readAccessToken } from './read-access-token.js'

/** Verifies opaque access tokens by looking them up: two reads of the store, the second kept for the revocation delay. */
export function createOpaqueTokenVerifier(
  server: Server,
  resource: string,
  isRevoked: (auth: AuthInfo) => Promise<boolean>,
): TokenVerifier {
  return {
    async verifyAccessToken(token) {
      // A token for another resource is as good as none (RFC 8707 section 2.2).
      const claims = token.startsWith('at.') ? await readAccessToken(server, token) : undefined
      if (claims?.aud !== resource) throw invalid()
      const { sub, client_id, scope, exp, roles, groups } = claims
      const auth: AuthInfo = {
        token,
        clientId: client_id,
        scopes: scope.split(' ').filter(Boolean),
        expiresAt: exp,
        resource: new URL(resource),
        extra: { issuer: server.settings.issuer, subject: sub, roles: roles ?? [], groups: groups ?? [], claims },
      }
      if (await isRevoked(auth)) throw invalid()
      return auth
    },
  }
}

function invalid(): GatewayError {
  return new GatewayError('invalid_token', 'The access token is unknown, revoked, too old, or for another resource')
}
