import { authorizationResponse } from '../authorize/authorization-response.js'
import { issueCode } from '../authorize/issue-code.js'
import { rememberConsent } from '../consent/remembered-consent.js'
import type { Server } from '../server.js'
import { beginSession } from '../session/session.js'
import { callbackUrl } from './begin-login.js'
import { endStep, type Transaction } from './transaction.js'

/** What came back from the login, and to which step. */
export interface LoginReturn {
  readonly request: Request
  readonly handle: string
  readonly transaction: Transaction
  readonly parameters: URLSearchParams
  /** Ends the step, if that is not done yet. */
  readonly close?: () => Promise<void>
  /** Shows the form again. */
  readonly again: (message: string) => Promise<Response>
}

/** Asks the provider who it was, and sends the browser back to the client with a code or an error. */
export async function completeLogin(
  server: Server,
  { request, handle, transaction, parameters, close, again }: LoginReturn,
): Promise<Response> {
  const { identityProvider, settings, logger } = server
  const answer = { parameters, memo: transaction.memo, callbackUrl: callbackUrl(server), state: handle }
  const result = await identityProvider.complete(answer)
  if ('again' in result) return again(result.again)
  await close?.()
  const over = await endStep(server, request, handle)
  const refuse = (error: string, description: string): Response => {
    const outcome = { error, error_description: description }
    return authorizationResponse(settings.issuer, transaction.request, outcome, [over])
  }
  if ('refused' in result) {
    logger?.warn({ provider: identityProvider.name, reason: result.reason }, 'Login refused')
    return refuse(result.refused, 'The sign-in was refused')
  }
  const { id, ...profile } = result.user
  const user = { ...profile, subject: `${identityProvider.name}|${id}` }
  const client = await server.clients.find(transaction.request.clientId)
  if (!client || !(await server.checkUser(user))) return refuse('access_denied', 'The account may not be used here')
  await rememberConsent(server, client, transaction.request, user)
  const code = await issueCode(server, client, transaction.request, user)
  const cookies = [over, ...(await beginSession(server, request, user))]
  return authorizationResponse(settings.issuer, transaction.request, { code }, cookies)
}
