import type { Middleware, Mountable } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { RequestRoute } from '../contract/request-record.js'
import type { ServedPath } from '../contract/served-path.js'
import { compose } from '../http/compose.js'
import { originCheck } from '../http/origin-check.js'
import { requestPath } from '../http/request-path.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { allowedOriginsOf, type BaseUrl, locationOf, type ServerLocation } from './base-url.js'
import type { GatewayOptions, RouteOptions } from './gateway-options.js'
import { hostKey } from './hosts.js'
import type { OwnPaths } from './place.js'
import { rateLimits } from './rate-limits.js'
import { recover } from './recover.js'
import { metadataPath } from './server-chain.js'
import type { Callers } from './server-options.js'

/** One of `routes`, with everything that the gateway puts in front of it. */
export interface OwnRoute extends OwnPaths {
  readonly key: string
  readonly location: ServerLocation
  readonly paths: () => readonly ServedPath[]
  /** The scopes of its tokens, where it takes some. */
  readonly scopes?: readonly string[]
}

/** Reads `routes`. @throws {GatewayError} `invalid_configuration` */
export function ownRoutes(options: GatewayOptions, base: BaseUrl, callers: Callers): readonly OwnRoute[] {
  return Object.entries(options.routes ?? {}).map(([key, given]) => {
    const route: RouteOptions = typeof given === 'function' || !isSettings(given) ? { handle: given } : given
    return ownRoute(key, route, { options, base, callers })
  })
}

interface RouteParts {
  readonly options: GatewayOptions
  readonly base: BaseUrl
  readonly callers: Callers
}

function ownRoute(key: string, settings: RouteOptions, { options, base, callers }: RouteParts): OwnRoute {
  const isPrefix = key.endsWith('/*')
  const location = locationOf(base, isPrefix ? key.slice(0, -2) : key, 'routes')
  const { handle: piece } = settings
  const allowedOrigins = allowedOriginsOf(options.allowedOrigins, location)
  const { allowedHosts = location.loopback ? ['loopback', location.hostname] : undefined } = options
  const layers = [
    recover('oauth'),
    originCheck({ allowedOrigins, allowedHosts }),
    ...rateLimits(options).address,
    guardOf(key, settings, location, { options, base, callers }),
  ]
  const handle = compose(
    layers,
    typeof piece === 'function' ? piece : (request, context) => piece.handle(request, context),
  )
  const { path } = location
  const host = hostKey(location.origin)
  const own: { match?(request: Request): boolean } = typeof piece === 'function' ? {} : piece
  const route: RequestRoute = { kind: 'route', path }
  const served: ServedPath = { host, path, match: isPrefix ? 'prefix' : 'exact' }
  const takesTokens = callers.authority !== undefined && isGuardedByToken(settings)
  return {
    key,
    location,
    handle,
    route,
    ...(takesTokens && { scopes: settings.requiredScopes ?? [] }),
    paths: () => [served],
    match(request, named) {
      if (named.kind === 'own' && named.host !== host) return false
      const asked = requestPath(request.url)
      const isBelow = asked === path || asked === `${path}/` || (isPrefix && asked.startsWith(`${path}/`))
      return isBelow && (own.match?.(request) ?? true)
    },
  }
}

function isSettings(given: Mountable | RouteOptions): given is RouteOptions {
  return !('fetch' in given)
}

function isGuardedByToken({ guard, dangerouslyAllowAnonymous }: RouteOptions): boolean {
  return guard === undefined && !dangerouslyAllowAnonymous
}

function guardOf(
  key: string,
  settings: RouteOptions,
  location: ServerLocation,
  { options, callers }: RouteParts,
): Middleware {
  const { guard, requiredScopes, dangerouslyAllowAnonymous } = settings
  const isOpen = dangerouslyAllowAnonymous === true
  if ([guard !== undefined, requiredScopes !== undefined, isOpen].filter(Boolean).length > 1) {
    throw invalidConfiguration(
      `routes: ${key} has more than one of guard, requiredScopes and dangerouslyAllowAnonymous; keep one`,
    )
  }
  if (guard !== undefined) return guard
  if (isOpen) return pass
  const { resource, origin, path } = location
  const terms = { resource, requiredScopes, resourceMetadataUrl: origin + metadataPath(path) }
  const { authority, identities } = callers
  if (identities !== undefined) return identities.identify(terms)
  if (authority !== undefined) {
    const verifier = authority.protect(resource, { isImplied: false })
    const { tokenHeader, issuer } = authority
    const metadata = issuer === undefined && { resourceMetadataUrl: null }
    return bearerAuth({
      ...terms,
      ...metadata,
      tokenHeader,
      verifier,
      scopesSupported: requiredScopes,
      subject: options.subject,
    })
  }
  if (options.dangerouslyAllowAnonymous && requiredScopes === undefined) return pass
  throw invalidConfiguration(
    `routes: ${key} needs a token, and the gateway has no auth; give the route a guard, or dangerouslyAllowAnonymous`,
  )
}

const pass: Middleware = (request, context, next) => next(request, context)
