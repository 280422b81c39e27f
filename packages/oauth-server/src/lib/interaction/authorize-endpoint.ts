import type { Context } from '@mcp-gateway/core'
import { authorizationResponse } from '../authorization/authorization-response.js'
import { type CheckedAuthorization, checkAuthorization } from '../authorization/check-authorization.js'
import { issueCode } from '../authorization/issue-code.js'
import { wantsLogin } from '../authorization/prompt.js'
import { parameters, readForm } from '../http/form.js'
import type { Server } from '../server/server.js'
import { readSession } from '../session/session.js'
import { removeOldSteps } from '../session/step-cookie.js'
import { consentPage } from './consent-page.js'
import { answerFault } from './fault-response.js'
import { isConsentRemembered } from './remembered-consent.js'

/** The authorization endpoint (RFC 6749 section 3.1): checks the request and asks the person. */
export async function authorizeEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  const query = request.method === 'POST' ? await readForm(request) : parameters(new URL(request.url).searchParams)
  const checked = await checkAuthorization(server, query, context)
  return checked.kind === 'checked' ? ask(server, request, checked, context) : answerFault(server, checked, context)
}

/** Asks the person, unless they allowed exactly this before and nothing suggests to ask again. */
async function ask(
  server: Server,
  request: Request,
  { client, authorization, hints }: CheckedAuthorization,
  context: Context,
): Promise<Response> {
  const { issuer } = server.settings
  const { prompt } = authorization
  const user = prompt.some(wantsLogin) ? undefined : await readSession(server, request)
  if (user && !prompt.includes('consent') && (await isConsentRemembered(server, request, authorization, user))) {
    const code = await issueCode(server, { client, request: authorization, user })
    return authorizationResponse(issuer, authorization, { code })
  }
  // OpenID Connect Core section 3.1.2.1: the person may not be asked. To clients that anybody can make it is told in one
  // way whoever is signed in, or it would tell a foreign page who is.
  if (prompt.includes('none')) {
    const error = client.source === 'configured' && !user ? 'login_required' : 'interaction_required'
    const outcome = { error, error_description: 'The person has to be asked' }
    return answerFault(server, { kind: 'faulty', client, target: authorization, outcome }, context)
  }
  return consentPage(server, { client, authorization, hints, user, cookies: await removeOldSteps(server, request) })
}
