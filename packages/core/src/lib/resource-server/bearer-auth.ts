import type { AuthExtra, AuthInfo, KeyProof, TokenUse, TokenVerifier } from '../contract/auth-info.js'
import type { Context, Middleware } from '../contract/handler.js'
import {
  checkOptions,
  notNegative,
  type OptionTypes,
  optional,
  positive,
  recordOf,
  text,
  textList,
  withMethods,
} from '../contract/option-types.js'
import { isRefusal, type Refusal } from '../contract/refusal.js'
import { recordRefusal } from '../contract/request-record.js'
import { subjectType, verifierType } from '../contract/shared-option-types.js'
import { oauthError } from '../http/oauth-error.js'
import { isOneSpelling } from '../keys/token-spelling.js'
import { actorOf } from '../tokens/principal.js'
import { type SubjectOption, withSubject } from '../tokens/subject.js'
import { type Credentials, readCredentials } from './bearer-token.js'
import { type ChallengeOptions, challenge } from './challenge.js'
import type { Dpop } from './dpop.js'
import { endWithToken, type Recheck } from './end-with-token.js'
import { checkResource, resourceMetadataUrl } from './resource-url.js'
import { coversScopes, type ScopeHierarchy } from './scopes.js'

declare module '../contract/handler.js' {
  interface Context {
    /** Refuses the request in the name of its resource, naming where the metadata is. Set by `bearerAuth`. */
    readonly refuse?: (refusal: ChallengeOptions) => Response
    /** The scopes that every request to this server needs. Set by `bearerAuth`. */
    readonly requiredScopes?: readonly string[]
  }
}

/** What `bearerAuth` needs to know. */
export interface BearerAuthOptions {
  /** Decides about tokens. One of this package, or any object of the MCP SDK's shape. */
  readonly verifier: TokenVerifier
  /** The protected resource, as configured; becomes `context.resource`. */
  readonly resource: string
  /** Scopes that every request needs. Those of single operations are the job of `requireScopes`. */
  readonly requiredScopes?: readonly string[]
  /**
   * Where the resource's metadata is; `null` where there is none, and no OAuth.
   *
   * @default the path-inserted address under the resource's own origin
   */
  readonly resourceMetadataUrl?: string | null
  /**
   * A header beside `Authorization` in which a token may come, such as `x-api-key`; both in one request are 400. It is for tokens
   * that are none of OAuth (MCP R5).
   */
  readonly tokenHeader?: string
  /** Scopes that the 401 names where `requiredScopes` has none, so that clients know what to ask for. */
  readonly scopesSupported?: readonly string[]
  /** Which scopes include which others. */
  readonly scopeHierarchy?: ScopeHierarchy
  /** Accepts tokens that are bound to a key, with their proofs. Default: they are refused. */
  readonly dpop?: Dpop
  /** How far the clocks of issuer and gateway may differ when the expiry is checked, in seconds. Default 5. */
  readonly clockTolerance?: number
  /**
   * Where tokens name their user, for verifiers that do not set `extra.subject`: a claim or member of `extra`, or a
   * function. Default: `extra.subject`. Where a token names nobody, requests that need a user are refused with 403.
   */
  readonly subject?: SubjectOption
  /**
   * How often the token of an open stream is verified again, in seconds. A stream ends with its token, and at most so
   * much later than other requests are refused when the token was revoked. Default 10.
   */
  readonly streamCheckInterval?: number
}

/**
 * Lets a request pass only with a valid access token for this resource, and sets `context.auth` and
 * `context.resource`. Everything else gets the answer that tells an OAuth client what to do: 401 with a challenge, 403
 * with all needed scopes, 400 for a malformed header, 503 when the verifier cannot decide. The token is read from the
 * Authorization header alone; it is neither forwarded nor removed here (`proxy` removes it).
 *
 * An event stream, and any other body of unknown length, ends with the token: at its expiry and when it does not verify
 * any more. A JSON answer is given in full to the request that was let pass.
 *
 * @throws {GatewayError} `invalid_configuration` for a resource that is no absolute http(s) URL, and for an interval that
 *   is not positive
 * @see RFC 6750, RFC 9728 section 5.1, RFC 9449 section 7
 * @example
 * ```ts
 * const guarded: Handler = compose([bearerAuth({ verifier, resource, requiredScopes: ['notes:read'] })], handler)
 * ```
 */
export function bearerAuth(options: BearerAuthOptions): Middleware {
  checkOptions('bearerAuth', options, types)
  const { verifier, dpop, requiredScopes = [], scopesSupported = [], scopeHierarchy, clockTolerance = 5 } = options
  const { subject, streamCheckInterval: interval = 10 } = options
  const resource = checkResource(options.resource)
  const { resourceMetadataUrl: metadataUrl = resourceMetadataUrl(resource), tokenHeader } = options
  const scope = requiredScopes.length > 0 ? requiredScopes : scopesSupported
  const refuse = (why: ChallengeOptions = {}): Response =>
    challenge({ scope, resourceMetadataUrl: metadataUrl ?? undefined, dpopAlgorithms: dpop?.algorithms, ...why })

  const fault = (auth: AuthInfo): ChallengeOptions | undefined => {
    // Expiry goes before scope: a client must not ask for more scopes with a token that has ended.
    if (!isCurrent(auth, clockTolerance)) return { error: 'invalid_token', description: expired }
    if (coversScopes(auth.scopes ?? [], requiredScopes, scopeHierarchy)) return undefined
    return { error: 'insufficient_scope', scope: requiredScopes }
  }

  const authenticate = async (request: Request, { scheme, token }: Token, use: TokenUse): Promise<AuthDecision> => {
    if (!isOneSpelling(token)) return { why: { error: 'invalid_token', description: otherSpelling } }
    if (scheme === 'Bearer' && dpop?.required) return { why: { error: 'invalid_token', description: needsProof } }
    if (scheme === 'Bearer') {
      const auth = await verifier.verifyAccessToken(token, undefined, use)
      return boundKey(auth) === undefined ? { auth } : { why: { error: 'invalid_token' } }
    }
    // RFC 6750 section 3: a scheme that is not supported is told which one is, in the body why, and no error code
    if (dpop === undefined) return { why: { description: bearerOnly } }
    const proof = await dpop.prove(request, token, resource)
    const auth = await verifier.verifyAccessToken(token, proof, use)
    // Again here: a verifier that is not ours may know nothing of proofs.
    if (boundKey(auth) !== proof.jkt) return { why: { error: 'invalid_token', description: needsProof } }
    // What is refused below anyway leaves no record behind.
    if (fault(auth) === undefined) await proof.use()
    return { auth, proof: { jkt: proof.jkt } }
  }

  /** What a stream that was begun with a token has to know about it later. */
  const recheck = async ({ auth, proof }: Authenticated, token: string, use: TokenUse): Promise<Recheck> => {
    try {
      const found = await verifier.verifyAccessToken(token, proof, { ...use, again: true })
      const now = withSubject(found, subject)
      const isSame = boundKey(now) === proof?.jkt && actorOf(now)?.id === actorOf(auth)?.id
      const hasAll = (auth.scopes ?? []).every((scope) => (now.scopes ?? []).includes(scope))
      return isSame && hasAll && isCurrent(now, clockTolerance) ? { until: endOf(now, clockTolerance) } : 'ended'
    } catch (error) {
      return isOutage(errorCode(error)) ? 'undecided' : 'ended'
    }
  }

  return async (request, context, next) => {
    const { record } = context
    const reject = (why: ChallengeOptions): Response => {
      const { error: code = 'unauthorized', description: reason, scope: scopes } = why
      recordRefusal(record, { by: 'bearerAuth', code, reason, scopes })
      return refuse(why)
    }
    if (record !== undefined) record.resource = resource
    const credentials = readCredentials(request.headers, tokenHeader)
    if (credentials.kind === 'none') return reject(inQuery(request.url))
    if (credentials.kind === 'malformed') return reject({ error: 'invalid_request' })
    if (credentials.kind === 'too_large') {
      recordRefusal(record, { by: 'bearerAuth', code: 'invalid_request', reason: tooLarge })
      return oauthError(431, 'invalid_request', tooLarge)
    }
    const use: TokenUse = { address: context.client?.address, header: credentials.header }
    let decision: AuthDecision
    try {
      decision = await authenticate(request, credentials, use)
    } catch (error) {
      if (isRefusal(error)) return reject(asChallenge(error))
      return refusal(error, refuse, context)
    } finally {
      if (record !== undefined) record.times.tokenChecked = performance.now()
    }
    if ('why' in decision) return reject(decision.why)
    const { proof } = decision
    const auth = withSubject(decision.auth, subject)
    if (record !== undefined) record.auth = auth
    const why = fault(auth)
    if (why !== undefined) return reject(why)
    try {
      const response = await next(request, { ...context, auth, resource, refuse, requiredScopes })
      return endWithToken(response, {
        until: endOf(auth, clockTolerance),
        interval,
        recheck: () => recheck({ auth, proof }, credentials.token, use),
        onEnd: (why) =>
          context.logger?.info({ reason: why, client_id: auth.clientId }, 'a stream ended with its token'),
      })
    } catch (error) {
      if (errorCode(error) !== 'subject_missing') throw error
      context.logger?.warn({ err: error }, 'a token names no subject')
      return refusal(error, refuse, context)
    }
  }
}

const types: OptionTypes<BearerAuthOptions> = {
  verifier: verifierType,
  resource: text,
  requiredScopes: optional(textList),
  resourceMetadataUrl: (value, name) => optional(text)(value ?? undefined, name),
  tokenHeader: optional(text),
  scopesSupported: optional(textList),
  scopeHierarchy: optional(recordOf(textList)),
  dpop: optional(withMethods('dpop({ storage })', 'prove')),
  clockTolerance: optional(notNegative),
  subject: optional(subjectType),
  streamCheckInterval: optional(positive),
}

interface Authenticated {
  readonly auth: AuthInfo
  /** The key that the token is bound to. */
  readonly proof?: KeyProof
}

type Token = Extract<Credentials, { kind: 'token' }>

/** What the check of a token came to. */
type AuthDecision = Authenticated | { readonly why: ChallengeOptions }

const tooLarge = 'The Authorization header is too large'
const expired = 'The access token has expired, or does not say when it does'
const bearerOnly = 'Only access tokens that are not bound to a key are accepted, with the scheme Bearer'
const otherSpelling = 'The access token is not written as it was issued; send it without padding or other changes'
const subjectMissing =
  'This server needs to know the user, and the access token names none; its operator has to say where tokens name their user'
const needsProof = 'The access token must be bound to a key, and come with the DPoP scheme and a proof'

function isCurrent({ expiresAt }: AuthInfo, tolerance: number): boolean {
  return typeof expiresAt === 'number' && expiresAt + tolerance > Date.now() / 1000
}

/** Until when a token is taken, in milliseconds since the epoch. */
function endOf({ expiresAt = 0 }: AuthInfo, tolerance: number): number {
  return (expiresAt + tolerance) * 1000
}

/** What the token is bound to, as far as it tells. */
function boundKey({ extra }: AuthInfo): unknown {
  const { cnf } = (extra as Partial<AuthExtra> | undefined)?.claims ?? {}
  return typeof cnf === 'object' && cnf !== null && 'jkt' in cnf ? cnf.jkt : cnf
}

function inQuery(url: string): ChallengeOptions {
  if (!url.includes('access_token=')) return {}
  // RFC 9700 section 4.3.2: tokens in URLs end up in logs and histories.
  return { description: 'The access token goes into the Authorization header, never into the URL' }
}

/** Turns what a verifier threw into an answer. Whatever cannot be told apart is a refused token. */
function refusal(error: unknown, refuse: (refusal: ChallengeOptions) => Response, context: Context): Response {
  const code = errorCode(error)
  const isOutageOfIssuer = isOutage(code)
  const { cause, retryAfter = 1 } = Object(error) as { cause?: unknown; retryAfter?: number }
  const told = { by: 'bearerAuth', code: code ?? 'invalid_token', reason: reasonOf(error), cause }
  recordRefusal(context.record, told, isOutageOfIssuer ? 'error' : 'deny')
  if (code === 'subject_missing') return oauthError(403, 'access_denied', subjectMissing)
  if (code === 'too_many_requests') {
    return oauthError(429, code, `Try again in ${retryAfter} s`, { 'Retry-After': `${retryAfter}` })
  }
  if (isOutageOfIssuer) {
    context.logger?.error({ err: error }, 'could not verify an access token')
    const headers = { 'Retry-After': '5' }
    return oauthError(503, 'temporarily_unavailable', 'The access token cannot be checked now; try again', headers)
  }
  if (code === undefined) context.logger?.warn({ err: error }, 'the token verifier threw an unexpected error')
  return code === 'insufficient_scope' ? refuse({ error: 'insufficient_scope' }) : refuse({ error: 'invalid_token' })
}

/** What a proof is refused with. */
function asChallenge({ code, description }: Refusal): ChallengeOptions {
  return { error: code === 'invalid_dpop_proof' ? code : 'invalid_token', description }
}

function isOutage(code: string | undefined): boolean {
  return code === 'temporarily_unavailable' || code === 'server_error'
}

/** What the verifier says of it. It goes into the record, and never to the client. */
function reasonOf(error: unknown): string | undefined {
  return textOf(error, 'message')
}

/** The code of our own errors and of the MCP SDK's v2 (`code`) and v1 (`errorCode`). */
function errorCode(error: unknown): string | undefined {
  return textOf(error, 'code') ?? textOf(error, 'errorCode')
}

function textOf(error: unknown, name: string): string | undefined {
  const found = typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined
  return typeof found === 'string' ? found : undefined
}
