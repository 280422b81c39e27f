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

/** @throws {GatewayError} `invalid_configuration` for a URL that cannot be a public address of a gateway */
export function readBaseUrl(url: string): BaseUrl {
  const fail = (why: string) => invalidConfiguration(`url ${JSON.stringify(url)} ${why}`)
  if (typeof url !== 'string' || !URL.canParse(url))
    throw fail('must be an absolute URL, such as https://mcp.example.com')
  const parsed = new URL(url)
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw fail('must have no credentials, query or fragment')
  }
  const loopback = isLoopback(parsed)
  if (parsed.protocol !== 'https:' && !(parsed.protocol === 'http:' && loopback)) {
    throw fail('must start with https:// (http:// is for loopback addresses only)')
  }
  const path = /^[a-z]+:\/\/[^/]+(.*)$/i.exec(url)?.[1] ?? ''
  const prefix = path.replace(/\/$/, '')
  if (prefix !== '') checkPath(prefix, 'url')
  const origin = url.slice(0, url.length - path.length)
  return { origin, prefix, loopback, hostname: parsed.hostname }
}

/** The origins of pages that may call the servers. */
export function allowedOriginsOf(allowedOrigins: readonly string[] | undefined, base: BaseUrl): readonly string[] {
  // As browsers write it: in lower case, without a default port
  const origin = new URL(base.origin).origin
  return allowedOrigins ?? (base.loopback ? [origin, 'loopback'] : [origin])
}

/** A path that every parser reads in the same way, so that what is looked up is what is decided on. */
export function checkPath(path: string, option: string): void {
  if (!/^(?:\/[\w.~!$&'()*+,;=:@-]+)+$/.test(path) || new URL(path, 'http://localhost').pathname !== path) {
    throw invalidConfiguration(
      `${option}: the path ${JSON.stringify(path)} must look like /notes/mcp: a slash at its start, none at its end, no escapes`,
    )
  }
}
