import { authorizationResponse } from '../authorization/authorization-response.js'
import type { LoginHints } from '../authorization/login-hints.js'
import type { LoginPrompt } from '../server/identity-provider.js'
import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import { newLogin, saveLogin } from './transaction.js'

/** Sends the browser to the login, after the person approved the client and not before. */
export async function beginLogin(
  server: Server,
  request: AuthorizationRequest,
  cookies: readonly string[],
  { prompt, loginHint, uiLocales }: LoginHints & { readonly prompt?: LoginPrompt },
): Promise<Response> {
  const { settings, identityProvider } = server
  const { handle, cookie, browser } = await newLogin(server)
  const start = await identityProvider.begin({
    callbackUrl: callbackUrl(server),
    state: handle,
    fresh: prompt !== undefined,
    ...(prompt !== undefined && { prompt }),
    ...(loginHint !== undefined && { loginHint }),
    ...(uiLocales !== undefined && { uiLocales }),
  })
  if ('refused' in start) {
    const { clientId, resource } = request
    const about = { provider: identityProvider.name, clientId, resource, error: start.refused }
    server.tell({ type: 'login_failed', ...about, reason: start.reason })
    const outcome = { error: start.refused, error_description: 'The sign-in could not begin' }
    return authorizationResponse(settings.issuer, request, outcome, cookies)
  }
  const kept = 'redirect' in start ? { memo: start.memo } : { form: start }
  await saveLogin(server, handle, { request, browser, ...kept })
  const location = 'redirect' in start ? start.redirect : `${settings.issuer}/login?state=${handle}`
  const headers = new Headers({ Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' })
  for (const each of [...cookies, cookie]) headers.append('Set-Cookie', each)
  return new Response(null, { status: 303, headers })
}

/** One path per provider, so that an answer can only be for the provider it was asked from (RFC 9700 section 4.4.2). */
export function callbackUrl({ settings, identityProvider }: Server): string {
  return `${settings.issuer}/callback/${identityProvider.name}`
}
