import type { Context } from '@mcp-gateway/core'
import { isRefusal, Refusal } from '@mcp-gateway/core/internal'
import { authenticateClient } from '../client-authentication/authenticate-client.js'
import { type Parameters, readForm, refuseRepeated } from '../http/form.js'
import { jsonResponse } from '../http/json-response.js'
import { refuseCredentialsInQuery } from '../http/refuse-credentials-in-query.js'
import type { Server } from '../server/server.js'
import { authorizationCodeGrant } from './authorization-code-grant.js'
import { refreshTokenGrant } from './refresh-token-grant.js'

const grants = { authorization_code: authorizationCodeGrant, refresh_token: refreshTokenGrant }

/** The token endpoint (RFC 6749 section 3.2). */
export async function tokenEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  refuseCredentialsInQuery(request)
  const form = await readForm(request)
  return telling(server, context, form, () => giveTokens(server, request, form, context))
}

async function giveTokens(server: Server, request: Request, form: Parameters, context: Context): Promise<Response> {
  refuseRepeated(form, ['resource'])
  const grantType = form.get('grant_type')
  if (!grantType) throw new Refusal(400, 'invalid_request', 'grant_type is missing')
  if (!Object.hasOwn(grants, grantType)) {
    throw new Refusal(400, 'unsupported_grant_type', `grant_type must be one of ${Object.keys(grants).join(', ')}`)
  }
  const asking = await authenticateClient(server, request, form, context)
  if (!asking.client.metadata.grant_types.includes(grantType)) {
    throw new Refusal(400, 'unauthorized_client', `The client is not registered for ${grantType}`)
  }
  return jsonResponse(await grants[grantType as keyof typeof grants](server, asking, form, context))
}

/** Tells of a refusal to give tokens before it goes to the client. */
async function telling(
  server: Server,
  context: Context,
  form: Parameters,
  work: () => Promise<Response>,
): Promise<Response> {
  try {
    return await work()
  } catch (refusal) {
    if (isRefusal(refusal)) {
      const [clientId, grantType] = [form.get('client_id'), form.get('grant_type')]
      const about = {
        ...(clientId && { clientId: clientId.slice(0, 200) }),
        ...(grantType && { grantType: grantType.slice(0, 50) }),
      }
      server.tell({ type: 'token_refused', ...about, error: String(refusal.code), reason: refusal.reason }, context)
    }
    throw refusal
  }
}
