/** How often in a row one request is sent where its upstream redirects it. */
const maxRedirects = 5

/** Where a request goes next, or why it goes nowhere. */
export type Redirect = { readonly url: string } | { readonly why: 'loop' | 'too_many' } | undefined

/**
 * Tells whether a redirect is followed: one that keeps method and body (307 and 308, RFC 9110 section 15.4), to the same
 * origin. Credentials, and whatever else is in the request, never reach another one.
 *
 * @param visited the URLs that this request was sent to
 */
export function redirectOf(status: number, location: string | null, visited: readonly string[]): Redirect {
  const last = visited.at(-1) ?? ''
  if ((status !== 307 && status !== 308) || location === null || !URL.canParse(location, last)) return undefined
  const next = new URL(location, last)
  if (next.origin !== new URL(last).origin || next.username !== '' || next.password !== '') return undefined
  next.hash = ''
  if (visited.some((url) => new URL(url).href === next.href)) return { why: 'loop' }
  return visited.length > maxRedirects ? { why: 'too_many' } : { url: next.href }
}
