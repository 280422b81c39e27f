/** Reads one cookie of a request. */
export function readCookie(request: Request, name: string): string | undefined {
  for (const part of (request.headers.get('cookie') ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at !== -1 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return undefined
}

/** Names and writes the cookies of one address. */
export interface Cookies {
  /** @param suffix what tells one cookie from another; the plain name without it */
  name(suffix?: string): string
  /** @param maxAge seconds; `0` deletes the cookie, without it the cookie lasts until the browser is closed */
  write(suffix: string, value: string, maxAge?: number): string
  /** The line that deletes a cookie, by a date of the past. */
  remove(suffix: string): string
}

/**
 * Over https every cookie has the `__Host-` prefix, so no sibling host can set or read it. A browser would drop such a
 * cookie from a plain http page, which only loopback may be; there it goes without.
 *
 * @param url whose cookies they are
 * @param prefix what all their names begin with
 */
export function createCookies(url: string, prefix: string): Cookies {
  const secure = url.startsWith('https://')
  const name = (suffix = ''): string => `${secure ? '__Host-' : ''}${prefix}${suffix === '' ? '' : `-${suffix}`}`
  const attributes = `HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  return {
    name,
    write(suffix, value, maxAge) {
      const age = maxAge === undefined ? '' : ` Max-Age=${maxAge};`
      return `${name(suffix)}=${value}; Path=/;${age} ${attributes}`
    },
    remove: (suffix) => `${name(suffix)}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; ${attributes}`,
  }
}
