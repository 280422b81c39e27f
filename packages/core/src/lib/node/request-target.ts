import type { IncomingMessage } from 'node:http'

const hostPattern = /^(?:\[[\da-f:.]+\]|[\w.~-]+)(?::\d{1,5})?$/i
/** Characters that a URL parser leaves as they are; dots are looked at separately. */
const plainTarget = /^\/[\w\-.~!$&'()*+,;=:@/%]*(?:\?[\w\-.~!$&()*+,;=:@/?%]*)?$/
const dotSegment = /(?:\/|%2f)(?:\.|%2e){1,2}(?:[/?]|%2f|$)/i

/**
 * The URL of a request as its `Request` tells it, normalised, or `undefined` for one that is not well-formed. The host
 * in it is what the client wrote, so nothing may be decided by it.
 *
 * @see RFC 9112 section 3.2
 */
export function requestUrl(request: IncomingMessage & { originalUrl?: string }): string | undefined {
  const host = request.headers[':authority'] ?? request.headers.host
  if (typeof host !== 'string' || !hostPattern.test(host)) return undefined
  const scheme = 'encrypted' in request.socket && request.socket.encrypted ? 'https' : 'http'
  // Express takes its mount path off `url`; the resources keep it
  const target = originForm(request.originalUrl ?? request.url ?? '/', host)
  if (target === undefined) return undefined
  const url = `${scheme}://${host}${target}`
  if (plainTarget.test(target) && !dotSegment.test(target)) return url
  return URL.canParse(url) ? new URL(url).href : undefined
}

// RFC 9112 section 3.2.2: a client must send the Host of its absolute target; one that differs is an attack
function originForm(target: string, host: string): string | undefined {
  if (target.startsWith('/')) return target
  const match = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target)
  if (match?.[1] === undefined || match[1].toLowerCase() !== host.toLowerCase()) return undefined
  const rest = match[2] ?? ''
  return rest.startsWith('/') ? rest : `/${rest}`
}
