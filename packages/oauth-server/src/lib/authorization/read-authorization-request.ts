import { Refusal } from '@mcp-gateway/core/internal'
import { type Parameters, parameterName } from '../http/form.js'
import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'
import type { Client } from '../store/client.js'
import { challengePattern } from './pkce.js'
import { prompts } from './prompt.js'
import { requestedResource } from './requested-resource.js'
import { parseScope } from './scope.js'

/**
 * Checks everything that may be answered at the redirect URI, which is known to be the client's by now.
 *
 * @throws {Refusal} with an error code of RFC 6749 section 4.1.2.1 or RFC 8707 section 2
 */
export function readAuthorizationRequest(
  server: Server,
  client: Client,
  redirectUri: string,
  query: Parameters,
): AuthorizationRequest {
  const refuse = (error: string, description: string): never => {
    throw new Refusal(400, error, description)
  }
  for (const name of query.repeated) {
    if (name !== 'resource') refuse('invalid_request', `${parameterName(name)} was sent more than once`)
  }
  if (query.get('request')) refuse('request_not_supported', 'Send the parameters themselves')
  if (query.get('request_uri')) refuse('request_uri_not_supported', 'Send the parameters themselves')
  const responseType =
    query.get('response_type') ?? refuse('invalid_request', 'response_type is missing; it must be code')
  if (responseType !== 'code') refuse('unsupported_response_type', 'response_type must be code')
  if (!client.metadata.response_types.includes('code')) {
    refuse('unauthorized_client', 'The client is not registered for response_type code')
  }
  if ((query.get('response_mode') ?? 'query') !== 'query') refuse('invalid_request', 'response_mode must be query')
  // RFC 7636 section 4.4.1; `plain` is not offered, and a missing method means plain
  const challenge =
    query.get('code_challenge') ?? refuse('invalid_request', 'PKCE is required: code_challenge is missing')
  if (query.get('code_challenge_method') !== 'S256') refuse('invalid_request', 'code_challenge_method must be S256')
  if (!challengePattern.test(challenge)) {
    refuse('invalid_request', 'code_challenge must be 43 characters of base64url, the SHA-256 of the verifier')
  }
  return {
    clientId: client.clientId,
    redirectUri,
    state: query.get('state'),
    scopes: grantedScopes(server, query.get('scope')),
    resource: requestedResource(server, query.all('resource')),
    challenge,
    prompt: (query.get('prompt') ?? '').split(' ').filter((value) => prompts.includes(value)),
    ...(client.documentHash !== undefined && { documentHash: client.documentHash }),
  }
}

/**
 * Unknown scopes are dropped, and what was granted is told in the token response: no client ends here for asking. Who asks for
 * unknown ones alone does not get all the others instead.
 */
function grantedScopes({ settings }: Server, scope: string | undefined): readonly string[] {
  if (scope === undefined) return settings.defaultScopes
  const requested = parseScope(scope)
  if (!requested) throw new Refusal(400, 'invalid_scope', 'scope must be names separated by single spaces')
  const offline = requested.includes('offline_access') ? ['offline_access'] : []
  const others = requested.filter((name) => name !== 'offline_access')
  const known = others.filter((name) => settings.scopes.has(name))
  const granted = others.length === 0 ? settings.defaultScopes : known.length === 0 ? settings.scopesForUnknown : known
  return [...new Set([...granted, ...offline])]
}
