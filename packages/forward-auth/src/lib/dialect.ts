import { isMalformedQuery, pathFault, pathOf } from '@mcp-gateway/core/internal'

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
  readonly kind: 'original'
  readonly method: string
  /** `https://host` or `https://host:port`: lower case, no default port. */
  readonly origin: string
  /** The path exactly as it was sent, without the query. */
  readonly path: string
}

/** Why it cannot be told what the client asked the proxy for. */
export type Untold =
  /** The proxy says too little, or what no proxy says that is set up right. */
  | { readonly kind: 'misconfigured'; readonly why: string }
  /** The client sent a target that proxies and servers read differently. */
  | { readonly kind: 'malformed' }

/**
 * Reads what the client asked for.
 *
 * @param prefix the path in front of the original one, for `ext-authz`
 */
export function readOriginal(dialect: Dialect, request: AuthRequest, prefix: string): OriginalRequest | Untold {
  switch (dialect) {
    case 'forwarded':
      return fromForwarded(request)
    case 'original':
      return fromOriginal(request)
    case 'ext-authz':
      return fromRequestLine(request, prefix)
  }
}

function fromForwarded({ headers }: AuthRequest): OriginalRequest | Untold {
  const method = headers.get('x-forwarded-method')
  const scheme = headers.get('x-forwarded-proto')
  const host = headers.get('x-forwarded-host')
  const target = headers.get('x-forwarded-uri')
  if (method === null) return misconfigured('X-Forwarded-Method is missing')
  if (scheme === null) return misconfigured('X-Forwarded-Proto is missing')
  if (host === null) return misconfigured('X-Forwarded-Host is missing')
  if (target === null) return misconfigured('X-Forwarded-Uri is missing')
  return original(method, scheme, host, target)
}

const absolute = /^(https?):\/\/([^/?#\\]+)(\/.*)$/i

function fromOriginal({ headers }: AuthRequest): OriginalRequest | Untold {
  const method = headers.get('x-original-method')
  const url = headers.get('x-original-url')
  if (method === null) return misconfigured('X-Original-Method is missing')
  if (url === null) return misconfigured('X-Original-URL is missing')
  const [, scheme = '', host = '', target = ''] = absolute.exec(url) ?? []
  return original(method, scheme.toLowerCase(), host, target)
}

function fromRequestLine({ method, target, isRaw, headers }: AuthRequest, prefix: string): OriginalRequest | Untold {
  // What a host has normalised is not what the proxy is going to forward
  if (isRaw !== true) {
    return misconfigured(
      'This host does not tell the target as it came; use toNodeHandler, or give handle context.target',
    )
  }
  const scheme = headers.get('x-forwarded-proto')
  const host = headers.get('host')
  if (scheme === null) return misconfigured('X-Forwarded-Proto is missing')
  if (host === null) return misconfigured('Host is missing')
  if (!target.startsWith(`${prefix}/`)) return misconfigured(`The path does not start with ${prefix}/`)
  return original(method, scheme, host, target.slice(prefix.length))
}

const token = /^[A-Z][A-Z0-9_-]{0,31}$/
const authority = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/
const defaultPort = { http: ':80', https: ':443' }

// A list, user information, a trailing dot or an escape is not what a proxy that is set up right says
function original(method: string, scheme: string, host: string, target: string): OriginalRequest | Untold {
  if (!token.test(method)) return misconfigured('The original method is not one')
  if (scheme !== 'https' && scheme !== 'http') return misconfigured('The original scheme is neither http nor https')
  const lower = host.toLowerCase()
  if (!authority.test(lower)) return misconfigured('The original host is not one')
  const path = pathOf(target)
  if (!target.startsWith('/')) return misconfigured('The original target is not a path')
  if (pathFault(path) !== undefined || isMalformedQuery(target.slice(path.length))) return { kind: 'malformed' }
  const port = defaultPort[scheme]
  return {
    kind: 'original',
    method,
    origin: `${scheme}://${lower.endsWith(port) ? lower.slice(0, -port.length) : lower}`,
    path,
  }
}

function misconfigured(why: string): Untold {
  return { kind: 'misconfigured', why }
}
