import { wellKnown } from '@mcp-gateway/core/internal'
import type { Route } from './route.js'

/**
 * Every address of a discovery document, as `https://host/path`: exact, and on the hosts that have one. They are open
 * in case that a proxy asks about them instead of routing them.
 */
export function discoveryAddresses(routes: readonly Route[], issuer: string): ReadonlySet<string> {
  const addresses = new Set<string>()
  for (const { location, metadataUrl } of routes) {
    addresses.add(metadataUrl)
    addresses.add(location.origin + wellKnown)
  }
  const { origin, pathname } = new URL(issuer)
  if (routes.some(({ location }) => location.origin === origin)) {
    const path = pathname.replace(/\/$/, '')
    // RFC 8414 section 3.1 and OpenID Connect Discovery section 4, as clients try them
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      addresses.add(`${origin}/.well-known/${name}${path}`)
      addresses.add(`${origin}${path}/.well-known/${name}`)
      addresses.add(`${origin}/.well-known/${name}`)
    }
  }
  return addresses
}
