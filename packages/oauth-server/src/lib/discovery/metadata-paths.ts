import { issuerMetadataPaths } from '@mcp-gateway/core/internal'

/**
 * Whether a client may look for the metadata at this path: under the issuer's own path as the standards say, while older
 * MCP clients ask at the root of the MCP server's host, and some with the MCP server's own path.
 */
export function isMetadataPath(path: string, issuerPath: string, resources: readonly string[]): boolean {
  if (!path.includes('/.well-known/')) return false
  const asked = path.replace(/\/$/, '')
  return placesOf(issuerPath, resources).some((place) => issuerMetadataPaths(place).includes(asked))
}

/** All such paths. */
export function metadataPaths(issuerPath: string, resources: readonly string[]): readonly string[] {
  return [...new Set(placesOf(issuerPath, resources).flatMap((place) => issuerMetadataPaths(place)))]
}

function placesOf(issuerPath: string, resources: readonly string[]): readonly string[] {
  return [issuerPath, '', ...resources.map(pathOf)]
}

function pathOf(url: string): string {
  return /^https?:\/\/[^/?#]+([^?#]*)/i.exec(url)?.[1] ?? ''
}
