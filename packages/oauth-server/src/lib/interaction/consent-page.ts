import { displayText, foreign, type Html, html, longestName, rawHtml } from '@mcp-gateway/core/internal'
import type { LoginHints } from '../authorization/login-hints.js'
import { isLoopbackRedirectUri } from '../client-metadata/redirect-uri.js'
import { pageResponse } from '../pages/page.js'
import type { ConsentPageContent } from '../server/page-options.js'
import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import type { Client } from '../store/client.js'
import type { GrantUser } from '../store/grant.js'
import { choices, optionalScopes, scopeText } from './choices.js'
import { newQuestion } from './consent-request.js'
import { displayHost } from './display-host.js'
import { type ClientWords, clientWords, wayIn } from './page-words.js'

/** What the page asks about. */
export interface ConsentSubject {
  readonly client: Client
  readonly authorization: AuthorizationRequest
  /** For the login, if there is one after this page. */
  readonly hints?: LoginHints
  /** Who is signed in at this browser, if anyone. */
  readonly user: GrantUser | undefined
  /** What else to set beside the cookie of the page. */
  readonly cookies?: readonly string[]
}

/** Asks the person whether the client may act for them: who asks, for what, and where the answer goes. */
export async function consentPage(server: Server, asked: ConsentSubject): Promise<Response> {
  const { settings, identityProvider } = server
  const { client, authorization: request, user, cookies = [] } = asked
  const { handle, cookie } = await newQuestion(server, { client, request, hints: asked.hints, subject: user?.subject })
  const form = decisionForm(settings.path, handle, user, choices(server, request))
  const redirectHost = isLoopbackRedirectUri(request.redirectUri) ? undefined : displayHost(request.redirectUri)
  const optional = new Set(optionalScopes(server, request))
  const words = clientWords(client, request.redirectUri)
  const content: ConsentPageContent = {
    clientName: words.name,
    clientId: client.clientId,
    ...(client.source === 'document' && { publishedAt: new URL(client.clientId).host }),
    trusted: client.source === 'configured',
    resource: request.resource,
    resourceName: server.resources.nameOf(request.resource),
    scopes: request.scopes.filter((scope) => !optional.has(scope)).map((scope) => scopeText(server, scope)),
    ...(redirectHost !== undefined && { redirectHost }),
    ...(user && { account: accountName(user) }),
    providerTitle: identityProvider.title,
    form: form.html,
  }
  const { consent } = settings.pages
  return pageResponse(settings.pages, {
    title: user ? `Connect to ${content.resourceName}` : `Sign in to ${content.resourceName}`,
    foot: takeBack(server),
    cookies: [...cookies, cookie],
    body: consent
      ? rawHtml(consent(content))
      : ourPage(
          content,
          form,
          words,
          wayIn(server, request.resource, (name) => heading(name, words, user)),
        ),
  })
}

/** The first of the names that shows anything. */
function accountName({ username, email, name, subject }: GrantUser): string {
  const shown = [username, email, name].map((text) => displayText(text ?? '', longestName))
  return shown.find((text) => text !== '') ?? displayText(subject, longestName)
}

/** One who is known has nothing to sign in to. */
function heading(resourceName: string, { shown }: ClientWords, user: GrantUser | undefined): Html {
  return user ? html`Connect ${shown} to ${resourceName}` : html`Sign in to ${resourceName}, to connect ${shown}`
}

/** Where what is allowed here can be taken back. */
function takeBack({ settings }: Server): Html {
  const { revokeUrl, name, contact } = settings.pages
  const where = new URL(settings.issuer).host
  const who = name ?? `whoever runs ${where}`
  if (revokeUrl !== undefined) {
    return html`<p>You can take this back at any time, on <a href="${revokeUrl}">the page of what you allowed</a>.</p>`
  }
  return html`<p>To take this back later, ask ${contact === undefined ? who : html`<a href="${contact}">${who}</a>`}.</p>`
}

function ourPage(content: ConsentPageContent, form: Html, { named }: ClientWords, top: Html): Html {
  const { scopes, publishedAt, redirectHost, account, providerTitle } = content
  return html`${top}
${
  scopes.length === 0
    ? html``
    : html`<h2>It will be able to</h2>
<ul>${scopes.map((text) => html`<li>${text}</li>`)}</ul>`
}
<dl>
${publishedAt === undefined ? html`` : html`<dt>Published by</dt><dd>${publishedAt}</dd>`}
<dt>Sends you back to</dt><dd>${redirectHost ?? 'this computer'}</dd>
${account === undefined ? html`<dt>Sign in with</dt><dd>${providerTitle}</dd>` : html`<dt>Your account</dt><dd>${foreign(account)}</dd>`}
</dl>
${warning(content, named)}
${form}`
}

function warning({ trusted, redirectHost, publishedAt }: ConsentPageContent, named: boolean): Html {
  if (trusted) return html``
  const unverified = named ? 'The name was not verified.' : 'It gave no name.'
  const name = publishedAt === undefined ? unverified : `Only ${publishedAt} vouches for the name.`
  return redirectHost === undefined
    ? html`<p class="warning">${name} Any program on this computer can use it: allow this only if you just started the connection yourself.</p>`
    : html`<p class="warning">${name} Allow this only if you trust ${redirectHost} and just started the connection yourself.</p>`
}

function decisionForm(path: string, handle: string, user: GrantUser | undefined, boxes: Html): Html {
  return html`<form method="post" action="${path}/consent">
<input type="hidden" name="transaction" value="${handle}">
${boxes}<div class="actions">
<button type="submit" name="decision" value="approve" class="primary">Allow</button>
<button type="submit" name="decision" value="deny">Cancel</button>
</div>
${user ? html`<p class="other"><button type="submit" name="decision" value="switch" class="link">Use another account</button></p>` : html``}
</form>`
}
