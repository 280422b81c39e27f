import {
  type Authority,
  bearerAuth,
  GatewayError,
  type Handler,
  type Middleware,
  oauthError,
  resourceMetadata,
  resourceMetadataUrl,
  type TokenVerifier,
} from '@mcp-gateway/core'
import { checkGrantable, invalidConfiguration } from '@mcp-gateway/core/internal'
import { type Assert, asserter } from './assertion.js'
import type { ForwardAuthOptions, ForwardAuthServer } from './forward-auth-options.js'
import { type Location, type Placed, readLocation } from './route-table.js'

/** One MCP server, with everything that is needed to decide about its requests. */
export interface Route extends Placed {
  readonly location: Location
  readonly subpaths: boolean
  readonly server: ForwardAuthServer
  /** Lets a request pass with a token for this resource only. */
  readonly authenticate: Middleware
  /** Serves the RFC 9728 document. */
  readonly metadata: Handler
  readonly metadataUrl: string
  readonly assert?: Assert
}

/** Makes the routes of all servers; registers each with the authority. */
export function buildRoutes(options: ForwardAuthOptions, authority: Authority): Route[] {
  const entries = Object.entries(options.servers)
  if (entries.length === 0) throw invalidConfiguration('servers is empty; name at least one')
  const { issuer } = authority
  const verifiers = new Map<string, TokenVerifier>()
  const origins = entries.map(([key]) => readLocation(options.url, key).origin)
  // One document at the root cannot speak for two resources (RFC 9728 section 3.3)
  const alone = (origin: string) => origins.filter((other) => other === origin).length === 1
  return entries.map(([key, server]) => {
    if (server.olderRevisions !== undefined && server.policy === undefined) {
      throw invalidConfiguration(
        `servers: ${JSON.stringify(key)} has olderRevisions but no policy that it could be about`,
      )
    }
    const location = readLocation(options.url, key)
    const { resource } = location
    checkGrantable(authority, server, JSON.stringify(key))
    const verifier = authority.protect(resource, { name: server.name })
    verifiers.set(resource, verifier)
    const scopesSupported = server.scopesSupported ?? server.requiredScopes
    const { keys, lifetime = 60, singleUse = false } = options.assertion ?? {}
    return {
      location,
      subpaths: server.subpaths ?? false,
      server,
      authenticate: bearerAuth({
        verifier: tellingWrongAudience(verifier, resource, verifiers),
        resource,
        ...(issuer === undefined && { resourceMetadataUrl: null }),
        tokenHeader: authority.tokenHeader,
        requiredScopes: server.requiredScopes,
        scopesSupported,
        dpop: options.dpop,
        subject: options.subject,
      }),
      metadata:
        issuer === undefined
          ? noMetadata
          : resourceMetadata({
              resource,
              root: alone(location.origin),
              authorizationServers: [issuer],
              scopesSupported,
              resourceName: server.name,
              dpopAlgorithms: options.dpop?.algorithms,
              dpopRequired: options.dpop?.required,
            }),
      metadataUrl: resourceMetadataUrl(resource),
      assert: keys && asserter({ issuer: options.url, resource, keys, lifetime, singleUse }),
    }
  })
}

const noMetadata: Handler = () => oauthError(404, 'not_found', 'Tokens for this resource are not issued by OAuth')

/**
 * Tells a genuine token for another of our resources from a worthless one, so that the client asks for a token for this
 * resource (403) instead of signing in again. What the token claims only chooses whom to ask: the other verifier decides.
 */
function tellingWrongAudience(
  verifier: TokenVerifier,
  resource: string,
  verifiers: ReadonlyMap<string, TokenVerifier>,
): TokenVerifier {
  return {
    async verifyAccessToken(token, proof, use) {
      try {
        return await verifier.verifyAccessToken(token, proof, use)
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== 'invalid_token') throw error
        const other = claimedAudiences(token).find((audience) => audience !== resource && verifiers.has(audience))
        if (other === undefined || !(await succeeds(verifiers.get(other)?.verifyAccessToken(token, proof)))) throw error
        throw new GatewayError('insufficient_scope', 'The token is for another resource', { cause: error })
      }
    },
  }
}

async function succeeds(promise: Promise<unknown> | undefined): Promise<boolean> {
  try {
    await promise
    return promise !== undefined
  } catch {
    return false
  }
}

function claimedAudiences(token: string): string[] {
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token)?.[1]
  if (payload === undefined) return []
  try {
    const { aud }: { aud?: unknown } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    return (Array.isArray(aud) ? aud.slice(0, 10) : [aud]).filter((audience) => typeof audience === 'string')
  } catch {
    return []
  }
}
