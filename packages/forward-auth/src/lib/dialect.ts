import { isMalformedQuery, pathFault, pathOf, Refusal } from '@mcp-gateway/core/internal'

/**
 * How the proxy tells what it was asked. Configured, never guessed: nginx lets a client's `X-Forwarded-*` through to the
 * auth request and Caddy a client's `X-Original-*`, so each dialect reads only the headers that its proxies overwrite.
 *
 * - `forwarded`: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`. Traefik, Caddy, HAProxy with the Lua recipe.
 * - `original`: `X-Original-Method` and `X-Original-URL`. nginx, ingress-nginx.
 * - `ext-authz`: the method, path and `Host` of the auth request itself, and `X-Forwarded-Proto`. Envoy, Istio, Gateway API.
 *   Needs the target as it came, which `fetch` does not get: mount `toNodeHandler`, or give `handle` the `context.target`.
 */
export type Dialect = 'forwarded' | 'original' | 'ext-authz'

/** An auth request, as its transport gives it. */
export interface AuthRequest {
  readonly method: string
  /** The path and query of the auth request itself. */
  readonly target: string
  /**
   * Whether `target` is exactly what came, not what a host made of it. `ext-authz` decides on nothing else.
   *
   * @default false
   */
  readonly isRaw?: boolean
  readonly headers: Pick<Headers, 'get' | 'has' | 'keys'>
}

/** What the client asked the proxy for. */
export interface OriginalRequest {
  readonly method: string
  /** `https://host` or `https://host:port`: lower case, no default port. */
  readonly origin: string
  /** The path exactly as it was sent, without the query. */
  readonly path: string
}

/**
 * Reads what the client asked for.
 *
 * @param prefix the path in front of the original one, for `ext-authz`
 * @throws {Refusal} 401 `misconfigured` where the proxy says too little, or what no proxy says that is set up right; 400
 *   `ambiguous_path` for a target that proxies and servers read differently
 */
export function readOriginal(dialect: Dialect, request: AuthRequest, prefix: string): OriginalRequest {
  switch (dialect) {
    case 'forwarded':
      return fromForwarded(request)
    case 'original':
      return fromOriginal(request)
    case 'ext-authz':
      return fromRequestLine(request, prefix)
  }
}

function fromForwarded({ headers }: AuthRequest): OriginalRequest {
  const method = headers.get('x-forwarded-method')
  const scheme = headers.get('x-forwarded-proto')
  const host = headers.get('x-forwarded-host')
  const target = headers.get('x-forwarded-uri')
  if (method === null) throw misconfigured('X-Forwarded-Method is missing')
  if (scheme === null) throw misconfigured('X-Forwarded-Proto is missing')
  if (host === null) throw misconfigured('X-Forwarded-Host is missing')
  if (target === null) throw misconfigured('X-Forwarded-Uri is missing')
  return original(method, scheme, host, target)
}

const absolute = /^(https?):\/\/([^/?#\\]+)(\/.*)$/i

function fromOriginal({ headers }: AuthRequest): OriginalRequest {
  const method = headers.get('x-original-method')
  const url = headers.get('x-original-url')
  if (method === null) throw misconfigured('X-Original-Method is missing')
  if (url === null) throw misconfigured('X-Original-URL is missing')
  const [, scheme = '', host = '', target = ''] = absolute.exec(url) ?? []
  return original(method, scheme.toLowerCase(), host, target)
}

function fromRequestLine({ method, target, isRaw, headers }: AuthRequest, prefix: string): OriginalRequest {
  // What a host has normalised is not what the proxy is going to forward
  if (isRaw !== true) {
    throw misconfigured(
      'This host does not tell the target as it came; use toNodeHandler, or give handle context.target',
    )
  }
  const scheme = headers.get('x-forwarded-proto')
  const host = headers.get('host')
  if (scheme === null) throw misconfigured('X-Forwarded-Proto is missing')
  if (host === null) throw misconfigured('Host is missing')
  if (!target.startsWith(`${prefix}/`)) throw misconfigured(`The path does not start with ${prefix}/`)
  return original(method, scheme, host, target.slice(prefix.length))
}

const token = /^[A-Z][A-Z0-9_-]{0,31}$/
const authority = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/
const defaultPort = { http: ':80', https: ':443' }

// A list, user information, a trailing dot or an escape is not what a proxy that is set up right says
function original(method: string, scheme: string, host: string, target: string): OriginalRequest {
  if (!token.test(method)) throw misconfigured('The original method is not one')
  if (scheme !== 'https' && scheme !== 'http') throw misconfigured('The original scheme is neither http nor https')
  const lower = host.toLowerCase()
  if (!authority.test(lower)) throw misconfigured('The original host is not one')
  const path = pathOf(target)
  if (!target.startsWith('/')) throw misconfigured('The original target is not a path')
  if (pathFault(path) !== undefined || isMalformedQuery(target.slice(path.length))) throw ambiguousPath()
  const port = defaultPort[scheme]
  return {
    method,
    origin: `${scheme}://${lower.endsWith(port) ? lower.slice(0, -port.length) : lower}`,
    path,
  }
}

/** The refusal of a path that two readers could take differently. */
export function ambiguousPath(): Refusal {
  return new Refusal(
    400,
    'ambiguous_path',
    'The path can be read in several ways; send it without escapes of plain characters, empty segments and dot segments',
  )
}

function misconfigured(why: string): Refusal {
  return new Refusal(401, 'misconfigured', `The proxy is not set up for this: ${why}`, {
    reason: `The proxy does not tell what it was asked: ${why}`,
  })
}
