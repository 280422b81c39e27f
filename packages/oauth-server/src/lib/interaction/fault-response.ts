import type { Context } from '@mcp-gateway/core'
import { html } from '@mcp-gateway/core/internal'
import { authorizationResponse, responseUrl } from '../authorization/authorization-response.js'
import type { AuthorizationFault } from '../authorization/check-authorization.js'
import { isLoopbackRedirectUri } from '../client-metadata/redirect-uri.js'
import { pageResponse } from '../pages/page.js'
import type { Server } from '../server/server.js'
import { displayHost } from './display-host.js'

/**
 * Answers an authorization request that fails before any person acted. Clients that the operator configured get the
 * error redirect of RFC 6749 section 4.1.2.1. Anybody can register a client or publish one, and a redirect to it would
 * make this server an open redirector for whoever writes the link (RFC 9700 section 4.11.2): the person reads what is
 * wrong and where the link leads, and the client hears of it when they follow it.
 */
export function answerFault(
  server: Server,
  { client, target, outcome }: AuthorizationFault,
  { requestId }: Context,
): Response | Promise<Response> {
  const { issuer, pages } = server.settings
  if (client.source === 'configured') return authorizationResponse(issuer, target, outcome)
  const { redirectUri } = target
  const isHere = isLoopbackRedirectUri(redirectUri)
  const place = isHere ? 'this computer' : displayHost(redirectUri)
  return pageResponse(pages, {
    status: 400,
    ...(requestId !== undefined && { requestId }),
    title: 'This did not work',
    body: html`<h1>This did not work</h1>
<p>An application asked for something that this server cannot do. Nobody was let in.</p>
<dl>
<dt>Error</dt><dd><code>${outcome.error}</code></dd>
<dt>Reason</dt><dd>${outcome.error_description}</dd>
<dt>Sends you back to</dt><dd>${place}</dd>
</dl>
<p class="warning">This server does not know who runs that application. Go back only if you just came from it; otherwise close this page.</p>
<p><a href="${responseUrl(issuer, target, outcome)}" rel="noreferrer">Go back to ${isHere ? 'the application' : place}</a></p>`,
  })
}
