import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { isLoopback } from '../http/loopback.js'

/** The public URL of a gateway, taken apart once. */
export interface BaseUrl {
  /** The origin, as it was written. */
  readonly origin: string
  /** The path in front of every server's path: `''` or `/prefix`, without a slash at its end. */
  readonly prefix: string
  /** Whether this machine alone is meant. */
  readonly loopback: boolean
  /** The host name, without port. */
  readonly hostname: string
}

/** Where one server is. */
export interface ServerLocation extends Omit<BaseUrl, 'prefix'> {
  /** The protected resource that it is (RFC 8707), as clients write it. */
  readonly resource: string
  /** The whole path, `/` for the root of a host. */
  readonly path: string
}

/**
 * @param option what the URL was written as, for the error
 * @throws {GatewayError} `invalid_configuration` for a URL that cannot be a public address of a gateway
 */
export function readBaseUrl(url: string, option = 'url'): BaseUrl {
  const fail = (why: string) => invalidConfiguration(`${option} ${JSON.stringify(url)} ${why}`)
  // `URL` takes blanks, backslashes and a missing slash too, and nothing that clients write compares equal to that
  if (typeof url !== 'string' || !URL.canParse(url) || !/^[a-z]+:\/\/[^\s/\\][^\s\\]*$/i.test(url))
    throw fail('must be an absolute URL, such as https://mcp.example.com')
  const parsed = new URL(url)
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw fail('must have no credentials, query or fragment')
  }
  // Clients write international names as their URL parsers do, and no header can carry them in another form
  if (!/^[\x21-\x7e]+$/.test(url)) throw fail(`must be plain ASCII; write its host as ${parsed.host}`)
  const loopback = isLoopback(parsed)
  if (parsed.protocol !== 'https:' && !(parsed.protocol === 'http:' && loopback)) {
    throw fail('must start with https:// (http:// is for loopback addresses only)')
  }
  const path = /^[a-z]+:\/\/[^/]+(.*)$/i.exec(url)?.[1] ?? ''
  const prefix = path.replace(/\/$/, '')
  if (prefix !== '') checkPath(prefix, option)
  const origin = url.slice(0, url.length - path.length)
  return { origin, prefix, loopback, hostname: parsed.hostname }
}

/**
 * Reads a key of `servers` or `routes`: a path below the gateway's URL, or an absolute URL on a host of its own.
 *
 * @throws {GatewayError} `invalid_configuration`
 */
export function locationOf(base: BaseUrl, key: string, option = 'servers'): ServerLocation {
  if (/^https?:/i.test(key)) {
    const { origin, prefix, loopback, hostname } = readBaseUrl(key, `${option}:`)
    if (prefix !== '' && key.endsWith('/'))
      throw invalidConfiguration(`${option}: ${key} must have no slash at its end`)
    return { resource: key, origin, path: prefix || '/', loopback, hostname }
  }
  const { origin, prefix, loopback, hostname } = base
  if (key !== '/') checkPath(key, option)
  // A URL parser writes the root of a host with its slash, so clients name that resource with it
  const path = key === '/' ? prefix || '/' : prefix + key
  return { resource: origin + path, origin, path, loopback, hostname }
}

/** The origins of pages that may call the servers. */
export function allowedOriginsOf(
  allowedOrigins: readonly string[] | undefined,
  base: Pick<BaseUrl, 'origin' | 'loopback'>,
): readonly string[] {
  // As browsers write it: in lower case, without a default port
  const origin = new URL(base.origin).origin
  return allowedOrigins ?? (base.loopback ? [origin, 'loopback'] : [origin])
}

/** A path that every parser reads in the same way, so that what is looked up is what is decided on. */
function checkPath(path: string, option: string): void {
  if (!/^(?:\/[\w.~!$&'()*+,;=:@-]+)+$/.test(path) || new URL(path, 'http://localhost').pathname !== path) {
    throw invalidConfiguration(
      `${option}: the path ${JSON.stringify(path)} must look like /notes/mcp: a slash at its start, none at its end, no escapes`,
    )
  }
}
