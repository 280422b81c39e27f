import type { Context } from '@mcp-gateway/core'
import { Refusal } from '@mcp-gateway/core/internal'
import { refusalPage } from '../pages/refusal-page.js'
import type { Server } from '../server/server.js'
import { completeLogin } from './complete-login.js'
import { readLogin, useLogin } from './transaction.js'

/** Where an identity provider sends the browser back to. */
export async function callbackEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
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
    again: (message) => refusalPage(server.settings.pages, 400, 'The sign-in did not work', message),
  })
}
