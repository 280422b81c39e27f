import type { Authority } from '../contract/authority.js'
import type { Middleware } from '../contract/handler.js'
import { type RequestRoute, recordRefusal } from '../contract/request-record.js'
import { compose } from '../http/compose.js'
import { hostCheck } from '../http/host-check.js'
import { oauthError } from '../http/oauth-error.js'
import { requestPath } from '../http/request-path.js'
import type { BaseUrl } from './base-url.js'
import type { GatewayOptions } from './gateway-options.js'
import { hostKey, type NamedHost } from './hosts.js'
import type { OwnPaths } from './place.js'
import { rateLimits } from './rate-limits.js'
import { recover } from './recover.js'

const ofAuthority: RequestRoute = { kind: 'authority' }
const ofVault: RequestRoute = { kind: 'vault' }

/** The endpoints of the authorization server; `undefined` where it is served elsewhere. */
export function guardAuthority(
  { allowedHosts }: GatewayOptions,
  base: BaseUrl,
  authority: Authority | undefined,
): OwnPaths | undefined {
  const { issuer } = authority ?? {}
  if (authority?.handle === undefined || issuer === undefined) return undefined
  const names = allowedHosts && [...allowedHosts, new URL(issuer).hostname]
  const checkHost = ownHosts([base.origin, issuer], names)
  const handle = compose([recover('oauth'), checkHost], authority.handle.bind(authority))
  const paths = authority.paths?.bind(authority)
  const home = hostKey(issuer)
  // Older clients look for the metadata of the issuer at each MCP server; everything else is on the issuer's own host
  const isAt = (request: Request, host: NamedHost) =>
    paths === undefined ||
    host.kind !== 'own' ||
    host.host === home ||
    requestPath(request.url).startsWith('/.well-known/')
  return {
    handle,
    route: ofAuthority,
    match: (request, host) => (isAt(request, host) ? authority.match?.(request) : false),
    ...(paths && { paths }),
  }
}

/** The pages of the vault. It checks hosts itself: it alone knows where its pages are. */
export function guardVault(options: GatewayOptions): OwnPaths | undefined {
  const { vault } = options
  if (vault === undefined) return undefined
  const layers = [recover('oauth'), ...rateLimits(options).address]
  const handle = compose(layers, (request, context) => vault.handle(request, context))
  return {
    handle,
    route: ofVault,
    match: (request) => vault.match(request),
    ...(vault.paths && { paths: vault.paths }),
  }
}

/** Refuses foreign hosts where there are no MCP messages; in front of servers that is the part of `originCheck`. */
export function ownHosts(urls: readonly string[], allowedHosts: readonly string[] | undefined): Middleware {
  const isServed = hostCheck(urls, allowedHosts)
  return (request, context, next) => {
    if (isServed(request)) return next(request, context)
    recordRefusal(context.record, { by: 'gateway', code: 'foreign_host' })
    return oauthError(403, 'access_denied', 'This Host is not served here; the operator can add it to allowedHosts')
  }
}
