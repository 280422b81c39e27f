import type { Context } from '@mcp-gateway/core'
import { Refusal } from '@mcp-gateway/core/internal'
import { authenticateClient } from '../client-authentication/authenticate-client.js'
import { readForm, refuseRepeated } from '../http/form.js'
import { refuseCredentialsInQuery } from '../http/refuse-credentials-in-query.js'
import type { Server } from '../server/server.js'
import { readAccessToken } from '../token/read-access-token.js'
import { grantIdOf, parseRefreshToken } from '../token/refresh-token.js'

/**
 * The revocation endpoint (RFC 7009). Either kind of token ends its whole grant: the refresh token at once, access
 * tokens within the revocation delay. A token that is not the client's is answered the same, and stays.
 */
export async function revocationEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  refuseCredentialsInQuery(request)
  const form = await readForm(request)
  refuseRepeated(form)
  const { client, confirm } = await authenticateClient(server, request, form, context)
  const token = form.get('token')
  if (!token) throw new Refusal(400, 'invalid_request', 'token is missing')
  const refresh = parseRefreshToken(token)
  const id = refresh
    ? await grantIdOf(server.settings.issuer, refresh.family)
    : (await readAccessToken(server, token))?.grant_id
  const grant = id && (await server.grants.read(id))?.value
  if (id && grant && grant.clientId === client.clientId) {
    await confirm()
    await server.grants.revoke(id)
    const { clientId, user, resource } = grant
    server.tell({ type: 'token_revoked', clientId, subject: user.subject, resource }, context)
  }
  return new Response(null, { status: 200, headers: { 'Cache-Control': 'no-store' } })
}
