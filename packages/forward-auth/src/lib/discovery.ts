import { issuerMetadataPaths, wellKnown } from '@mcp-gateway/core/internal'
import type { Route } from './route.js'

/**
 * Every address of a discovery document, as `https://host/path`: exact, and on the hosts that have one. They are open
 * in case that a proxy asks about them instead of routing them.
 */
export function discoveryAddresses(routes: readonly Route[], issuer: string | undefined): ReadonlySet<string> {
  const addresses = new Set<string>()
  // Without OAuth there are no documents
  if (issuer === undefined) return addresses
  for (const { location, metadataUrl } of routes) {
    addresses.add(metadataUrl)
    addresses.add(location.origin + wellKnown)
  }
  const { origin, pathname } = new URL(issuer)
  if (routes.some(({ location }) => location.origin === origin)) {
    for (const path of [...issuerMetadataPaths(pathname), ...issuerMetadataPaths('')]) addresses.add(origin + path)
  }
  return addresses
}
