import { OAuthClientError } from '@mcp-gateway/core/oauth-client'
import type { LoginRefusal } from '../server/identity-provider.js'

/** What the client is told when the provider's side of a login failed (RFC 6749 section 4.1.2.1). */
export function loginFailure(error: unknown): LoginRefusal {
  if (!(error instanceof OAuthClientError)) throw error
  const known = error.error === 'access_denied' || error.error === 'temporarily_unavailable'
  return { refused: known ? (error.error as 'access_denied') : 'server_error', reason: error.message }
}
