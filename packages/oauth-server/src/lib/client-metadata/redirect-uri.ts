import { isLoopbackHost } from '@mcp-gateway/core/internal'

const http = /^http:\/\/(?<host>[^/?#:@[\]\\\s]+|\[[^\]]*\])(?::(?<port>\d{1,5}))?(?<rest>[/?][^#]*)?$/

/**
 * Whether a requested redirect URI is a registered one: the same string, or, for a loopback URI, the same but for the
 * port (RFC 8252 section 7.3). Strings are compared as they are: a URL parser would let many spellings pass as one.
 */
export function isRegisteredRedirectUri(registered: readonly string[], requested: string): boolean {
  if (registered.includes(requested)) return true
  const parts = loopbackParts(requested)
  if (!parts || Number(parts.port ?? 80) > 65_535) return false
  return registered.some((uri) => {
    const known = loopbackParts(uri)
    return known !== undefined && known.host === parts.host && (known.rest ?? '') === (parts.rest ?? '')
  })
}

/** Whether the URI leads back to the machine that the browser runs on. */
export function isLoopbackRedirectUri(uri: string): boolean {
  return loopbackParts(uri) !== undefined
}

function loopbackParts(uri: string) {
  const parts = http.exec(uri)?.groups
  return parts?.host !== undefined && isLoopbackHost(parts.host) ? parts : undefined
}
