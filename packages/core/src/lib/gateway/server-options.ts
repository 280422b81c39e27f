import type { Authority } from '../contract/authority.js'
import type { IdentitySource } from '../contract/identity-source.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { RateLimit } from '../limits/rate-limit.js'
import { checkIssuerScheme } from '../tokens/check-issuer-scheme.js'
import { issuerAuthority } from '../tokens/issuer-authority.js'
import { type BaseUrl, locationOf, type ServerLocation } from './base-url.js'
import type { GatewayOptions, ServerOptions } from './gateway-options.js'

/** A server with its settings, the key that it has in `servers`, and where that is. */
export type NamedServer = ServerOptions & { readonly key: string; readonly location: ServerLocation }

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
export function callersOf(options: GatewayOptions, servers: readonly NamedServer[]): Callers {
  const { auth, subject, dangerouslyAllowAnonymous } = options
  checkAnonymous(options, servers)
  if (auth === undefined) return {}
  if (dangerouslyAllowAnonymous) {
    throw invalidConfiguration(
      'dangerouslyAllowAnonymous contradicts auth; remove one, or set it on the servers that everybody may call',
    )
  }
  if (!isIdentitySource(auth)) {
    const authority = 'protect' in auth ? auth : issuerAuthority(auth)
    for (const { location } of servers) checkIssuerScheme(authority, location.resource)
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

/**
 * The servers, and where each is.
 *
 * @throws {GatewayError} `invalid_configuration` where there are none, or where `rootResource` is none of them
 */
export function serversOf({ servers, rootResource, auth }: GatewayOptions, base: BaseUrl): readonly NamedServer[] {
  const named = Object.entries(servers).map(([key, server]) => ({
    ...toServerOptions(server),
    key,
    location: locationOf(base, key),
  }))
  if (named.length === 0) throw invalidConfiguration('servers is empty; name at least one, by its path')
  const dpop = named.find((server) => server.dpop !== undefined)
  if (dpop !== undefined && isIdentitySource(auth)) {
    throw invalidConfiguration(`servers: dpop of ${dpop.key} is about access tokens, and auth takes none; remove it`)
  }
  const root = named.find(({ key }) => key === rootResource)
  if (rootResource !== undefined && (root === undefined || root.dangerouslyAllowAnonymous)) {
    throw invalidConfiguration(
      `rootResource ${JSON.stringify(rootResource)} must be one of the keys in servers, and need a token`,
    )
  }
  return named
}

function toServerOptions(server: GatewayOptions['servers'][string]): ServerOptions {
  return typeof server === 'object' && 'server' in server ? server : { server }
}

/** @throws {GatewayError} `invalid_configuration` where a server would be open to more people than somebody wanted */
function checkAnonymous(options: GatewayOptions, servers: readonly NamedServer[]): void {
  const { auth, dangerouslyAllowAnonymous, rateLimits: limits } = options
  for (const server of servers) if (server.dangerouslyAllowAnonymous) checkOpenServer(server, limits?.address)
  if (auth !== undefined) return
  if (limits?.identity !== undefined)
    throw invalidConfiguration('rateLimits.identity needs auth; without it there are no identities')
  const guarded = servers.filter((server) => !server.dangerouslyAllowAnonymous)
  if (guarded.length === 0) return
  if (!dangerouslyAllowAnonymous) {
    throw invalidConfiguration('auth is missing; name an issuer, or set dangerouslyAllowAnonymous on a loopback url')
  }
  if (guarded.some(({ location }) => !location.loopback))
    throw invalidConfiguration('dangerouslyAllowAnonymous needs a loopback url, such as http://127.0.0.1:8787')
}

/** A public server that everybody may call is everybody's to exhaust, unless the addresses are counted. */
function checkOpenServer(
  { key, location, requiredScopes, scopesSupported, dpop }: NamedServer,
  limit: RateLimit | undefined,
): void {
  const contradicted = Object.entries({ requiredScopes, scopesSupported, dpop }).find(
    ([, value]) => value !== undefined,
  )
  if (contradicted !== undefined) {
    throw invalidConfiguration(
      `servers: ${key} has ${contradicted[0]}, which dangerouslyAllowAnonymous contradicts; remove one`,
    )
  }
  if (location.loopback || limit !== undefined) return
  throw invalidConfiguration(
    `servers: ${key} has dangerouslyAllowAnonymous on a public URL, which needs rateLimits.address, such as { limit: 60, window: 60 }`,
  )
}
