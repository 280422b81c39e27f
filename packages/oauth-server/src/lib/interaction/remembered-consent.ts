import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import type { GrantUser } from '../store/grant.js'

/**
 * Remembers what the person allowed, on the server: this client, as its document was then, at this redirect URI, for these
 * scopes at this resource. Only for https redirect URIs: whatever listens on loopback, or claims a private scheme, could
 * use another application's approval (RFC 8252 section 8.6). Nor where the person has left out `offline_access`: who asks for
 * the other scopes alone gets a refresh token.
 */
export async function rememberConsent(server: Server, request: AuthorizationRequest, user: GrantUser): Promise<void> {
  const { storage, settings } = server
  if (settings.lifetimes.consent === 0 || !request.redirectUri.startsWith('https://') || request.withoutRefresh) return
  const lists = [await server.keys('user_tokens', user.subject)]
  await storage.set(await consentKey(server, request, user), '', { ttl: settings.lifetimes.consent, lists })
}

/**
 * Whether the person need not be asked again. A request that another site sent them on, or a browser that does not
 * tell, always asks: a page elsewhere could otherwise collect codes without anyone noticing.
 */
export async function isConsentRemembered(
  server: Server,
  browserRequest: Request,
  request: AuthorizationRequest,
  user: GrantUser,
): Promise<boolean> {
  const site = browserRequest.headers.get('sec-fetch-site')
  if (site !== 'none' && site !== 'same-origin') return false
  return (await server.storage.get(await consentKey(server, request, user))) !== undefined
}

function consentKey(
  { keys }: Server,
  { clientId, documentHash = '', redirectUri, scopes, resource }: AuthorizationRequest,
  { subject }: GrantUser,
): string | Promise<string> {
  return keys('consent', JSON.stringify([subject, clientId, documentHash, redirectUri, resource, [...scopes].sort()]))
}
