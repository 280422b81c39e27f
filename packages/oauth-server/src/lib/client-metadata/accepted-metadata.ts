import { Refusal } from '@mcp-gateway/core/internal'
import type { ClientMetadata } from '../store/client-metadata.js'
import { authMethods } from './auth-methods.js'
import { type RedirectUriRules, redirectUriFault } from './redirect-uri-rules.js'
import type { RegistrationRequest } from './registration-request.js'

const grantTypes = ['authorization_code', 'refresh_token']

/** A redirect URI that was left out. */
export interface RejectedRedirectUri {
  readonly redirect_uri: string
  readonly reason: string
}

/**
 * Completes what a client says about itself. Redirect URIs that cannot be used are left out and told, as long as one
 * can be used: some clients register the callbacks of all their products at once.
 *
 * @throws {Refusal} `invalid_redirect_uri` or `invalid_client_metadata`
 */
export function acceptedMetadata(
  asked: RegistrationRequest,
  rules: RedirectUriRules,
  defaultMethod: 'none' | 'client_secret_basic',
): { metadata: ClientMetadata; rejected: RejectedRedirectUri[] } {
  const usable: string[] = []
  const rejected: RejectedRedirectUri[] = []
  for (const uri of new Set(asked.redirect_uris)) {
    const reason = redirectUriFault(uri, rules)
    if (reason === undefined) usable.push(uri)
    else rejected.push({ redirect_uri: uri, reason })
  }
  if (usable.length === 0) {
    const [first] = rejected
    const message = first
      ? `The redirect URI ${first.redirect_uri} ${first.reason}`
      : 'redirect_uris is missing or empty'
    throw new Refusal(400, 'invalid_redirect_uri', message)
  }
  const invalid = (message: string): never => {
    throw new Refusal(400, 'invalid_client_metadata', message)
  }
  // Without refresh tokens a person would have to come back every hour, so they are the default.
  const grants = asked.grant_types?.filter((grant) => grantTypes.includes(grant)) ?? grantTypes
  if (!grants.includes('authorization_code')) invalid('grant_types must include authorization_code')
  if (asked.response_types && !asked.response_types.includes('code')) invalid('response_types must include code')
  const method = asked.token_endpoint_auth_method ?? defaultMethod
  if (!(authMethods as readonly string[]).includes(method)) {
    invalid(`token_endpoint_auth_method must be one of ${authMethods.join(', ')}`)
  }
  if (method === 'private_key_jwt' && !asked.jwks && !asked.jwks_uri) {
    invalid('private_key_jwt needs jwks or jwks_uri')
  }
  return {
    metadata: {
      ...asked,
      redirect_uris: usable,
      grant_types: grants,
      response_types: ['code'],
      token_endpoint_auth_method: method,
    } as ClientMetadata,
    rejected,
  }
}
