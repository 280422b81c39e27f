import type { Authority } from '../contract/authority.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { coversScopes, type ScopeHierarchy } from './scopes.js'

/** What a server needs and offers. */
export interface ServerScopes {
  readonly requiredScopes?: readonly string[]
  readonly scopesSupported?: readonly string[]
  readonly scopeHierarchy?: ScopeHierarchy
}

/**
 * Refuses a server for which its authority, where it tells what it grants, never issues a good token: people would sign in, and every
 * call would be 403.
 *
 * @param where the server, as the configuration names it
 * @throws {GatewayError} `invalid_configuration` that names the scopes
 */
export function checkGrantable({ scopes }: Authority, server: ServerScopes, where: string): void {
  if (scopes === undefined) return
  const { requiredScopes = [], scopesSupported = [], scopeHierarchy } = server
  const missing = [...new Set([...requiredScopes, ...scopesSupported])].filter(
    (scope) => !coversScopes(scopes, [scope], scopeHierarchy),
  )
  if (missing.length === 0) return
  const entries = missing.map((scope) => `${JSON.stringify(scope)}: '…'`)
  throw invalidConfiguration(
    `servers: ${where} asks for the scope ${missing.join(', ')}, which its authorization server does not grant; add it there, createAuthorizationServer({ scopes: { ${entries.join(', ')} } }), with its meaning in words`,
  )
}
