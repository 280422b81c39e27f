import { type Context, GatewayError } from '@mcp-gateway/core'
import { authorizationResponse } from '../authorization/authorization-response.js'
import { checkRedirectUri } from '../authorization/check-authorization.js'
import { issueCode } from '../authorization/issue-code.js'
import type { LoginRefusal, User } from '../server/identity-provider.js'
import type { Server } from '../server/server.js'
import { beginSession } from '../session/session.js'
import { endStepCookie, readStepCookie, removeOldSteps } from '../session/step-cookie.js'
import type { GrantUser } from '../store/grant.js'
import { callbackUrl } from './begin-login.js'
import { consentPage } from './consent-page.js'
import { countAnswer } from './count-answer.js'
import { rememberConsent } from './remembered-consent.js'
import type { Transaction } from './transaction.js'

/** What came back from the login, and to which step. */
export interface LoginReturn {
  readonly request: Request
  readonly context: Context
  readonly handle: string
  readonly transaction: Transaction
  readonly parameters: URLSearchParams
  /** Hears that the provider knows the person. */
  readonly signedIn?: () => Promise<void>
  /** Ends the step, if that is not done yet. */
  readonly close?: () => Promise<void>
  /** Shows the form again. */
  readonly again: (message: string) => Promise<Response>
}

/** Asks the provider who it was, and sends the browser back to the client with a code or an error. */
export async function completeLogin(server: Server, login: LoginReturn): Promise<Response> {
  const { identityProvider } = server
  const { handle, transaction, parameters, signedIn, close, again } = login
  const answer = { parameters, memo: transaction.memo, callbackUrl: callbackUrl(server), state: handle }
  const result = await identityProvider.complete(answer)
  if ('again' in result) {
    const { clientId } = transaction.request
    server.tell(
      { type: 'login_failed', provider: identityProvider.name, clientId, reason: result.again },
      login.context,
    )
    return again(result.again)
  }
  if ('user' in result) await signedIn?.()
  const response = await conclude(server, login, result)
  // Not before the code is stored: what breaks on the way to it can be sent again.
  await close?.()
  return response
}

async function conclude(
  server: Server,
  { request, context, handle, transaction: { request: authorization, form } }: LoginReturn,
  result: { readonly user: User } | LoginRefusal,
): Promise<Response> {
  const { identityProvider, settings } = server
  const { clientId, resource, scopes } = authorization
  const about = { provider: identityProvider.name, clientId, resource }
  const over = await endStepCookie(server, request, handle)
  const refuse = (error: string, description: string, subject?: string, reason = description): Response => {
    server.tell({ type: 'login_failed', ...about, error, reason, ...(subject && { subject }) }, context)
    return authorizationResponse(settings.issuer, authorization, { error, error_description: description }, [over])
  }
  if ('refused' in result) return refuse(result.refused, 'The sign-in was refused', undefined, result.reason)
  const { id, ...profile } = result.user
  const known = { ...profile, subject: `${identityProvider.name}|${id}`, confirmedAt: server.clock() }
  const client = await server.clients.find(authorization.clientId, context)
  const user = await welcome(server, known)
  // The provider's answer is used up, so the person could not repeat this: the client can.
  if (user === 'unknown') {
    return refuse('temporarily_unavailable', 'The account could not be checked; try again', known.subject)
  }
  if (!client || !user) return refuse('access_denied', 'The account may not be used here', known.subject)
  checkRedirectUri(server, client, authorization.redirectUri)
  // A form can be sent again for a moment; each time is a session and a code.
  if (form)
    await countAnswer(server, { id: handle, expiresAt: server.clock() + settings.lifetimes.login }, async () => {})
  const cookies = [over, ...(await beginSession(server, request, user))]
  server.tell({ type: 'login', ...about, subject: user.subject }, context)
  // The person agreed to what the client's document said before they went to sign in.
  if (client.documentHash !== authorization.documentHash) {
    const changed = { ...authorization, documentHash: client.documentHash }
    const lines = [...cookies, ...(await removeOldSteps(server, request, handle))]
    return consentPage(server, { client, authorization: changed, user, cookies: lines })
  }
  await rememberConsent(server, authorization, user)
  server.tell({ type: 'consent', clientId, resource, scopes, subject: user.subject }, context)
  // What came from a provider comes once, and a form may be sent twice.
  const secret = form && (await readStepCookie(server, request, handle))
  const answer = secret ? { secret, id: handle } : undefined
  const code = await issueCode(server, { client, request: authorization, user, answer })
  return authorizationResponse(settings.issuer, authorization, { code }, cookies)
}

async function welcome({ checkUser }: Server, user: GrantUser): Promise<GrantUser | undefined | 'unknown'> {
  try {
    return await checkUser(user)
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'temporarily_unavailable') return 'unknown'
    throw error
  }
}
