import { authorizationResponse } from '../authorize/authorization-response.js'
import { issueCode } from '../authorize/issue-code.js'
import type { Server } from '../server.js'
import { callbackUrl } from './begin-login.js'
import { endStep, type Transaction, useStep } from './transaction.js'

/** Asks the provider who it was, and sends the browser back to the client with a code or an error. */
export async function completeLogin(
  server: Server,
  handle: string,
  transaction: Transaction,
  parameters: URLSearchParams,
  again: (message: string) => Promise<Response>,
): Promise<Response> {
  const { identityProvider, settings, logger } = server
  const answer = { parameters, memo: transaction.memo, callbackUrl: callbackUrl(server), state: handle }
  const result = await identityProvider.complete(answer)
  if ('again' in result) return again(result.again)
  await useStep(server, handle)
  const cookies = [await endStep(server, handle)]
  if ('refused' in result) {
    logger?.warn({ provider: identityProvider.name, reason: result.reason }, 'Login refused')
    const outcome = { error: result.refused, error_description: 'The sign-in was refused' }
    return authorizationResponse(settings.issuer, transaction.request, outcome, cookies)
  }
  const { id, ...profile } = result.user
  const code = await issueCode(server, transaction.request, { ...profile, subject: `${identityProvider.name}|${id}` })
  return authorizationResponse(settings.issuer, transaction.request, { code }, cookies)
}
