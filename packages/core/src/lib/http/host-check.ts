import { wrongOption } from '../contract/invalid-configuration.js'
import { optional, textList } from '../contract/option-types.js'
import { isLoopback, isLoopbackHost } from './loopback.js'

/**
 * Tells whether a request names a host under which a piece at these URLs is served. With `allowedHosts` those names pass
 * (`loopback` stands for localhost, 127.0.0.0/8 and [::1]). Without it, a piece with a URL on this machine passes the hosts
 * of its URLs and every loopback name: a foreign page that has rebound its own name to 127.0.0.1 (DNS rebinding) still
 * names itself. For public URLs any host passes, since the proxy in front decides about names there.
 *
 * It looks at `Host` alone, or at the request's URL where there is none or an empty one, and never at a forwarded header.
 *
 * @param urls the public URLs of the piece, as they were configured
 * @param allowedHosts host names without port
 * @example
 * ```ts
 * const isServed = hostCheck(['http://127.0.0.1:8787'])
 * if (!isServed(request)) return oauthError(403, 'access_denied', 'This Host is not served here')
 * ```
 */
export function hostCheck(urls: readonly string[], allowedHosts?: readonly string[]): (request: Request) => boolean {
  textList(urls, 'The urls of hostCheck')
  optional(textList)(allowedHosts, 'The allowedHosts of hostCheck')
  const wrong = urls.find((url) => !URL.canParse(url))
  if (wrong !== undefined) throw wrongOption('The urls of hostCheck', urls, 'absolute URLs')
  const parsed = urls.map((url) => new URL(url))
  const names =
    allowedHosts ?? (parsed.some(isLoopback) ? ['loopback', ...parsed.map((url) => url.hostname)] : undefined)
  if (names === undefined) return () => true
  const allowed = new Set(names.map((name) => name.toLowerCase()))
  return (request) => {
    // Pages always name a host, so an empty one comes from none
    const host = hostname(request.headers.get('host') || hostOf(request.url))
    return allowed.has(host) || (allowed.has('loopback') && isLoopbackHost(host))
  }
}

function hostname(host: string): string {
  return host.toLowerCase().replace(/:\d{1,5}$/, '')
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : ''
}
