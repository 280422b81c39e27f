import type { Check } from './check.js'
import type { Middleware } from './handler.js'

/** What a server asks of those who call it, where an {@link IdentitySource} stands in front of it. */
export interface IdentityTerms {
  /** The server as a protected resource (RFC 8707), as clients write it; becomes `context.resource`. */
  readonly resource: string
  /** Scopes that every request needs. */
  readonly requiredScopes?: readonly string[]
  /** Which scopes include which others. */
  readonly scopeHierarchy?: Readonly<Record<string, readonly string[]>>
  /** Where the resource's metadata is, for refusals that ask for more scopes. */
  readonly resourceMetadataUrl?: string
}

/**
 * Tells who calls from what a reverse proxy says that has checked it, in place of an access token: `forwardedIdentity` and
 * its kin. It issues no tokens and has no routes. The gateway calls `identify` once for each server at construction.
 */
export interface IdentitySource {
  /** Makes the middleware that refuses whom it does not know, and sets `context.auth` and `context.resource`. */
  readonly identify: (terms: IdentityTerms) => Middleware
  /** Whether what it needs to tell callers is there. */
  readonly check?: Check
}
