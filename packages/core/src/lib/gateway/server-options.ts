import type { Authority } from '../contract/authority.js'
import type { IdentitySource } from '../contract/identity-source.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkIssuerScheme } from '../tokens/check-issuer-scheme.js'
import { issuerAuthority } from '../tokens/issuer-authority.js'
import type { BaseUrl } from './base-url.js'
import type { GatewayOptions, ServerOptions } from './gateway-options.js'

/** A server with its settings and its path, without the prefix of the gateway. */
export type NamedServer = ServerOptions & { readonly path: string }

/** How the callers of the servers are told: by tokens of an authority, or by what a reverse proxy says. */
export interface Callers {
  readonly authority?: Authority
  readonly identities?: IdentitySource
}

/**
 * How callers are told; by nothing where the servers are open to everybody.
 *
 * @throws {GatewayError} `invalid_configuration` where that is not clear
 */
export function callersOf(options: GatewayOptions, base: BaseUrl): Callers {
  const { auth, subject, dangerouslyAllowAnonymous } = options
  if (auth === undefined) {
    checkAnonymous(options, base)
    return {}
  }
  if (dangerouslyAllowAnonymous) throw invalidConfiguration('dangerouslyAllowAnonymous contradicts auth; remove one')
  if (!isIdentitySource(auth)) {
    const authority = 'protect' in auth ? auth : issuerAuthority(auth)
    checkIssuerScheme(authority, options.url)
    return { authority }
  }
  if (subject !== undefined) {
    throw invalidConfiguration('subject is about access tokens, and auth takes none; give it to the proxy in front')
  }
  return { identities: auth }
}

/** Whether `auth` tells callers without tokens. It may be middleware at the same time. */
export function isIdentitySource(auth: unknown): auth is IdentitySource {
  const isObject = (typeof auth === 'object' && auth !== null) || typeof auth === 'function'
  return isObject && 'identify' in auth && typeof auth.identify === 'function'
}

/** @throws {GatewayError} `invalid_configuration` where there are none, or where `rootResource` is none of them */
export function serversOf({ servers, rootResource, auth }: GatewayOptions): readonly NamedServer[] {
  const named = Object.entries(servers).map(([path, server]) => ({ path, ...toServerOptions(server) }))
  if (named.length === 0) throw invalidConfiguration('servers is empty; name at least one, by its path')
  const dpop = named.find((server) => server.dpop !== undefined)
  if (dpop !== undefined && isIdentitySource(auth)) {
    throw invalidConfiguration(`servers: dpop of ${dpop.path} is about access tokens, and auth takes none; remove it`)
  }
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
