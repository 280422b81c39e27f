import type { Client } from '../clients/client.js'
import { consentPage } from '../consent/consent-page.js'
import { isConsentRemembered } from '../consent/remembered-consent.js'
import { type Parameters, parameters, readForm } from '../http/form.js'
import { Refusal } from '../http/refusal.js'
import { newStep, saveStep } from '../login/transaction.js'
import type { Server } from '../server.js'
import { readSession } from '../session/session.js'
import type { AuthorizationRequest } from './authorization-request.js'
import { authorizationResponse } from './authorization-response.js'
import { issueCode } from './issue-code.js'
import { wantsLogin } from './prompt.js'
import { readAuthorizationRequest } from './read-authorization-request.js'
import { isRegisteredRedirectUri } from './redirect-uri.js'

/** The authorization endpoint (RFC 6749 section 3.1): checks the request and asks the person. */
export async function authorizeEndpoint(server: Server, request: Request): Promise<Response> {
  const query = request.method === 'POST' ? await readForm(request) : parameters(new URL(request.url).searchParams)
  const { client, redirectUri } = await findClient(server, query)
  // A repeated state is not echoed: which of them would it be?
  const target = { redirectUri, state: query.repeated.has('state') ? undefined : query.get('state') }
  try {
    const authorization = readAuthorizationRequest(server, client, redirectUri, query)
    return await ask(server, request, client, authorization)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return authorizationResponse(server.settings.issuer, target, {
      error: error.error,
      error_description: error.description,
    })
  }
}

/** Asks the person, unless they allowed exactly this before and nothing suggests to ask again. */
async function ask(
  server: Server,
  request: Request,
  client: Client,
  authorization: AuthorizationRequest,
): Promise<Response> {
  const { prompt } = authorization
  const user = prompt.some(wantsLogin) ? undefined : await readSession(server, request)
  if (
    user &&
    !prompt.includes('consent') &&
    (await isConsentRemembered(server, request, client, authorization, user))
  ) {
    const code = await issueCode(server, client, authorization, user)
    return authorizationResponse(server.settings.issuer, authorization, { code })
  }
  // OpenID Connect Core section 3.1.2.1: no page may be shown
  if (prompt.includes('none')) {
    throw new Refusal(400, user ? 'interaction_required' : 'login_required', 'The person has to be asked')
  }
  const { handle, cookie, browser } = await newStep(server)
  await saveStep(server, handle, { step: 'consent', request: authorization, browser, user })
  return consentPage(server, { client, request: authorization, user, handle, cookie })
}

/** What is wrong here is told to the person, and never at a redirect URI that may be someone else's. */
async function findClient(server: Server, query: Parameters) {
  const clientId = query.get('client_id')
  if (!clientId || query.repeated.has('client_id')) {
    throw new Refusal(400, 'invalid_request', 'The application sent no client_id, or more than one.')
  }
  const client = await server.clients.find(clientId)
  if (!client) {
    throw new Refusal(
      400,
      'invalid_client',
      'This server does not know the application. Its registration may have expired: remove the connection in the application and add it again.',
    )
  }
  const redirectUri = query.get('redirect_uri')
  if (!redirectUri || query.repeated.has('redirect_uri')) {
    throw new Refusal(400, 'invalid_request', 'The application sent no redirect_uri, or more than one.')
  }
  if (!isRegisteredRedirectUri(client.metadata.redirect_uris, redirectUri)) {
    throw new Refusal(
      400,
      'invalid_request',
      'The application asked to be answered at a redirect_uri that it did not register.',
    )
  }
  return { client, redirectUri }
}
