import { formTarget } from '../consent/form-target.js'
import { parameters, readForm } from '../http/form.js'
import { Refusal } from '../http/refusal.js'
import { refuseCrossSite } from '../http/refuse-cross-site.js'
import { html } from '../pages/html.js'
import { pageResponse } from '../pages/page.js'
import type { Server } from '../server.js'
import { callbackUrl } from './begin-login.js'
import { completeLogin } from './complete-login.js'
import { closeStep, readStep, type Transaction } from './transaction.js'

/** The login form of a provider that has one: GET shows it, POST takes it. */
export async function loginEndpoint(server: Server, request: Request): Promise<Response> {
  if (request.method === 'GET') {
    const handle = parameters(new URL(request.url).searchParams).get('state')
    const transaction = await readStep(server, request, handle, 'login')
    return loginPage(server, handle as string, transaction)
  }
  refuseCrossSite(request, server.settings.issuer)
  const form = await readForm(request)
  const handle = form.get('state')
  const transaction = await readStep(server, request, handle, 'login')
  const answer = new URLSearchParams()
  for (const { name } of await fields(server, handle as string)) answer.set(name, form.get(name) ?? '')
  return completeLogin(server, {
    request,
    handle: handle as string,
    transaction,
    parameters: answer,
    close: () => closeStep(server, handle as string, transaction),
    again: (message) => loginPage(server, handle as string, transaction, message),
  })
}

async function loginPage(
  server: Server,
  handle: string,
  transaction: Transaction,
  message?: string,
): Promise<Response> {
  const start = await begin(server, handle)
  return pageResponse(server.settings.pages, {
    title: 'Sign in',
    status: message ? 400 : 200,
    formTargets: [formTarget(transaction.request.redirectUri)],
    body: html`<h1>Sign in</h1>
${message ? html`<p class="warning" role="alert" id="message">${message}</p>` : html``}
<form method="post" action="${server.settings.path}/login">
<input type="hidden" name="state" value="${handle}">
${start.form.map(
  (field, index) => html`<label for="${field.name}">${field.label}</label>
<input type="text" id="${field.name}" name="${field.name}" autocomplete="${field.autocomplete ?? 'off'}" autocapitalize="none" spellcheck="false" required${index === 0 ? html` autofocus` : html``}${message ? html` aria-describedby="message"` : html``}>`,
)}
${start.note ? html`<p class="note">${start.note}</p>` : html``}
<div class="actions"><button type="submit" class="primary">${start.submit}</button></div>
</form>`,
  })
}

async function begin(server: Server, handle: string) {
  const start = await server.identityProvider.begin({ callbackUrl: callbackUrl(server), state: handle, fresh: false })
  if (!('form' in start)) throw new Refusal(404, 'invalid_request', 'This server has no login form of its own.')
  return start
}

async function fields(server: Server, handle: string) {
  return (await begin(server, handle)).form
}
