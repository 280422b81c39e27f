const suffixes = ['oauth-authorization-server', 'openid-configuration']

/**
 * Every path at which a client may look for the metadata: RFC 8414 section 3 puts the issuer's path behind the
 * well-known part, OpenID Connect Discovery before it, older MCP clients ask at the root of the MCP server's host, and some with
 * the MCP server's own path.
 */
export function isMetadataPath(path: string, issuerPath: string, resources: readonly string[]): boolean {
  const known = suffixes.find((suffix) => path.includes(`/.well-known/${suffix}`))
  if (!known) return false
  const [before = '', after = ''] = path.split(`/.well-known/${known}`)
  if (before !== '' && after !== '') return false
  const place = (before || after).replace(/\/$/, '')
  return place === '' || place === issuerPath || resources.some((resource) => pathOf(resource) === place)
}

function pathOf(url: string): string {
  return /^https?:\/\/[^/?#]+([^?#]*)/i.exec(url)?.[1]?.replace(/\/$/, '') ?? ''
}
