import type { TokenVerifier } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import type { Handler, Middleware, Mountable } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { compose } from '../http/compose.js'
import { cors } from '../http/cors.js'
import { hostCheck } from '../http/host-check.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { oauthError } from '../http/oauth-error.js'
import { originCheck } from '../http/origin-check.js'
import { rateLimit } from '../limits/rate-limit.js'
import { type FetchServer, fromFetchServer } from '../message/from-fetch-server.js'
import { message } from '../message/message-middleware.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { resourceMetadata } from '../resource-server/resource-metadata.js'
import { wellKnown } from '../resource-server/resource-url.js'
import { issuerAuthority } from '../tokens/issuer-authority.js'
import { type BaseUrl, checkPath } from './base-url.js'
import type { Drainer } from './drainer.js'
import type { GatewayOptions, ServerOptions } from './gateway-options.js'
import { health, ready } from './health.js'
import { recover } from './recover.js'
import { leaveTrace } from './trace.js'

/** Every path that the gateway serves by itself, with what answers there. */
export interface Routes {
  readonly table: ReadonlyMap<string, Handler>
  /** The paths among them that orchestrators ask, every few seconds and until the end. */
  readonly probes: ReadonlySet<string>
  readonly authority?: Authority
  /** The authorization server's endpoints, where it has some. */
  readonly authorityHandler?: Handler
  readonly vault?: { readonly handle: Handler; match(request: Request): boolean }
  readonly close: () => Promise<void>
}

/** Builds the table of paths, once. */
export function buildRoutes(options: GatewayOptions, base: BaseUrl, inFlight: Drainer): Routes {
  const { auth, storage, readiness = {}, rootResource } = options
  const authority = auth === undefined || 'protect' in auth ? auth : issuerAuthority(auth)
  if (authority === undefined) checkAnonymous(options, base)
  else if (options.dangerouslyAllowAnonymous)
    throw invalidConfiguration('dangerouslyAllowAnonymous contradicts auth; remove one')
  const servers = Object.entries(options.servers).map(([path, server]) => ({ path, ...toServerOptions(server) }))
  if (servers.length === 0) throw invalidConfiguration('servers is empty; name at least one, by its path')
  if (rootResource !== undefined && !servers.some(({ path }) => path === rootResource)) {
    throw invalidConfiguration(`rootResource ${JSON.stringify(rootResource)} must be one of the paths in servers`)
  }

  const table = new Map<string, Handler>()
  const add = (path: string, handler: Handler) => {
    if (table.has(path)) throw invalidConfiguration(`servers: the path ${path} is taken`)
    table.set(path, handler)
  }
  const checks = storage === undefined ? readiness : { storage: () => storage.get('readiness'), ...readiness }
  add(`${base.prefix}/health`, health())
  // A check may start what it asks, which is not for a page to make it do. Orchestrators may name any host
  const ofNoPage = originCheck({ allowedOrigins: allowedOriginsOf(options, base) })
  add(
    `${base.prefix}/ready`,
    compose(
      [ofNoPage],
      ready(checks, () => inFlight.closing),
    ),
  )
  const probes = new Set(table.keys())
  const vault = guardVault(options)
  const checkHost = ownHosts([base.origin], options.allowedHosts)

  // One for all servers, so that a user's requests under way are counted together
  const readMessage = message(options.message)
  for (const server of servers) {
    checkPath(server.path, 'servers')
    const path = base.prefix + server.path
    const resource = base.origin + path
    const verifier = authority?.protect(resource)
    add(path, guard(options, base, server, resource, verifier, readMessage))
    if (authority === undefined) continue
    const document = resourceMetadata({
      resource,
      authorizationServers: [authority.issuer],
      scopesSupported: server.scopesSupported ?? server.requiredScopes,
      resourceName: server.name,
      dpopAlgorithms: server.dpop?.algorithms,
      dpopRequired: server.dpop?.required,
      root: rootResource === server.path || servers.length === 1,
    })
    const metadata = compose([checkHost], document)
    add(wellKnown + path, metadata)
    // One document cannot speak for two resources (RFC 9728 section 3.3)
    if (rootResource === server.path || servers.length === 1) add(wellKnown, metadata)
  }

  const close = async () => {
    const pieces = [...servers.map(({ server }) => server), authority, options.vault]
    await Promise.all(
      pieces.map((piece) => (typeof piece === 'object' && 'close' in piece ? piece.close?.() : undefined)),
    )
  }
  return { table, probes, authority, authorityHandler: guardAuthority(options, base, authority), vault, close }
}

/** The vault checks hosts itself: it alone knows where its pages are. */
function guardAuthority(options: GatewayOptions, base: BaseUrl, authority: Authority | undefined): Handler | undefined {
  if (authority?.handle === undefined) return undefined
  const { issuer } = authority
  const { allowedHosts } = options
  const names = allowedHosts && [...allowedHosts, new URL(issuer).hostname]
  return compose([recover('oauth'), ownHosts([base.origin, issuer], names)], authority.handle.bind(authority))
}

/** Refuses foreign hosts where there are no MCP messages; in front of servers that is the part of `originCheck`. */
function ownHosts(urls: readonly string[], allowedHosts: readonly string[] | undefined): Middleware {
  const isServed = hostCheck(urls, allowedHosts)
  return (request, context, next) =>
    isServed(request)
      ? next(request, context)
      : oauthError(403, 'access_denied', 'This Host is not served here; the operator can add it to allowedHosts')
}

type Server = ServerOptions & { readonly path: string }

/** The chain in front of one server. */
function guard(
  options: GatewayOptions,
  base: BaseUrl,
  server: Server,
  resource: string,
  verifier: TokenVerifier | undefined,
  readMessage: Middleware,
): Handler {
  const allowedOrigins = allowedOriginsOf(options, base)
  // DNS rebinding aims at servers on the user's own machine; elsewhere the host name in front is the proxy's matter
  const { allowedHosts = base.loopback ? ['loopback', base.hostname] : undefined } = options
  const limits = rateLimits(options)
  const layers: Middleware[] = [
    cors({ allowedOrigins }),
    recover('json-rpc'),
    originCheck({ allowedOrigins, allowedHosts }),
    allowMethods,
    ...limits.address,
  ]
  if (verifier !== undefined) {
    layers.push(
      bearerAuth({
        verifier,
        resource,
        requiredScopes: server.requiredScopes,
        resourceMetadataUrl: base.origin + wellKnown + base.prefix + server.path,
        scopesSupported: server.scopesSupported ?? server.requiredScopes,
        scopeHierarchy: server.scopeHierarchy,
        dpop: server.dpop,
        subject: options.subject,
      }),
    )
  } else {
    layers.push((request, context, next) => next(request, { ...context, resource }))
  }
  layers.push(leaveTrace, readMessage, leaveTrace, ...limits.identity)
  layers.push(...(options.middleware ?? []), ...(server.middleware ?? []))
  return compose(layers, toHandler(server.server))
}

function allowedOriginsOf({ allowedOrigins }: GatewayOptions, base: BaseUrl): readonly string[] {
  // As browsers write it: in lower case, without a default port
  const origin = new URL(base.origin).origin
  return allowedOrigins ?? (base.loopback ? [origin, 'loopback'] : [origin])
}

function guardVault(options: GatewayOptions): Routes['vault'] {
  const { vault } = options
  if (vault === undefined) return undefined
  const handle = compose([recover('oauth'), ...rateLimits(options).address], (request, context) =>
    vault.handle(request, context),
  )
  return { handle, match: (request) => vault.match(request) }
}

function rateLimits({
  rateLimits: limits = {},
  storage,
}: GatewayOptions): Record<'address' | 'identity', Middleware[]> {
  const make = (by: 'address' | 'identity'): Middleware[] => {
    const limit = limits[by]
    if (limit === undefined) return []
    if (storage === undefined) throw invalidConfiguration('rateLimits needs storage to count in')
    return [rateLimit({ ...limit, by, storage })]
  }
  return { address: make('address'), identity: make('identity') }
}

// RFC 9110 section 15.5.6; a HEAD or PUT must not reach a server that does not expect it
const allowMethods: Middleware = (request, context, next) => {
  const { method } = request
  if (method === 'POST' || method === 'GET' || method === 'DELETE') return next(request, context)
  return jsonRpcError(
    { status: 405, message: `${method} is not served here; use POST, GET or DELETE` },
    { Allow: 'GET, POST, DELETE' },
  )
}

function toHandler(server: Handler | Mountable | FetchServer): Handler {
  if (typeof server === 'function') return server
  return 'handle' in server ? (request, context) => server.handle(request, context) : fromFetchServer(server)
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
