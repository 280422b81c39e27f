import type { Context } from '@mcp-gateway/core'
import { Refusal, randomToken, sha256 } from '@mcp-gateway/core/internal'
import { acceptedMetadata } from '../client-metadata/accepted-metadata.js'
import { parseRegistrationRequest } from '../client-metadata/registration-request.js'
import { applySoftwareStatement } from '../client-metadata/software-statement.js'
import { equal } from '../crypto/equal.js'
import { readJson } from '../http/read-json.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'
import { checkRecordSize } from '../store/record-size.js'
import { registrationResponse } from './registration-response.js'
import { bearerToken } from './registration-token.js'

/** Dynamic client registration (RFC 7591 section 3). */
export async function registrationEndpoint(server: Server, request: Request, context: Context): Promise<Response> {
  const { registration } = server.settings
  await checkInitialAccess(registration.initialAccessTokens, request)
  await server.limits.registrations(context)
  const body = await applySoftwareStatement(registration.softwareStatements, await readJson(request))
  const asked = parseRegistrationRequest(body)
  const { metadata, rejected } = acceptedMetadata(asked, registration.redirectUris, 'client_secret_basic')
  const clientSecret = usesSecret(metadata.token_endpoint_auth_method) ? randomToken() : undefined
  const registrationToken = randomToken()
  const client: Client = {
    clientId: `client_${randomToken(16)}`,
    source: 'registered',
    metadata,
    ...(clientSecret !== undefined && { secretHash: await sha256(clientSecret) }),
    methodChosen: asked.token_endpoint_auth_method !== undefined,
    issuedAt: server.clock(),
    registrationTokenHash: await sha256(registrationToken),
  }
  checkRecordSize(client)
  await server.clients.register(client)
  if (context.record !== undefined) context.record.clientId = client.clientId
  server.tell({ type: 'client_registered', clientId: client.clientId }, context)
  return registrationResponse(server, client, { clientSecret, registrationToken, rejected }, 201)
}

/** Whether the method needs a client secret. */
export function usesSecret(method: string): boolean {
  return method.startsWith('client_secret_')
}

/** Where initial access tokens are configured, only their holders register (RFC 7591 section 3). */
async function checkInitialAccess(tokens: readonly string[] | undefined, request: Request): Promise<void> {
  if (!tokens) return
  const presented = await sha256(bearerToken(request) ?? '')
  for (const token of tokens) if (equal(presented, await sha256(token))) return
  throw new Refusal(401, 'invalid_token', 'Registration needs an initial access token from the operator', {
    headers: { 'WWW-Authenticate': 'Bearer realm="registration", error="invalid_token"' },
  })
}
