import { invalidConfiguration } from '../contract/invalid-configuration.js'

/** What tokens may be meant for, each with the URL that it is, if it is one. */
export type Audience = ReadonlyMap<string, URL | undefined>

/**
 * Reads the audience that an operator configured. A host without a path is the same with a slash and without (RFC 3986
 * section 6.2.3), and clients write either; anything else is one string.
 *
 * @throws {GatewayError} `invalid_configuration` where there is none
 */
export function readAudience(audience: string | readonly string[]): Audience {
  const all = typeof audience === 'string' ? [audience] : [...(audience ?? [])]
  if (all.length === 0 || all.some((one) => typeof one !== 'string' || one === '')) {
    throw invalidConfiguration('audience must name what tokens are meant for')
  }
  const read = new Map<string, URL | undefined>()
  for (const one of all) {
    const url = URL.canParse(one) ? fixedUrl(one) : undefined
    read.set(one, url)
    if (url !== undefined && (one === url.origin || one === `${url.origin}/`)) {
      read.set(url.origin, url).set(`${url.origin}/`, url)
    }
  }
  return read
}

const members = 'href origin protocol username password host hostname port pathname search hash'.split(' ')

/**
 * A URL that cannot be changed, and is therefore safe to hand to every request; making a new one for each would cost a
 * quarter of a repeat verification.
 */
function fixedUrl(href: string): URL {
  const url = new URL(href)
  for (const name of members) Object.defineProperty(url, name, { value: url[name as keyof URL] })
  Object.defineProperty(url, 'searchParams', { get: () => new URLSearchParams(url.search) })
  return Object.freeze(url)
}
