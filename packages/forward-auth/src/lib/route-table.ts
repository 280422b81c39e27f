import { GatewayError } from '@mcp-gateway/core'

/** Where a resource is. */
export interface Location {
  /** The resource identifier, as it was configured. */
  readonly resource: string
  /** `https://host` or `https://host:port`: lower case, no default port. */
  readonly origin: string
  /** The path, without a slash at its end but for the root. */
  readonly path: string
}

/**
 * Reads a key of `servers`: a path under `url`, or an absolute URL on a host of its own.
 *
 * @throws {GatewayError} `invalid_configuration` for what proxies and servers could read differently
 */
export function readLocation(url: string, key: string): Location {
  const resource = key.startsWith('/') ? url.replace(/\/$/, '') + key : key
  const [, path = ''] = /^https?:\/\/[^/?#]+(.*)$/i.exec(resource) ?? []
  const parsed = URL.canParse(resource) ? new URL(resource) : undefined
  if (parsed === undefined || parsed.username !== '' || parsed.password !== '' || /[?#]/.test(resource)) {
    throw invalid(
      key,
      'must be a path such as /notes/mcp or a URL such as https://notes.example.com/mcp, without query',
    )
  }
  if (parsed.protocol !== 'https:' && !isLoopback(parsed.hostname)) {
    throw invalid(key, 'must be https (http is for loopback addresses only)')
  }
  if (path !== '' && path !== '/' && (!/^(?:\/[\w.~!$&'()*+,=:@-]+)+$/.test(path) || parsed.pathname !== path)) {
    throw invalid(key, 'must have a path without escapes, empty or dot segments, and without a slash at its end')
  }
  return { resource, origin: parsed.origin, path: path === '' ? '/' : path }
}

/** Whether a host name names this machine only. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

function invalid(key: string, why: string): GatewayError {
  return new GatewayError('invalid_configuration', `servers: ${JSON.stringify(key)} ${why}`)
}

/** Something at a location. */
export interface Placed {
  readonly location: Location
  /** Whether every path below the location is it too. */
  readonly subpaths: boolean
}

/**
 * Finds what is configured for a path exactly as the client sent it. Paths are compared as text and never repaired:
 * what a proxy may read as one of ours (`/a/../notes/mcp`, `/notes//mcp`, `/notes%2fmcp`, `/Notes/mcp`) is unknown. A
 * slash at the end is the one tolerance.
 */
export class RouteTable<T extends Placed> {
  readonly #routes = new Map<string, T>()

  /** @throws {GatewayError} `invalid_configuration` for two at one location */
  constructor(routes: readonly T[]) {
    for (const route of routes) {
      const { origin, path, resource } = route.location
      if (this.#routes.has(origin + path)) throw invalid(resource, 'is there twice')
      this.#routes.set(origin + path, route)
    }
  }

  find(origin: string, path: string): T | undefined {
    const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
    const exact = this.#routes.get(origin + trimmed)
    if (exact !== undefined) return exact
    return isPlain(path) ? this.#above(origin, trimmed) : undefined
  }

  #above(origin: string, path: string): T | undefined {
    for (let end = path.lastIndexOf('/'); end >= 0; end = path.lastIndexOf('/', end - 1)) {
      const route = this.#routes.get(origin + (path.slice(0, end) || '/'))
      if (route?.subpaths) return route
      if (end === 0) break
    }
    return undefined
  }
}

/** Whether every proxy and server reads this path alike. */
function isPlain(path: string): boolean {
  return path.length <= 2048 && /^(?:\/[\w.~!$&'()*+,=:@%-]+)*\/?$/.test(path) && !treacherous.test(path)
}

// Dot segments; escapes of dots, slashes, backslashes, percent signs and control characters; escapes that are none
const treacherous = /\/\.{1,2}(?:\/|$)|%(?:2e|2f|5c|25|[01][\da-f]|7f|(?![\da-f]{2}))/i
