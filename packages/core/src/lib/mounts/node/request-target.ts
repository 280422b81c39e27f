import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'
import { pathFault, pathOf } from '../../http/path-fault.js'

const absoluteTarget = /^https?:\/\/([^/?#]+)(.*)$/i
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
 * front may have compared it with its rules as it was. A request may name no host, by HTTP/1.0 without `Host` or by an empty
 * one, as health checks of load balancers do: then it is for the host of its absolute target, else for the address that the
 * connection came to.
 *
 * @returns `undefined` for a request whose target or Host is malformed
 * @see RFC 9112 sections 3.2 and 3.3
 */
export function requestTarget(request: IncomingMessage & { originalUrl?: string }): RequestTarget | undefined {
  const named = request.headers[':authority'] ?? request.headers.host ?? unnamed(request)
  if (typeof named !== 'string') return undefined
  // Express takes its mount path off `url`; the resources keep it
  const sent = request.originalUrl ?? request.url ?? '/'
  const host = named || (absoluteTarget.exec(sent)?.[1] ?? ownAddress(request))
  if (!hostPattern.test(host)) return undefined
  const scheme = 'encrypted' in request.socket && request.socket.encrypted ? 'https' : 'http'
  const target = originForm(sent, host)
  if (target === undefined || pathFault(pathOf(target)) === 'malformed') return undefined
  const url = `${scheme}://${host}${target}`
  if (plainTarget.test(target)) return { target, url }
  return URL.canParse(url) ? { target, url: new URL(url).href } : undefined
}

// RFC 9112 section 3.2.2: a client must send the Host of its absolute target; one that differs is an attack
function originForm(target: string, host: string): string | undefined {
  if (target.startsWith('/')) return target
  const match = absoluteTarget.exec(target)
  if (match?.[1] === undefined || match[1].toLowerCase() !== host.toLowerCase()) return undefined
  const rest = match[2] ?? ''
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** What a request says that has neither Host nor `:authority`: nothing, or, by HTTP/1.1, an error. */
function unnamed({ httpVersion }: IncomingMessage): '' | undefined {
  return httpVersion === '1.1' ? undefined : ''
}

function ownAddress({ socket: { localAddress, localPort } }: IncomingMessage): string {
  // A Unix socket has no address, and its clients are on this machine
  if (localAddress === undefined) return 'localhost'
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')
  return `${isIPv6(address) ? `[${address}]` : address}:${localPort}`
}
