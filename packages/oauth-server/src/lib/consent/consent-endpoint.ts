import { authorizationResponse } from '../authorize/authorization-response.js'
import { readForm } from '../http/form.js'
import { refuseCrossSite } from '../http/refuse-cross-site.js'
import { beginLogin } from '../login/begin-login.js'
import { endStep, readStep, useStep } from '../login/transaction.js'
import type { Server } from '../server.js'

/** Takes the person's decision. What was asked for comes from the store, not from the page. */
export async function consentEndpoint(server: Server, request: Request): Promise<Response> {
  refuseCrossSite(request, server.settings.issuer)
  const form = await readForm(request)
  const handle = form.get('transaction')
  const transaction = await readStep(server, request, handle, 'consent')
  await useStep(server, handle as string)
  const over = await endStep(server, handle as string)
  if (form.get('decision') !== 'approve') {
    const denied = { error: 'access_denied', error_description: 'The person said no' }
    return authorizationResponse(server.settings.issuer, transaction.request, denied, [over])
  }
  return beginLogin(server, transaction.request, [over])
}
