import type { AuthInfo } from '../contract/auth-info.js'
import type { Check } from '../contract/check.js'
import type { Context, Middleware } from '../contract/handler.js'
import type { IdentitySource, IdentityTerms } from '../contract/identity-source.js'
import { wrongOption } from '../contract/invalid-configuration.js'
import { listOf, type OptionType, optional } from '../contract/option-types.js'
import { isRefusal, type Refusal } from '../contract/refusal.js'
import { recordRefusal } from '../contract/request-record.js'
import { oauthError } from '../http/oauth-error.js'
import { requestPath } from '../http/request-path.js'
import { withoutHeaders } from '../http/without-headers.js'
import { type ChallengeOptions, challenge } from '../resource-server/challenge.js'
import { endWithToken } from '../resource-server/end-with-token.js'
import { checkResource, resourceMetadataUrl } from '../resource-server/resource-url.js'
import { coversScopes } from '../resource-server/scopes.js'

/** Who calls, as the proxy says. */
export interface Identified {
  readonly auth: AuthInfo
  /** When a stream of this caller ends, in milliseconds since the epoch; never, where it is left out. */
  readonly until?: number
  /** Uses up what can be used once; called when nothing else refuses the request. Throws a {@link Refusal}. */
  readonly spend?: () => Promise<void>
}

/** Reads who calls. Throws a {@link Refusal} where that is not clear. */
export type ReadIdentity = (request: Request, context: Context) => Identified | Promise<Identified>

/** How one kind of identity is read. */
export interface IdentityKind {
  /** The function that users call; refusals are recorded in its name. */
  readonly name: string
  /** Makes the reader for one resource. */
  readonly reader: (resource: string) => ReadIdentity
  /** Whether what the readers need is there. */
  readonly check?: Check
  /** The option that names the resource of the server behind. */
  readonly resourceOption: string
  /** Headers that the server must not see. */
  readonly headers: readonly string[]
}

/** An {@link IdentitySource} that is middleware by itself. */
export type IdentityMiddleware = Middleware & IdentitySource

/** How a kind of identity is middleware by itself. */
export interface StandaloneOptions {
  /** The resource of the server behind; without one there is no middleware, only an {@link IdentitySource}. */
  readonly resource: string | undefined
  readonly healthPaths: readonly string[]
}

/** Paths of health checks, which no proxy asks about. */
export const defaultHealthPaths: readonly string[] = ['/health', '/ready']

/** The name of a header that can be asked for. */
export const headerName: OptionType = (value, name) => {
  if (typeof value === 'string' && /^[a-z][\w-]{0,63}$/i.test(value)) return
  throw wrongOption(name, value, 'the name of a header, such as X-User-Id')
}

const path: OptionType = (value, name) => {
  if (typeof value !== 'string' || !value.startsWith('/')) throw wrongOption(name, value, 'a path such as /health')
}

export const healthPathsType: OptionType = optional(listOf(path, 'a list of paths such as /health'))

/** Makes middleware of a kind of identity where the resource is known, and otherwise what a gateway takes as `auth`. */
export function identitySource(kind: IdentityKind, { resource, healthPaths }: StandaloneOptions): IdentitySource {
  const identify = (terms: IdentityTerms) => identityMiddleware(kind, terms)
  const source: IdentitySource = { identify, ...(kind.check && { check: kind.check }) }
  if (resource === undefined) return source
  const guard = identify({ resource: checkResource(resource, `${kind.name}: ${kind.resourceOption}`) })
  const middleware: Middleware = (request, context, next) => {
    if (!healthPaths.includes(requestPath(request.url)) || !isRead(request.method)) return guard(request, context, next)
    // What is behind may pass it on: it must not carry anything that a caller is known by, such as a session
    return next(new Request(request.url, { method: request.method, signal: request.signal }), { ...context, resource })
  }
  return Object.assign(middleware, source)
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function identityMiddleware({ name, reader, headers }: IdentityKind, terms: IdentityTerms): Middleware {
  const resource = checkResource(terms.resource)
  const {
    requiredScopes = [],
    scopeHierarchy,
    resourceMetadataUrl: metadataUrl = resourceMetadataUrl(resource),
  } = terms
  const read = reader(resource)
  const refuse = (why: ChallengeOptions = {}): Response =>
    challenge({ scope: requiredScopes, resourceMetadataUrl: metadataUrl, ...why })

  return async (request, context, next) => {
    const { record } = context
    if (record !== undefined) record.resource = resource
    let identified: Identified
    try {
      identified = await read(request, context)
      const { auth, spend } = identified
      if (record !== undefined) record.auth = auth
      if (!coversScopes(auth.scopes, requiredScopes, scopeHierarchy)) {
        recordRefusal(record, {
          by: name,
          code: 'insufficient_scope',
          reason: `needs ${requiredScopes.join(' ')}`,
          scopes: requiredScopes,
        })
        return refuse({ error: 'insufficient_scope' })
      }
      await spend?.()
    } catch (error) {
      if (!isRefusal(error)) throw error
      return refused(name, error, context)
    } finally {
      if (record !== undefined) record.times.tokenChecked = performance.now()
    }
    const { auth, until } = identified
    const known: Context = { ...context, auth, resource, refuse, requiredScopes }
    const response = await next(withoutHeaders(request, headers), known)
    if (until === undefined) return response
    return endWithToken(response, {
      until,
      interval: Number.POSITIVE_INFINITY,
      recheck: async () => ({ until }),
      onEnd: (why) => context.logger?.info({ reason: why, client_id: auth.clientId }, 'a stream ended with its token'),
    })
  }
}

function refused(by: string, refusal: Refusal, { record, logger }: Context): Response {
  const { status, code, description, headers, reason, cause } = refusal
  recordRefusal(record, { by, code, reason, cause }, status >= 500 ? 'error' : 'deny')
  if (status >= 500) logger?.error({ reason }, 'could not tell who calls')
  // The line of a recorded request has the reason
  else if (record === undefined) logger?.info({ reason, error_code: code }, 'an identity was refused')
  return oauthError(status, String(code), description, headers)
}
