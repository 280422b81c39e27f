import type { Context } from '@mcp-gateway/core'
import type { Client } from '../clients/client.js'
import type { ClientMetadata } from '../clients/client-metadata.js'
import { hash } from '../crypto/hash.js'
import { randomToken } from '../crypto/random-token.js'
import { jsonResponse } from '../http/json-response.js'
import { readJson } from '../http/read-json.js'
import { Refusal } from '../http/refusal.js'
import type { Server } from '../server.js'
import { knownPrivateUseUris, redirectUriFault } from './redirect-uri-rules.js'
import { limitRegistrations } from './registration-limit.js'
import { parseRegistrationRequest, type RegistrationRequest } from './registration-request.js'

const grantTypes = ['authorization_code', 'refresh_token']
const authMethods = ['none', 'client_secret_basic', 'client_secret_post']

/** Dynamic client registration (RFC 7591 section 3), for whoever asks, within limits. */
export async function registrationEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  await limitRegistrations(server, context)
  const asked = parseRegistrationRequest(await readJson(request))
  const { metadata, rejected } = acceptedMetadata(asked)
  const secret = metadata.token_endpoint_auth_method === 'none' ? undefined : randomToken()
  const client: Client = {
    clientId: `client_${randomToken(16)}`,
    source: 'registered',
    metadata,
    ...(secret !== undefined && { secretHash: await hash(secret) }),
    methodChosen: asked.token_endpoint_auth_method !== undefined,
    issuedAt: server.clock(),
  }
  await server.clients.register(client)
  return jsonResponse(
    {
      client_id: client.clientId,
      client_id_issued_at: client.issuedAt,
      // RFC 7591 section 3.2.1: 0 means that the secret itself does not expire
      ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
      ...metadata,
      ...(rejected.length > 0 && { rejected_redirect_uris: rejected }),
    },
    201,
  )
}

/**
 * Completes what was asked for. Redirect URIs that cannot be used are left out and told, as long as one can be used:
 * some clients register all the callbacks of all their products at once.
 */
function acceptedMetadata(asked: RegistrationRequest): {
  metadata: ClientMetadata
  rejected: { redirect_uri: string; reason: string }[]
} {
  const faults = (asked.redirect_uris ?? []).map((uri) => ({ uri, fault: redirectUriFault(uri, knownPrivateUseUris) }))
  const usable = faults.filter(({ fault }) => fault === undefined).map(({ uri }) => uri)
  const rejected = faults.flatMap(({ uri, fault }) => (fault ? [{ redirect_uri: uri, reason: fault }] : []))
  if (usable.length === 0) {
    const [first] = rejected
    throw new Refusal(
      400,
      'invalid_redirect_uri',
      first ? `The redirect URI ${first.redirect_uri} ${first.reason}` : 'redirect_uris is missing or empty',
    )
  }
  const grants = asked.grant_types?.filter((grant) => grantTypes.includes(grant)) ?? grantTypes
  if (!grants.includes('authorization_code')) {
    throw new Refusal(400, 'invalid_client_metadata', 'grant_types must include authorization_code')
  }
  if (asked.response_types && !asked.response_types.includes('code')) {
    throw new Refusal(400, 'invalid_client_metadata', 'response_types must include code')
  }
  const method = asked.token_endpoint_auth_method ?? 'client_secret_basic'
  if (!authMethods.includes(method)) {
    throw new Refusal(
      400,
      'invalid_client_metadata',
      `token_endpoint_auth_method must be one of ${authMethods.join(', ')}`,
    )
  }
  const metadata: ClientMetadata = {
    ...asked,
    redirect_uris: [...new Set(usable)],
    grant_types: grants,
    response_types: ['code'],
    token_endpoint_auth_method: method,
  }
  return { metadata, rejected }
}
