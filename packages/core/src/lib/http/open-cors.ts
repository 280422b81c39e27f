/** Lets any web page read an answer, without cookies: for what is public, or asks for credentials in the request itself. */
export const openCors: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'WWW-Authenticate, DPoP-Nonce, Retry-After',
}

/**
 * The headers of an answer to a preflight that needs no authentication: any header may come with the request. `*` stands for
 * all but `Authorization`, and only where no cookies are sent; the names are for browsers that do not know it.
 *
 * @param methods those of the endpoint, beside `OPTIONS`
 * @see Fetch Standard section 3.3.3
 */
export function openPreflight(methods: readonly string[]): Record<string, string> {
  return {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': [...methods, 'OPTIONS'].join(', '),
    'Access-Control-Allow-Headers':
      '*, Authorization, Content-Type, DPoP, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID',
    'Access-Control-Max-Age': '86400',
  }
}
