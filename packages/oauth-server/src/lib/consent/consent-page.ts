import type { AuthorizationRequest } from '../authorize/authorization-request.js'
import { isLoopbackRedirectUri } from '../authorize/redirect-uri.js'
import type { Client } from '../clients/client.js'
import type { GrantUser } from '../grants/grant.js'
import { html } from '../pages/html.js'
import { pageResponse } from '../pages/page.js'
import type { Server } from '../server.js'
import { formTarget } from './form-target.js'

/** What the page asks about. */
export interface ConsentQuestion {
  readonly client: Client
  readonly request: AuthorizationRequest
  /** Who is signed in at this browser, if anyone. */
  readonly user: GrantUser | undefined
  readonly handle: string
  readonly cookie: string
}

/** Asks the person whether the client may act for them: who asks, for what, and where the answer goes. */
export function consentPage(
  server: Server,
  { client, request, user, handle, cookie }: ConsentQuestion,
): Promise<Response> {
  const { settings, identityProvider } = server
  const name = client.metadata.client_name ?? 'An application without a name'
  const local = isLoopbackRedirectUri(request.redirectUri)
  const host = local ? 'this computer' : displayHost(request.redirectUri)
  const scopes = request.scopes.map((scope) => settings.scopes.get(scope) ?? scopeTexts[scope] ?? scope)
  return pageResponse({
    title: `Allow ${name}?`,
    cookies: [cookie],
    formTargets: [formTarget(request.redirectUri)],
    body: html`<h1>Allow ${name} to connect?</h1>
<p><strong>${name}</strong> asks to use <strong>${request.resource}</strong> in your name.</p>
<h2>It will be able to</h2>
<ul>${scopes.map((text) => html`<li>${text}</li>`)}</ul>
<dl>
<dt>Sends you back to</dt><dd>${host}</dd>
${user ? html`<dt>Your account</dt><dd>${accountName(user)}</dd>` : html`<dt>Sign in with</dt><dd>${identityProvider.title}</dd>`}
</dl>
${
  client.source === 'configured'
    ? html``
    : local
      ? html`<p class="warning">The name was not verified. Any program on this computer can use it: allow this only if you just started the connection yourself.</p>`
      : html`<p class="warning">The name was not verified. Allow this only if you trust ${host} and just started the connection yourself.</p>`
}
<form method="post" action="${settings.path}/consent">
<input type="hidden" name="transaction" value="${handle}">
<div class="actions">
<button type="submit" name="decision" value="approve" class="primary">Allow</button>
<button type="submit" name="decision" value="deny">Cancel</button>
</div>
${user ? html`<p class="other"><button type="submit" name="decision" value="switch" class="link">Use another account</button></p>` : html``}
</form>`,
  })
}

/** What a person knows their account by. */
function accountName({ name, username, email, subject }: GrantUser): string {
  return username ?? email ?? name ?? subject
}

const scopeTexts: Record<string, string> = { offline_access: 'Stay connected while you are away' }

function displayHost(uri: string): string {
  const host = /^https?:\/\/([^/?#]+)/.exec(uri)?.[1]
  return host ?? `an application on this device (${uri})`
}
