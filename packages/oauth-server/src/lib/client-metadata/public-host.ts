import { isPublicAddress } from '@mcp-gateway/core/internal'

/**
 * Whether a host can be on the public Internet by what it is called: an address that is public, or a name with a dot that is
 * none of this machine (RFC 6761 section 6.3). Where a name leads is for whoever connects to see.
 *
 * @param host as `URL.hostname` has it
 */
export function isPublicHost(host: string): boolean {
  const literal = /^\[(.*)\]$/.exec(host)?.[1] ?? (/^[\d.]+$/.test(host) ? host : undefined)
  if (literal !== undefined) return isPublicAddress(literal)
  const name = host.replace(/\.$/, '')
  return name.includes('.') && !name.endsWith('.localhost')
}
