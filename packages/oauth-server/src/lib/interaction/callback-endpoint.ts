import type { Context } from '@mcp-gateway/core'
import { Refusal } from '@mcp-gateway/core/internal'
import { readForm } from '../http/form.js'
import { refusalPage } from '../pages/refusal-page.js'
import type { Server } from '../server/server.js'
import { callbackUrl } from './begin-login.js'
import { completeLogin } from './complete-login.js'
import { readLogin, useLogin } from './transaction.js'

/** Where an identity provider sends the browser back to. */
export async function callbackEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  if (request.method === 'POST') return toQuery(server, request)
  const { searchParams } = new URL(request.url)
  const handle = searchParams.get('state') ?? undefined
  const transaction = await readLogin(server, request, handle)
  if (transaction.form)
    throw new Refusal(403, 'access_denied', 'The sign-in is a form, and this is not how to answer it.')
  // The provider's answer is good once
  await useLogin(server, handle as string)
  return completeLogin(server, {
    request,
    context,
    handle: handle as string,
    transaction,
    parameters: searchParams,
    again: (message) =>
      refusalPage(server.settings.pages, context, {
        status: 400,
        title: 'The sign-in did not work',
        explanation: message,
      }),
  })
}

/** What an answer of a provider consists of; whatever else is posted is dropped. */
const answerParameters = ['code', 'state', 'iss', 'error', 'error_description']

/**
 * Takes an answer that the provider's page posted (OAuth 2.0 Form Post Response Mode). A form that another site posts comes
 * without our cookies, so nothing is decided here: the browser comes again with GET, and brings them.
 */
async function toQuery(server: Server, request: Request): Promise<Response> {
  const form = await readForm(request)
  const answer = new URLSearchParams()
  for (const name of answerParameters) for (const value of form.all(name)) answer.append(name, value)
  const headers = {
    Location: `${callbackUrl(server)}?${answer}`,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
  }
  return new Response(null, { status: 303, headers })
}
