import { checkOptions } from '../contract/option-types.js'
import { TokenCache } from './token-cache.js'
import { tokenEndpoint, type UpstreamIssuerOptions, upstreamIssuerTypes } from './token-endpoint.js'
import type { UpstreamToken } from './upstream-token.js'

/**
 * Lets a proxy call its upstream as the gateway itself: one token for all callers, kept until shortly before it ends,
 * and asked for again when the upstream refuses it. The upstream cannot tell the callers apart by it.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see RFC 6749 section 4.4
 * @example
 * ```ts
 * const token = clientCredentials({ issuer: 'https://login.example.com', clientId, clientSecret, scope: 'notes' })
 * const notes = proxy('https://notes.example.com/mcp', { token })
 * ```
 */
export function clientCredentials(options: UpstreamIssuerOptions): UpstreamToken {
  checkOptions('clientCredentials', options, upstreamIssuerTypes)
  const request = tokenEndpoint('client_credentials', options)
  const cache = new TokenCache()
  return {
    get: () => cache.get('', () => request({})),
    drop: async (_context, token, again) => (again ? undefined : cache.drop('', token)),
  }
}
