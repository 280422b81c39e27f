import { type Check, type Context, type Handler, type Mountable, mountable } from '@mcp-gateway/core'
import {
  checkIssuerScheme,
  checkOptions,
  createAccessLog,
  createProbes,
  invalidConfiguration,
  isLoopbackHost,
  issuerAuthority,
  type ReadinessPart,
  requestPath,
  wrongOption,
} from '@mcp-gateway/core/internal'
import { createLogger } from '@mcp-gateway/core/logging'
import type { AuthDecision } from './auth-decision.js'
import { allowed, createDecider } from './decide.js'
import type { AuthRequest } from './dialect.js'
import { discoveryAddresses } from './discovery.js'
import type { ForwardAuthOptions } from './forward-auth-options.js'
import { readHeaderNames } from './identity-headers.js'
import { strayRequest } from './mix-up.js'
import { forwardAuthTypes } from './option-types.js'
import { buildRoutes } from './route.js'
import { RouteTable } from './route-table.js'
import { servePublic } from './serve-public.js'

/**
 * Makes the endpoint that a reverse proxy asks about every request before it forwards it: 200 with the identity of the
 * caller in headers, or the refusal that tells an MCP client how to get in. It also serves the resource metadata of its
 * servers, their preflights, the keys of its assertions, and the endpoints of an `auth` that has some, for a proxy to
 * route there.
 *
 * It answers `/health`, and `/ready` by asking the authority and the keys of its assertions.
 *
 * A path that proxies and servers could read differently is 400. The dialect `ext-authz` refuses everything on hosts that
 * do not tell the target as it came: mount it by `toNodeHandler`, or give `handle` the `context.target`.
 *
 * It forwards nothing itself, never reads a body and takes no option from a request. It cannot remove headers: that the
 * client's own identity headers do not reach the upstream is the proxy's part, and the recipes do it.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see RFC 6750, RFC 9728
 * @example
 * ```ts
 * const forwardAuth = createForwardAuth({
 *   url: 'https://mcp.example.com',
 *   auth: { issuer: 'https://login.example.com' },
 *   dialect: 'forwarded',
 *   servers: { '/notes/mcp': { requiredScopes: ['notes:read'] } },
 * })
 * ```
 */
export function createForwardAuth(options: ForwardAuthOptions): ForwardAuth {
  checkOptions('createForwardAuth', options, forwardAuthTypes)
  const { dialect, path = '/auth', assertion, logger = createLogger() } = options
  const { keys, header = 'X-Identity-Assertion', jwksPath = '/.well-known/forward-auth-jwks.json' } = assertion ?? {}
  if (!URL.canParse(options.url) || !/^https?:\/\//i.test(options.url)) {
    throw wrongOption('createForwardAuth: url', options.url, 'an absolute URL, such as https://mcp.example.com')
  }
  for (const [name, own] of Object.entries({ path, jwksPath })) {
    if (!/^(?:\/[\w.~-]+)+$/.test(own))
      throw invalidConfiguration(`${name} ${JSON.stringify(own)} must look like /auth`)
  }
  const names = readHeaderNames(options.headers ?? {}, header)
  const authority = 'protect' in options.auth ? options.auth : issuerAuthority(options.auth)
  const routes = buildRoutes(options, authority)
  for (const { location } of routes) checkIssuerScheme(authority, location.resource)
  const origins = [...new Set(routes.map(({ location }) => location.origin))]
  const loopback = origins.some((origin) => isLoopbackHost(new URL(origin).hostname))
  const { allowedOrigins = loopback ? [...origins, 'loopback'] : origins } = options
  // DNS rebinding aims at servers on the user's own machine; elsewhere the proxy in front decides about names
  const own = [...origins, ...(authority.issuer === undefined ? [] : [authority.issuer])].map(
    (each) => new URL(each).hostname,
  )
  const { allowedHosts = loopback ? ['loopback', ...own] : undefined } = options
  const table = new RouteTable(routes)
  const discovery = discoveryAddresses(routes, authority.issuer)
  const log = createAccessLog({
    service: 'forward-auth',
    logger,
    observe: options.observe,
    userKey: options.logging?.userKey,
  })
  const decide = createDecider({
    log,
    dialect,
    prefix: path,
    table,
    discovery,
    names,
    assertionHeader: header,
    allowedOrigins,
  })
  const onStray = (request: Request, { target = targetOf(request.url), logger }: Context, isServer: boolean): void => {
    const reason = strayRequest(target, request.headers, isServer, { dialect, path })
    if (reason !== undefined) logger?.warn({ dialect, reason }, 'the proxy is not set up as this process is')
  }
  const serve = servePublic({ routes, table, allowedOrigins, allowedHosts, authority, jwksPath, keys, onStray })

  const parts = new Map<string, ReadinessPart>()
  if (authority.check !== undefined) parts.set('authority', { check: authority.check, required: true })
  if (keys !== undefined) parts.set('assertion keys', { check: () => keys.jwks(), required: true })
  const probes = createProbes({ parts, logger })

  const isAsked = (target: string): boolean =>
    target.startsWith(path) && (dialect === 'ext-authz' ? /^\// : /^(?:\?|$)/).test(target.slice(path.length))
  const ask: ForwardAuth['ask'] = (request, context) => (isAsked(request.target) ? decide(request, context) : undefined)

  /** Metadata, keys and the authority's endpoints. Paths that are nobody's are not logged: people paste tokens into them. */
  const serveRecorded: Handler = async (request, context) => {
    const path = requestPath(request.url)
    const isKnown = path === jwksPath || path.startsWith('/.well-known/') || authority.match?.(request) === true
    const record = log.begin(request, { path: isKnown ? path : '', client: context.client })
    const { requestId } = record
    const response = await serve(request, { ...context, record, requestId, logger: log.loggerOf(record) })
    return log.end(request, record, response)
  }

  const handle: Handler = async (request, context) => {
    const { method, headers } = request
    const { target } = context
    const isRaw = target !== undefined
    const result = await ask({ method, target: target ?? targetOf(request.url), isRaw, headers }, context)
    if (result === undefined) {
      return probes.serve(request) ?? serveRecorded(request, context)
    }
    return result.kind === 'allowed' ? allowed(result.headers) : result.response
  }
  const { check, willClose } = probes
  return mountable({
    handle,
    ask,
    check,
    willClose,
    ...(authority.close === undefined ? {} : { close: authority.close }),
  })
}

/** A forward-auth endpoint. */
export interface ForwardAuth extends Mountable {
  /** Whether the authority, and the keys of the assertions, can be had. */
  readonly check: Check
  /**
   * Decides about one request without a `Request` and a `Response`, which cost more than the decision; for adapters.
   * Whatever does not resolve to `kind: 'allowed'` is a refusal; `undefined` is returned for what is no auth request.
   */
  readonly ask: (request: AuthRequest, context: Context) => Promise<AuthDecision> | undefined
}

/** Path and query of a URL that the `Request` has normalised, without the cost of a `URL` object. */
function targetOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  return start === -1 ? '/' : url.slice(start)
}
