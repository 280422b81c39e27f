import type { Context } from '@mcp-gateway/core'
import { html, Refusal } from '@mcp-gateway/core/internal'
import { authorizationResponse } from '../authorization/authorization-response.js'
import { parameters, readForm } from '../http/form.js'
import { refuseCrossSite } from '../http/refuse-cross-site.js'
import { pageResponse } from '../pages/page.js'
import type { LoginForm } from '../server/identity-provider.js'
import type { Server } from '../server/server.js'
import { endStepCookie } from '../session/step-cookie.js'
import { completeLogin } from './complete-login.js'
import { countGuess } from './count-guess.js'
import { clientWords, wayIn } from './page-words.js'
import { closeLogin, readLogin, type Transaction } from './transaction.js'

/** The login form of a provider that has one: GET shows it, POST takes it. */
export async function loginEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  if (request.method === 'GET') {
    const handle = parameters(new URL(request.url).searchParams).get('state')
    const { transaction, form } = await readFormStep(server, request, handle)
    return loginPage(server, context, { handle: handle as string, transaction, form })
  }
  refuseCrossSite(request, server.settings.issuer)
  const fields = await readForm(request)
  const handle = fields.get('state')
  const { transaction, form } = await readFormStep(server, request, handle)
  if (fields.get('decision') === 'deny') return leave(server, request, handle as string, transaction)
  const answer = new URLSearchParams()
  for (const { name } of form.form) answer.set(name, fields.get(name) ?? '')
  const wasRight = await countGuess(server, context, { handle: handle as string, form: form.form, answer })
  return completeLogin(server, {
    request,
    context,
    handle: handle as string,
    transaction,
    parameters: answer,
    signedIn: wasRight,
    close: () => closeLogin(server, handle as string, transaction),
    again: (message) => loginPage(server, context, { handle: handle as string, transaction, form, message }),
  })
}

async function readFormStep(
  server: Server,
  request: Request,
  handle: string | undefined,
): Promise<{ transaction: Transaction; form: LoginForm }> {
  const transaction = await readLogin(server, request, handle)
  if (!transaction.form) throw new Refusal(403, 'access_denied', 'The sign-in is not a form on this server.')
  return { transaction, form: transaction.form }
}

/** The way back to the client, for somebody who does not want to sign in. */
async function leave(server: Server, request: Request, handle: string, transaction: Transaction): Promise<Response> {
  const { settings } = server
  const over = await endStepCookie(server, request, handle)
  const denied = { error: 'access_denied', error_description: 'The person did not sign in' }
  await closeLogin(server, handle, transaction)
  return authorizationResponse(settings.issuer, transaction.request, denied, [over])
}

interface LoginStep {
  readonly handle: string
  readonly transaction: Transaction
  readonly form: LoginForm
  readonly message?: string
}

async function loginPage(
  server: Server,
  context: Context,
  { handle, transaction, form: { form, submit, note }, message }: LoginStep,
): Promise<Response> {
  const { clientId, redirectUri, resource } = transaction.request
  const { shown } = clientWords(await server.clients.find(clientId, context), redirectUri)
  return pageResponse(server.settings.pages, {
    title: `Sign in to ${server.resources.nameOf(resource)}`,
    status: message ? 400 : 200,
    body: html`${wayIn(server, resource, (name) => html`Sign in to ${name}, to connect ${shown}`)}
${message ? html`<p class="warning" role="alert" id="message">${message}</p>` : html``}
<form method="post" action="${server.settings.path}/login">
<input type="hidden" name="state" value="${handle}">
${form.map(
  (field, index) => html`<label for="${field.name}">${field.label}</label>
<input type="${field.type ?? 'text'}" id="${field.name}" name="${field.name}" autocomplete="${field.autocomplete ?? (field.type === 'password' ? 'current-password' : 'off')}" autocapitalize="none" spellcheck="false" required${index === 0 ? html` autofocus` : html``}${message ? html` aria-describedby="message"` : html``}>`,
)}
${note ? html`<p class="note">${note}</p>` : html``}
<div class="actions">
<button type="submit" class="primary">${submit}</button>
<button type="submit" name="decision" value="deny" formnovalidate>Cancel</button>
</div>
</form>`,
  })
}
