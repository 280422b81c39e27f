import type { GatewayError } from '@mcp-gateway/core'
import { foldPath, invalidConfiguration, isLoopbackHost } from '@mcp-gateway/core/internal'

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
  if (parsed.protocol !== 'https:' && !isLoopbackHost(parsed.hostname)) {
    throw invalid(key, 'must be https (http is for loopback addresses only)')
  }
  if (path !== '' && path !== '/' && (!/^(?:\/[\w.~!$&'()*+,=:@-]+)+$/.test(path) || parsed.pathname !== path)) {
    throw invalid(key, 'must have a path without escapes, empty or dot segments, and without a slash at its end')
  }
  return { resource, origin: parsed.origin, path: path === '' ? '/' : path }
}

function invalid(key: string, why: string): GatewayError {
  return invalidConfiguration(`servers: ${JSON.stringify(key)} ${why}`)
}

/** Something at a location. */
export interface Placed {
  readonly location: Location
  /** Whether every path below the location is it too. */
  readonly subpaths: boolean
}

/** What is configured for a path. */
export type Found<T> =
  | { readonly kind: 'found'; readonly route: T }
  /** Nothing is, or something that does not have paths below it. */
  | { readonly kind: 'unknown' }
  /** A server that reads the path more forgivingly would serve another route. */
  | { readonly kind: 'ambiguous' }

/** Longer paths have nothing below a location. */
const longest = 2048

/**
 * Finds what is configured for a path exactly as the client sent it. Paths are compared as text and never repaired; a
 * slash at the end is the one tolerance. Below a location the nearest one that is configured decides, whether it has
 * paths below it or not, so that a token for `/tools` never opens `/tools/admin`.
 *
 * It gets paths without a fault (`pathFault`). What is left of two readings, letters in the other case and escaped
 * letters of other alphabets, is compared too: where another route would be found by them, none is.
 */
export class RouteTable<T extends Placed> {
  readonly #routes = new Map<string, T>()
  /** By folded paths; `undefined` where several locations fold to one. */
  readonly #folded = new Map<string, T | undefined>()

  /** @throws {GatewayError} `invalid_configuration` for two at one location */
  constructor(routes: readonly T[]) {
    for (const route of routes) {
      const { origin, path, resource } = route.location
      if (this.#routes.has(origin + path)) throw invalid(resource, 'is there twice')
      this.#routes.set(origin + path, route)
      const folded = origin + foldPath(path)
      this.#folded.set(folded, this.#folded.has(folded) ? undefined : route)
    }
  }

  find(origin: string, path: string): Found<T> {
    const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
    const exact = this.#routes.get(origin + trimmed)
    if (exact !== undefined) return { kind: 'found', route: exact }
    if (path.length > longest) return { kind: 'unknown' }
    const route = nearest(this.#routes, origin, trimmed)
    if (route === undefined || !route.subpaths) return { kind: 'unknown' }
    return nearest(this.#folded, origin, foldPath(trimmed)) === route ? { kind: 'found', route } : { kind: 'ambiguous' }
  }
}

/** What is configured for the longest path that this one begins with, at a slash. */
function nearest<T>(routes: ReadonlyMap<string, T>, origin: string, path: string): T | undefined {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const key = origin + path.slice(0, end)
    if (routes.has(key)) return routes.get(key)
  }
  return routes.get(`${origin}/`)
}
