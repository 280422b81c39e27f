/** Reads one cookie of a request. */
export function readCookie(request: Request, name: string): string | undefined {
  for (const part of (request.headers.get('cookie') ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at !== -1 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return undefined
}

/** Names and writes the cookies of one issuer. */
export interface Cookies {
  name(suffix: string): string
  /** @param maxAge seconds; `0` deletes the cookie */
  write(suffix: string, value: string, maxAge: number): string
}

/**
 * Over https every cookie has the `__Host-` prefix, so no sibling host can set or read it. A browser would drop such a
 * cookie from a plain http issuer, which only loopback may be; there it goes without.
 */
export function createCookies(issuer: string): Cookies {
  const secure = issuer.startsWith('https://')
  const name = (suffix: string): string => `${secure ? '__Host-' : ''}mcp-oauth-${suffix}`
  return {
    name,
    write: (suffix, value, maxAge) =>
      `${name(suffix)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
  }
}
