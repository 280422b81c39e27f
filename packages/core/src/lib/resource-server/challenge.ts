import { oauthError } from '../http/oauth-error.js'

/** What a challenge says. */
export interface ChallengeOptions {
  /**
   * Why the token was refused (RFC 6750 section 3.1). Left out when the request carried no credentials: the challenge
   * then names no error.
   */
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | 'invalid_dpop_proof'
  /** What to change, for the developer of the client. Never repeats what came in. */
  readonly description?: string
  /** Every scope the operation needs, not only the missing ones. `offline_access` is left out. */
  readonly scope?: readonly string[]
  /** Where the protected resource metadata is (RFC 9728 section 5.1). */
  readonly resourceMetadataUrl?: string
  /** The DPoP proof algorithms, where DPoP is on (RFC 9449 section 7.1). */
  readonly dpopAlgorithms?: readonly string[]
}

const statuses = {
  invalid_request: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  invalid_dpop_proof: 401,
} as const

/**
 * Builds the refusal that tells an OAuth client how to get in: 401, 403 `insufficient_scope` or 400, with one
 * `WWW-Authenticate` line, `Bearer` first, and a JSON body. It does not look at the request and sets no CORS headers.
 *
 * @see RFC 6750 section 3, RFC 9728 section 5.1, RFC 9449 section 7.1
 * @example
 * ```ts
 * return challenge({ error: 'insufficient_scope', scope: ['notes:read', 'notes:write'], resourceMetadataUrl })
 * ```
 */
export function challenge(options: ChallengeOptions = {}): Response {
  const { error, description = descriptions[error ?? 'none'], dpopAlgorithms } = options
  const scope = options.scope?.filter((name) => name !== 'offline_access').join(' ')
  // RFC 6750 section 3.1: a request without credentials is told no error code.
  const failure = { error, error_description: error === undefined ? undefined : description }
  const where = { scope: scope === '' ? undefined : scope, resource_metadata: options.resourceMetadataUrl }
  const aboutDpop = error === 'invalid_dpop_proof'
  // Old MCP SDKs read only the first scheme of the line, hence Bearer first.
  const schemes = [`Bearer${parameters(aboutDpop ? where : { ...failure, ...where })}`]
  if (dpopAlgorithms !== undefined) {
    schemes.push(`DPoP${parameters({ ...(error === undefined ? {} : failure), algs: dpopAlgorithms.join(' ') })}`)
  }
  return oauthError(error === undefined ? 401 : statuses[error], error ?? 'unauthorized', description, {
    'WWW-Authenticate': schemes.join(', '),
  })
}

const descriptions = {
  none: 'An access token is needed; send it as "Authorization: Bearer <token>"',
  invalid_request: 'The Authorization header is malformed; send exactly one, as "Bearer <token>"',
  invalid_token: 'The access token is not valid for this resource',
  insufficient_scope: 'The access token lacks a scope that this operation needs',
  invalid_dpop_proof: 'The DPoP proof is missing or not valid',
} as const

function parameters(values: Record<string, string | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== '')
  if (pairs.length === 0) return ''
  return ` ${pairs.map(([name, value]) => `${name}="${quotable(value as string)}"`).join(', ')}`
}

// RFC 6750 section 3: neither scope nor error_description may hold a quote, a backslash or anything but printable ASCII.
function quotable(value: string): string {
  return value.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '')
}
