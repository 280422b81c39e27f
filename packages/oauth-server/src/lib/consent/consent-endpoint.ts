import { authorizationResponse } from '../authorize/authorization-response.js'
import { issueCode } from '../authorize/issue-code.js'
import { wantsLogin } from '../authorize/prompt.js'
import { readForm } from '../http/form.js'
import { refuseCrossSite } from '../http/refuse-cross-site.js'
import { beginLogin } from '../login/begin-login.js'
import { closeStep, endStep, readStep } from '../login/transaction.js'
import type { Server } from '../server.js'
import { readSession } from '../session/session.js'
import { rememberConsent } from './remembered-consent.js'

/** Takes the person's decision. What was asked for comes from the store, not from the page. */
export async function consentEndpoint(server: Server, request: Request): Promise<Response> {
  refuseCrossSite(request, server.settings.issuer)
  const form = await readForm(request)
  const handle = form.get('transaction')
  const transaction = await readStep(server, request, handle, 'consent')
  await closeStep(server, handle as string, transaction)
  const over = await endStep(server, request, handle as string)
  const { request: asked, user } = transaction
  const decision = form.get('decision')
  if (decision !== 'approve' && decision !== 'switch') {
    const denied = { error: 'access_denied', error_description: 'The person said no' }
    return authorizationResponse(server.settings.issuer, asked, denied, [over])
  }
  const client = await server.clients.find(asked.clientId)
  // The page named an account: it answers for that one, or for a new login.
  const session = user && decision === 'approve' ? await readSession(server, request) : undefined
  if (!client || !user || session?.subject !== user.subject) {
    return beginLogin(server, asked, [over], decision === 'switch' || asked.prompt.some(wantsLogin))
  }
  await rememberConsent(server, client, asked, session)
  const code = await issueCode(server, client, asked, session)
  return authorizationResponse(server.settings.issuer, asked, { code }, [over])
}
