import { prompts } from '../authorization/prompt.js'
import { assertionAlgorithms, authMethods } from '../client-metadata/auth-methods.js'
import type { Server } from '../server/server.js'

/** The authorization server metadata (RFC 8414 section 2): what is offered and nothing else. */
export function serverMetadata({ settings, resources }: Server): Record<string, unknown> {
  const { issuer, scopes, registration, clientDocuments, resourceServers } = settings
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    ...(registration.enabled && { registration_endpoint: `${issuer}/register` }),
    revocation_endpoint: `${issuer}/revoke`,
    jwks_uri: `${issuer}/jwks`,
    prompt_values_supported: prompts,
    scopes_supported: [...new Set([...scopes.keys(), 'offline_access'])],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    ...(resourceServers.length > 0 && {
      introspection_endpoint: `${issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    }),
    client_id_metadata_document_supported: clientDocuments !== false,
    code_challenge_methods_supported: ['S256'],
    // RFC 9207 section 3
    authorization_response_iss_parameter_supported: true,
    // RFC 9728 section 4
    ...(resources.list().length > 0 && { protected_resources: resources.list() }),
  }
}
