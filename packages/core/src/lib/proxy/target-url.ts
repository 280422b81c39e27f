/**
 * The URL of an upstream with the query of the client's request. Parameters that the upstream's own URL has stay as they
 * were configured, and a token in the query goes nowhere (RFC 6750 section 2.3, MCP R5).
 *
 * @param url as it was configured
 */
export function withQueryOf(url: string, request: Request): string {
  const { search } = new URL(request.url)
  if (search.length < 2) return url
  const never = new Set(['access_token', ...[...new URL(url).searchParams.keys()].map((name) => name.toLowerCase())])
  const passed = search
    .slice(1)
    .split('&')
    .filter((part) => {
      const [name] = new URLSearchParams(part).keys()
      return name !== undefined && !never.has(name.toLowerCase())
    })
  if (passed.length === 0) return url
  const joint = url.includes('?') ? (/[?&]$/.test(url) ? '' : '&') : '?'
  return url + joint + passed.join('&')
}
