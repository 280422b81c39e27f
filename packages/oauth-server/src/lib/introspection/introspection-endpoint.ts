import { Refusal, sha256 } from '@mcp-gateway/core/internal'
import { readBasicCredentials } from '../client-authentication/basic-credentials.js'
import { equal } from '../crypto/equal.js'
import { type Parameters, readForm, refuseRepeated } from '../http/form.js'
import { jsonResponse } from '../http/json-response.js'
import { refuseCredentialsInQuery } from '../http/refuse-credentials-in-query.js'
import type { ResourceServer } from '../server/resource-server.js'
import type { Server } from '../server/server.js'
import { saysTooMuch } from '../store/says-too-much.js'
import { readAccessToken } from '../token/read-access-token.js'

/**
 * Introspection (RFC 7662) of access tokens, for resource servers that authenticate. A token for someone else's
 * resource is as inactive as one that never was.
 */
export async function introspectionEndpoint(server: Server, request: Request): Promise<Response> {
  refuseCredentialsInQuery(request)
  const form = await readForm(request)
  refuseRepeated(form)
  const caller = await authenticate(server.settings.resourceServers, request, form)
  const token = form.get('token')
  if (!token) throw new Refusal(400, 'invalid_request', 'token is missing')
  const claims = await readAccessToken(server, token)
  if (!claims || !caller.resources.includes(claims.aud)) return jsonResponse({ active: false })
  const grant = (await server.grants.read(claims.grant_id))?.value
  if (!grant || !server.grants.isLive(grant) || saysTooMuch(claims, grant.user)) return jsonResponse({ active: false })
  const { grant_id: _, preferred_username: username, ...told } = claims
  return jsonResponse({ active: true, token_type: 'Bearer', ...(username !== undefined && { username }), ...told })
}

async function authenticate(
  known: readonly ResourceServer[],
  request: Request,
  form: Parameters,
): Promise<ResourceServer> {
  const basic = readBasicCredentials(request)
  const secret = form.get('client_secret')
  if (basic && secret) throw new Refusal(400, 'invalid_request', 'Authenticate once: in the header or in the body')
  const ids = basic?.clientIds ?? [form.get('client_id')]
  const caller = known.find(({ client_id }) => ids.includes(client_id))
  for (const presented of basic?.clientSecrets ?? [secret ?? '']) {
    if (caller && equal(await sha256(presented), await sha256(caller.client_secret))) return caller
  }
  throw new Refusal(401, 'invalid_client', 'The resource server is unknown, or its secret is wrong', {
    headers: { 'WWW-Authenticate': 'Basic realm="oauth"' },
  })
}
