import type { Context } from '@mcp-gateway/core'
import { Refusal, randomToken, sha256 } from '@mcp-gateway/core/internal'
import { acceptedMetadata } from '../client-metadata/accepted-metadata.js'
import { parseRegistrationRequest } from '../client-metadata/registration-request.js'
import { equal } from '../crypto/equal.js'
import { readJson } from '../http/read-json.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'
import { checkRecordSize } from '../store/record-size.js'
import type { Stored } from '../store/records.js'
import { usesSecret } from './registration-endpoint.js'
import { registrationResponse } from './registration-response.js'
import { bearerToken } from './registration-token.js'

/** What RFC 7592 section 2.2 keeps out of an update. */
const forbidden = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

/** Registration management (RFC 7592): read, update and delete one's own registration. */
export async function managementEndpoint(
  server: Server,
  request: Request,
  clientId: string,
  context: Context,
): Promise<Response> {
  const token = bearerToken(request)
  const stored = await server.clients.readRegistered(clientId)
  // One answer for no token, a wrong one, another client's, and no such client: none of them learns who exists.
  if (
    !token ||
    !stored?.value.registrationTokenHash ||
    !equal(await sha256(token), stored.value.registrationTokenHash)
  ) {
    throw wrongToken()
  }
  if (request.method === 'PUT') return update(server, request, stored, context)
  if (request.method === 'DELETE') {
    // First what it got, so that a deletion that breaks off can be sent again; then what it got meanwhile.
    await server.grants.revokeAll('client_tokens', clientId)
    await server.clients.remove(clientId)
    await server.grants.revokeAll('client_tokens', clientId)
    server.tell({ type: 'client_deleted', clientId }, context)
    return new Response(null, { status: 204, headers: { 'Cache-Control': 'no-store' } })
  }
  return registrationResponse(server, stored.value, { registrationToken: token }, 200)
}

/** Replaces the metadata and the registration token, in one compare-and-set: of two updates at once one wins. */
async function update(
  server: Server,
  request: Request,
  { value: client, version }: Stored<Client>,
  context: Context,
): Promise<Response> {
  const body = (await readJson(request)) as Record<string, unknown> | null
  const { client_id, client_secret } = body ?? {}
  const present = forbidden.find((name) => body?.[name] !== undefined)
  if (present) throw new Refusal(400, 'invalid_client_metadata', `${present} must not be in an update`)
  if (client_id !== client.clientId) {
    throw new Refusal(400, 'invalid_client_metadata', 'client_id must be that of the registration')
  }
  if (client_secret !== undefined && (await sha256(String(client_secret))) !== client.secretHash) {
    throw new Refusal(400, 'invalid_client_metadata', 'client_secret cannot be chosen; leave it out')
  }
  const asked = parseRegistrationRequest(body)
  const { metadata, rejected } = acceptedMetadata(
    asked,
    server.settings.registration.redirectUris,
    'client_secret_basic',
  )
  const needsSecret = usesSecret(metadata.token_endpoint_auth_method)
  const clientSecret = needsSecret && client.secretHash === undefined ? randomToken() : undefined
  const secretHash = clientSecret === undefined ? client.secretHash : await sha256(clientSecret)
  const registrationToken = randomToken()
  const next: Client = {
    clientId: client.clientId,
    source: 'registered',
    metadata,
    ...(needsSecret && { secretHash }),
    methodChosen: asked.token_endpoint_auth_method !== undefined,
    issuedAt: client.issuedAt,
    registrationTokenHash: await sha256(registrationToken),
    ...(client.usedAt !== undefined && { usedAt: client.usedAt }),
  }
  checkRecordSize(next)
  if (!(await server.clients.replace(version, next))) throw wrongToken()
  server.tell({ type: 'client_updated', clientId: client.clientId }, context)
  return registrationResponse(server, next, { clientSecret, registrationToken, rejected }, 200)
}

function wrongToken(): Refusal {
  return new Refusal(401, 'invalid_token', 'The registration access token is missing, wrong, or was replaced', {
    headers: { 'WWW-Authenticate': 'Bearer realm="registration", error="invalid_token"' },
  })
}
