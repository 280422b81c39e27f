import type { Context } from '@mcp-gateway/core'
import { authorizationResponse } from '../authorization/authorization-response.js'
import { checkAuthorization } from '../authorization/check-authorization.js'
import { issueCode } from '../authorization/issue-code.js'
import { loginPrompt } from '../authorization/prompt.js'
import { readForm } from '../http/form.js'
import { refuseCrossSite } from '../http/refuse-cross-site.js'
import type { Server } from '../server/server.js'
import { readSession } from '../session/session.js'
import { endStepCookie, removeOldSteps } from '../session/step-cookie.js'
import { beginLogin } from './begin-login.js'
import { chosen } from './choices.js'
import { consentPage } from './consent-page.js'
import { closeQuestion, isUnchanged, readQuestion } from './consent-request.js'
import { countAnswer } from './count-answer.js'
import { rememberConsent } from './remembered-consent.js'

/** Takes the person's decision about the request that the page was made for, which is checked as if it had just arrived. */
export async function consentEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  refuseCrossSite(request, server.settings.issuer)
  const form = await readForm(request)
  const question = await readQuestion(server, request, form.get('transaction'))
  const checked = await checkAuthorization(server, question.parameters, context)
  const { issuer } = server.settings
  // The person answered a page that named this client, so it may hear that something changed meanwhile.
  if (checked.kind !== 'checked') return authorizationResponse(issuer, checked.target, checked.outcome)
  const { client, authorization, hints } = checked
  const over = await endStepCookie(server, request, question.id)
  const oldSteps = (): Promise<string[]> => removeOldSteps(server, request, question.id)
  const decision = form.get('decision')
  const agrees = decision === 'approve' || decision === 'switch'
  // The page named an account: it answers for that one, or for a new login.
  const session = question.subject && decision === 'approve' ? await readSession(server, request) : undefined
  const user = session?.subject === question.subject ? session : undefined
  // Whoever agreed to what was shown did not agree to this.
  if (agrees && !(await isUnchanged(question, client, authorization))) {
    return consentPage(server, { client, authorization, hints, user, cookies: [over, ...(await oldSteps())] })
  }
  await countAnswer(server, question, async () => {
    // Whoever is signed in is no stranger, and strangers must not be able to lock them out.
    if (!user) await server.limits.logins(context)
  })
  const agreed = chosen(server, { ...authorization, ...(question.withoutRefresh && { withoutRefresh: true }) }, form)
  const { clientId, resource } = authorization
  const about = { clientId, resource, scopes: agreed.scopes, ...(user && { subject: user.subject }) }
  const answer = async (): Promise<Response> => {
    if (!agrees) {
      server.tell({ type: 'denial', ...about, error: 'access_denied' }, context)
      const denied = { error: 'access_denied', error_description: 'The person said no' }
      return authorizationResponse(issuer, authorization, denied, [over])
    }
    if (!user) {
      // Who wants another account does not want the one of the hint
      const { uiLocales } = hints
      const asked =
        decision === 'switch'
          ? { prompt: 'select_account' as const, uiLocales }
          : { ...hints, prompt: loginPrompt(authorization.prompt) }
      return beginLogin(server, agreed, [over, ...(await oldSteps())], asked)
    }
    await rememberConsent(server, agreed, user)
    server.tell({ type: 'consent', ...about }, context)
    const code = await issueCode(server, { client, request: agreed, user, answer: question })
    return authorizationResponse(issuer, authorization, { code }, [over])
  }
  const response = await answer()
  // Not before the next step is stored: what breaks on the way to it can be sent again.
  await closeQuestion(server, question)
  return response
}
