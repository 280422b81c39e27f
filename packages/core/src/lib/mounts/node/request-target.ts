import type { IncomingMessage } from 'node:http'
import { pathFault, pathOf } from '../../http/path-fault.js'

const hostPattern = /^(?:\[[\da-f:.]+\]|[\w.~-]+)(?::\d{1,5})?$/i
/** Characters that a URL parser leaves as they are. */
const plainTarget = /^\/[\w\-.~!$&'()*+,;=:@/%]*(?:\?[\w\-.~!$&()*+,;=:@/?%]*)?$/

/** Where a request is for. */
export interface RequestTarget {
  /** Path and query exactly as the client sent them. */
  readonly target: string
  /** The URL as the `Request` tells it. The host in it is what the client wrote, so nothing may be decided by it. */
  readonly url: string
}

/**
 * Reads where a request is for. A path with dot segments, a backslash or a control character is not repaired: a proxy in
 * front may have compared it with its rules as it was.
 *
 * @returns `undefined` for a request whose target or Host is malformed
 * @see RFC 9112 section 3.2
 */
export function requestTarget(request: IncomingMessage & { originalUrl?: string }): RequestTarget | undefined {
  const host = request.headers[':authority'] ?? request.headers.host
  if (typeof host !== 'string' || !hostPattern.test(host)) return undefined
  const scheme = 'encrypted' in request.socket && request.socket.encrypted ? 'https' : 'http'
  // Express takes its mount path off `url`; the resources keep it
  const target = originForm(request.originalUrl ?? request.url ?? '/', host)
  if (target === undefined || pathFault(pathOf(target)) === 'malformed') return undefined
  const url = `${scheme}://${host}${target}`
  if (plainTarget.test(target)) return { target, url }
  return URL.canParse(url) ? { target, url: new URL(url).href } : undefined
}

// RFC 9112 section 3.2.2: a client must send the Host of its absolute target; one that differs is an attack
function originForm(target: string, host: string): string | undefined {
  if (target.startsWith('/')) return target
  const match = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target)
  if (match?.[1] === undefined || match[1].toLowerCase() !== host.toLowerCase()) return undefined
  const rest = match[2] ?? ''
  return rest.startsWith('/') ? rest : `/${rest}`
}
