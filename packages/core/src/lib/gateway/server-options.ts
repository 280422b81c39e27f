import type { Authority } from '../contract/authority.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkIssuerScheme } from '../tokens/check-issuer-scheme.js'
import { issuerAuthority } from '../tokens/issuer-authority.js'
import type { BaseUrl } from './base-url.js'
import type { GatewayOptions, ServerOptions } from './gateway-options.js'

/** A server with its settings and its path, without the prefix of the gateway. */
export type NamedServer = ServerOptions & { readonly path: string }

/**
 * Who issues the tokens; `undefined` where the servers are open to everybody.
 *
 * @throws {GatewayError} `invalid_configuration` where that is not clear
 */
export function authorityOf(options: GatewayOptions, base: BaseUrl): Authority | undefined {
  const { auth, dangerouslyAllowAnonymous } = options
  const authority = auth === undefined || 'protect' in auth ? auth : issuerAuthority(auth)
  if (authority === undefined) checkAnonymous(options, base)
  else if (dangerouslyAllowAnonymous)
    throw invalidConfiguration('dangerouslyAllowAnonymous contradicts auth; remove one')
  else checkIssuerScheme(authority, options.url)
  return authority
}

/** @throws {GatewayError} `invalid_configuration` where there are none, or where `rootResource` is none of them */
export function serversOf({ servers, rootResource }: GatewayOptions): readonly NamedServer[] {
  const named = Object.entries(servers).map(([path, server]) => ({ path, ...toServerOptions(server) }))
  if (named.length === 0) throw invalidConfiguration('servers is empty; name at least one, by its path')
  if (rootResource !== undefined && !named.some(({ path }) => path === rootResource)) {
    throw invalidConfiguration(`rootResource ${JSON.stringify(rootResource)} must be one of the paths in servers`)
  }
  return named
}

function toServerOptions(server: GatewayOptions['servers'][string]): ServerOptions {
  return typeof server === 'object' && 'server' in server ? server : { server }
}

function checkAnonymous({ dangerouslyAllowAnonymous, rateLimits: limits }: GatewayOptions, base: BaseUrl): void {
  if (limits?.identity !== undefined)
    throw invalidConfiguration('rateLimits.identity needs auth; without it there are no identities')
  if (!dangerouslyAllowAnonymous) {
    throw invalidConfiguration('auth is missing; name an issuer, or set dangerouslyAllowAnonymous on a loopback url')
  }
  if (!base.loopback)
    throw invalidConfiguration('dangerouslyAllowAnonymous needs a loopback url, such as http://127.0.0.1:8787')
}
