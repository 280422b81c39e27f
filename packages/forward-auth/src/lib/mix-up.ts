import type { AuthRequest, Dialect } from './dialect.js'

/** What a proxy was told about this process. */
export interface Expected {
  readonly dialect: Dialect
  /** Where it asks. */
  readonly path: string
}

type Headers = AuthRequest['headers']

/** Which other dialect an auth request looks like, by headers that only its proxies set. For the operator's log. */
export function otherDialect(headers: Headers, dialect: Dialect): string | undefined {
  if (dialect !== 'original' && headers.has('x-original-url')) {
    return 'it has X-Original-URL, as nginx sends it; for nginx the dialect is "original"'
  }
  if (dialect !== 'forwarded' && headers.has('x-forwarded-uri')) {
    return 'it has X-Forwarded-Uri, as Caddy, HAProxy and Traefik send it; for them the dialect is "forwarded"'
  }
  return undefined
}

/**
 * Why a request that nothing here answers looks like one of a proxy that is set up for another dialect or path; `undefined`
 * for all others, which strangers may send as they like. For the operator's log; it repeats nothing of the request.
 *
 * @param target path and query
 * @param isServer whether it is for one of the servers
 */
export function strayRequest(
  target: string,
  headers: Headers,
  isServer: boolean,
  expected: Expected,
): string | undefined {
  const { dialect, path } = expected
  const rest = target.startsWith(path) ? target.slice(path.length) : undefined
  if (dialect === 'ext-authz' && rest !== undefined && /^(?:\?|$)/.test(rest)) {
    const why = otherDialect(headers, dialect) ?? 'Envoy asks below it, by path_prefix'
    return `it was asked at ${path} itself, but the dialect is "ext-authz": ${why}`
  }
  if (dialect !== 'ext-authz' && rest?.startsWith('/')) {
    return `it was asked below ${path}, as Envoy does; for Envoy the dialect is "ext-authz"`
  }
  if (headers.has('x-original-url') || headers.has('x-forwarded-uri')) {
    return `it was asked at another path than ${path}; the proxy and the option path have to name the same`
  }
  return isServer
    ? `it got a request for a server itself; a proxy asks at ${path}${dialect === 'ext-authz' ? ', by path_prefix,' : ''} and forwards the request elsewhere`
    : undefined
}
