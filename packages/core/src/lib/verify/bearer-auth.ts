import type { AuthInfo, TokenVerifier } from '../auth-info.js'
import type { Context, Middleware } from '../handler.js'
import { oauthError } from '../oauth-error.js'
import { readCredentials } from './bearer-token.js'
import { type ChallengeOptions, challenge } from './challenge.js'
import { checkResource, resourceMetadataUrl } from './resource-url.js'
import { coversScopes, type ScopeHierarchy } from './scopes.js'

/** What `bearerAuth` needs to know. */
export interface BearerAuthOptions {
  /** Decides about tokens. One of this package, or any object of the MCP SDK's shape. */
  readonly verifier: TokenVerifier
  /** The protected resource, as configured; becomes `context.resource`. */
  readonly resource: string
  /** Scopes that every request needs. Per-tool scopes are `requireScopes`' job. */
  readonly requiredScopes?: readonly string[]
  /** Where the resource's metadata is. Default: the path-inserted address under the resource's own origin. */
  readonly resourceMetadataUrl?: string
  /** Scopes that the 401 names where `requiredScopes` has none, so that clients know what to ask for. */
  readonly scopesSupported?: readonly string[]
  /** Which scopes include which others. */
  readonly scopeHierarchy?: ScopeHierarchy
  /** How far the clocks of issuer and gateway may differ when the expiry is checked, in seconds. Default 5. */
  readonly clockTolerance?: number
}

/**
 * Lets a request pass only with a valid access token for this resource, and sets `context.auth` and
 * `context.resource`. Everything else gets the answer that tells an OAuth client what to do: 401 with a challenge, 403
 * with all needed scopes, 400 for a malformed header, 503 when the verifier cannot decide. The token is read from the
 * Authorization header alone; it is neither forwarded nor removed here (`proxy` removes it).
 *
 * @throws GatewayError `invalid_configuration` for a resource that is no absolute http(s) URL
 * @see RFC 6750, RFC 9728 section 5.1
 * @example
 * ```ts
 * const guarded: Handler = compose([bearerAuth({ verifier, resource, requiredScopes: ['notes:read'] })], handler)
 * ```
 */
export function bearerAuth(options: BearerAuthOptions): Middleware {
  const { verifier, requiredScopes = [], scopesSupported = [], scopeHierarchy, clockTolerance = 5 } = options
  const resource = checkResource(options.resource)
  const metadataUrl = options.resourceMetadataUrl ?? resourceMetadataUrl(resource)
  const scope = requiredScopes.length > 0 ? requiredScopes : scopesSupported
  const refuse = (refusal: ChallengeOptions = {}): Response =>
    challenge({ scope, resourceMetadataUrl: metadataUrl, ...refusal })

  return async (request, context, next) => {
    const credentials = readCredentials(request.headers)
    if (credentials.kind === 'none') return refuse(inQuery(request.url))
    if (credentials.kind === 'malformed') return refuse({ error: 'invalid_request' })
    if (credentials.kind === 'too_large')
      return oauthError(431, 'invalid_request', 'The Authorization header is too large')
    let auth: AuthInfo
    try {
      auth = await verifier.verifyAccessToken(credentials.token)
    } catch (error) {
      return refusal(error, refuse, context)
    }
    // Expiry goes before scope: a client must not ask for more scopes with a token that has ended (attack 131).
    if (!isCurrent(auth?.expiresAt, clockTolerance)) return refuse({ error: 'invalid_token', description: expired })
    if (!coversScopes(auth.scopes ?? [], requiredScopes, scopeHierarchy)) {
      return refuse({ error: 'insufficient_scope', scope: requiredScopes })
    }
    return next(request, { ...context, auth, resource })
  }
}

const expired = 'The access token has expired, or does not say when it does'

function isCurrent(expiresAt: number | undefined, tolerance: number): boolean {
  return typeof expiresAt === 'number' && expiresAt + tolerance > Date.now() / 1000
}

function inQuery(url: string): ChallengeOptions {
  if (!url.includes('access_token=')) return {}
  // RFC 9700 section 4.3.2: tokens in URLs end up in logs and histories.
  return { description: 'The access token goes into the Authorization header, never into the URL' }
}

/** Turns what a verifier threw into an answer. Whatever cannot be told apart is a refused token. */
function refusal(error: unknown, refuse: (refusal: ChallengeOptions) => Response, context: Context): Response {
  const code = errorCode(error)
  if (code === 'temporarily_unavailable' || code === 'server_error') {
    context.logger?.error({ err: error }, 'could not verify an access token')
    const headers = { 'Retry-After': '5' }
    return oauthError(503, 'temporarily_unavailable', 'The access token cannot be checked now; try again', headers)
  }
  if (code === undefined) context.logger?.warn({ err: error }, 'the token verifier threw an unexpected error')
  return code === 'insufficient_scope' ? refuse({ error: 'insufficient_scope' }) : refuse({ error: 'invalid_token' })
}

/** The code of our own errors and of the MCP SDK's v2 (`code`) and v1 (`errorCode`). */
function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const code: unknown = 'code' in error ? error.code : 'errorCode' in error ? error.errorCode : undefined
  return typeof code === 'string' ? code : undefined
}
