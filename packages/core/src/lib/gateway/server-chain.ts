import type { Handler, Middleware, Mountable } from '../contract/handler.js'
import { observersOf } from '../contract/request-observer.js'
import { recordRefusal } from '../contract/request-record.js'
import { compose } from '../http/compose.js'
import { cors } from '../http/cors.js'
import { hostCheck } from '../http/host-check.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { originCheck } from '../http/origin-check.js'
import { type FetchServer, fromFetchServer } from '../message/from-fetch-server.js'
import { nameOfUrl } from '../pages/client-setups.js'
import { setupPage, wantsPage } from '../pages/setup-page.js'
import { policy } from '../policy/policy.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { wellKnown } from '../resource-server/resource-url.js'
import { allowedOriginsOf } from './base-url.js'
import type { GatewayOptions } from './gateway-options.js'
import { rateLimits } from './rate-limits.js'
import { recover } from './recover.js'
import type { Callers, NamedServer } from './server-options.js'

/** What stands in front of a server beside what its options say. */
export interface ServerChainOptions {
  readonly callers: Callers
  /** Reads the message of a POST; one for all servers. */
  readonly readMessage: Middleware
}

/** One server with everything that the gateway puts in front of it. */
export function serverChain(
  options: GatewayOptions,
  server: NamedServer,
  { callers, readMessage }: ServerChainOptions,
): Handler {
  const { location } = server
  const allowedOrigins = allowedOriginsOf(options.allowedOrigins, location)
  // DNS rebinding aims at servers on the user's own machine; elsewhere the host name in front is the proxy's matter
  const { allowedHosts = location.loopback ? ['loopback', location.hostname] : undefined } = options
  const limits = rateLimits(options)
  const layers: Middleware[] = [
    cors({ allowedOrigins }),
    recover('json-rpc'),
    ...forPeople(options, server),
    originCheck({ allowedOrigins, allowedHosts }),
    allowMethods,
    ...limits.address,
    guard(options, server, callers),
    readMessage,
    ...observersOf(options.observe).flatMap(({ middleware }) => middleware ?? []),
    ...(server.dangerouslyAllowAnonymous ? [] : limits.identity),
    ...(options.middleware ?? []),
    ...(server.middleware ?? []),
    ...ruled(server),
  ]
  return compose(layers, toHandler(server.server))
}

/** The page for who opens a server in a browser, also by a link on another site: it tells what everybody may know. */
function forPeople({ page: look = {}, allowedHosts }: GatewayOptions, { location }: NamedServer): Middleware[] {
  if (look === false) return []
  const { resource: url, origin } = location
  const page = setupPage({ ...look, servers: [{ name: nameOfUrl(url), url }] })
  const isServed = hostCheck([origin], allowedHosts)
  return [
    (request, context, next) =>
      wantsPage(request) && isServed(request) ? page(request, context) : next(request, context),
  ]
}

function guard({ subject }: GatewayOptions, server: NamedServer, { authority, identities }: Callers): Middleware {
  const { requiredScopes, scopeHierarchy } = server
  const { resource } = server.location
  const terms = { resource, requiredScopes, scopeHierarchy, resourceMetadataUrl: metadataUrl(server) }
  if (server.dangerouslyAllowAnonymous) return anonymous(resource)
  if (identities !== undefined) return identities.identify(terms)
  if (authority === undefined) return anonymous(resource)
  return bearerAuth({
    ...terms,
    ...(authority.issuer === undefined && { resourceMetadataUrl: null }),
    tokenHeader: authority.tokenHeader,
    verifier: authority.protect(resource, { name: server.name }),
    scopesSupported: server.scopesSupported ?? requiredScopes,
    dpop: server.dpop,
    subject,
  })
}

function anonymous(resource: string): Middleware {
  return (request, context, next) => {
    if (context.record !== undefined) context.record.resource = resource
    return next(request, { ...context, resource })
  }
}

function metadataUrl({ location: { origin, path } }: NamedServer): string {
  return origin + metadataPath(path)
}

/** Where the metadata of a server is, on its own host (RFC 9728 section 3.1). */
export function metadataPath(path: string): string {
  return path === '/' ? wellKnown : wellKnown + path
}

/** Asked last: what it decides on is what the server gets. */
function ruled({ policy: rules }: NamedServer): Middleware[] {
  if (rules === undefined) return []
  if (typeof rules === 'function') return [policy(rules)]
  const { rules: own, ...options } = rules
  return [policy(own, options)]
}

// RFC 9110 section 15.5.6; a HEAD or PUT must not reach a server that does not expect it
const allowMethods: Middleware = (request, context, next) => {
  const { method } = request
  if (method === 'POST' || method === 'GET' || method === 'DELETE') return next(request, context)
  recordRefusal(context.record, { by: 'gateway', code: 'method_not_allowed' })
  return jsonRpcError(
    { status: 405, message: `${method} is not served here; use POST, GET or DELETE` },
    { Allow: 'GET, POST, DELETE' },
  )
}

function toHandler(server: Handler | Mountable | FetchServer): Handler {
  if (typeof server === 'function') return server
  return 'handle' in server ? (request, context) => server.handle(request, context) : fromFetchServer(server)
}
