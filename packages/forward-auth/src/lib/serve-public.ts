import { type Authority, type Context, challenge, compose, type Handler, oauthError } from '@mcp-gateway/core'
import { cors } from '@mcp-gateway/core/gateway'
import { hostCheck, pathFault, wellKnown } from '@mcp-gateway/core/internal'
import type { SigningKeys } from '@mcp-gateway/core/keys'
import type { Route } from './route.js'
import type { RouteTable } from './route-table.js'

/** What there is to serve besides decisions. */
export interface PublicOptions {
  readonly routes: readonly Route[]
  readonly table: RouteTable<Route>
  readonly allowedOrigins: readonly string[]
  /** Any, if there are none. */
  readonly allowedHosts?: readonly string[]
  readonly authority: Authority
  readonly jwksPath: string
  readonly keys?: SigningKeys
  /** Hears of a request that nothing here answers. */
  readonly onStray: (request: Request, context: Context, isServer: boolean) => void
}

/**
 * Answers what a proxy routes here instead of asking about it: resource metadata, preflights of the servers, the keys of
 * assertions, and the authorization server's endpoints. Everything else is 401, so that a catch-all route is closed.
 */
export function servePublic(options: PublicOptions): Handler {
  const { routes, table, allowedOrigins, allowedHosts, authority, jwksPath, keys, onStray } = options
  // The scheme behind a proxy is not the public one, so hosts are compared, with the port that the client named
  const byHost = new Map<string, Route[]>()
  for (const route of routes) {
    const host = hostOf(new URL(route.location.origin))
    byHost.set(host, [...(byHost.get(host) ?? []), route])
  }
  const answerPreflight = compose([cors({ allowedOrigins })], () => challenge())

  const isServed = hostCheck([], allowedHosts)

  return async (request, context) => {
    if (!isServed(request)) {
      return oauthError(403, 'access_denied', 'This Host is not served here; the operator can add it to allowedHosts')
    }
    const url = new URL(request.url)
    const host = hostOf(url)
    const { pathname } = url
    if (pathFault(pathname) !== undefined)
      return oauthError(400, 'invalid_request', 'The path can be read in several ways')
    if (pathname === jwksPath && keys !== undefined) return serveKeys(request, keys)
    if (pathname === wellKnown || pathname.startsWith(`${wellKnown}/`)) {
      return serveMetadata(byHost.get(host) ?? [], request, context)
    }
    const isServer = ['https', 'http'].some((scheme) => table.find(`${scheme}://${host}`, pathname).kind === 'found')
    if (request.method === 'OPTIONS' && isServer) return answerPreflight(request, context)
    const { handle } = authority
    if (handle !== undefined && (authority.match?.(request) ?? true)) return handle(request, context)
    onStray(request, context, isServer)
    return challenge()
  }
}

function hostOf({ host }: URL): string {
  return host.replace(/:(?:80|443)$/, '')
}

/** The first document that is at this address; the 404 of the last where there is none. */
async function serveMetadata(
  ...[routes, request, context]: [readonly Route[], ...Parameters<Handler>]
): Promise<Response> {
  let answer: Response | undefined
  for (const { metadata } of routes) {
    answer = await metadata(request, context)
    if (answer.status !== 404) return answer
  }
  return answer ?? oauthError(404, 'not_found', 'No protected resource has its metadata here')
}

async function serveKeys(request: Request, keys: SigningKeys): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return oauthError(405, 'invalid_request', 'Keys are read with GET', { Allow: 'GET, HEAD' })
  }
  return new Response(JSON.stringify(await keys.jwks()), {
    headers: { 'Content-Type': 'application/jwk-set+json', 'Cache-Control': 'public, max-age=300' },
  })
}
