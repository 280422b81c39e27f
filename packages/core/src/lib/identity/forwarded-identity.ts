import type { AuthInfo } from '../contract/auth-info.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Context } from '../contract/handler.js'
import type { IdentitySource } from '../contract/identity-source.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, filledText, flag, type OptionTypes, optional, positive } from '../contract/option-types.js'
import { Refusal } from '../contract/refusal.js'
import { storageType } from '../contract/shared-option-types.js'
import type { Storage } from '../contract/storage.js'
import { isLoopbackIssuer } from '../keys/loopback-issuer.js'
import { checkStorage } from '../storage/check-storage.js'
import { sha256Hex } from '../text/sha256.js'
import { checkIssuerScheme } from '../tokens/check-issuer-scheme.js'
import { verifierWithKeys } from '../tokens/create-token-verifier.js'
import { checkSource } from '../tokens/issuer-authority.js'
import { type IssuerKeysOptions, issuerKeys } from '../tokens/issuer-keys.js'
import { presetTypes } from '../tokens/issuer-types.js'
import type { Claims, TokenProfile } from '../tokens/token-profile.js'
import {
  defaultHealthPaths,
  headerName,
  healthPathsType,
  type Identified,
  type IdentityMiddleware,
  identitySource,
  type ReadIdentity,
} from './identity-middleware.js'

/** Whose assertions are believed. */
export interface ForwardedIdentityOptions extends Pick<IssuerKeysOptions, 'jwks' | 'fetch' | 'jwksMaxAge'> {
  /** The `iss` of the assertions: the `url` of `createForwardAuth`. */
  readonly issuer: string
  /**
   * The `aud` of the assertions: the resource of the server behind, as clients write its URL. A gateway gives each of its
   * servers its own, so it is left out there.
   */
  readonly audience?: string
  /**
   * Where the keys are.
   *
   * @default `/.well-known/forward-auth-jwks.json` below the issuer
   */
  readonly jwksUri?: string
  /**
   * Lets the keys come over plain http for a public resource. Who can answer in their place, or on the way, can then be every
   * user, so set it only where that is a network of your own. On loopback it is not needed.
   *
   * @default false
   */
  readonly dangerouslyAllowHttpIssuer?: boolean
  /**
   * The header that has the assertion.
   *
   * @default X-Identity-Assertion
   */
  readonly header?: string
  /**
   * How long an assertion may be good for, in seconds, as it says itself. One that lives longer is refused.
   *
   * @default 60
   */
  readonly lifetime?: number
  /**
   * How far the clocks of issuer and server may differ, in seconds.
   *
   * @default 5
   */
  readonly clockTolerance?: number
  /** Accepted signature algorithms, out of RS, PS, ES and EdDSA. Default: all of them. */
  readonly algorithms?: readonly string[]
  /**
   * Where used assertions are remembered, so that each works once, over all processes that share it. Needs
   * `assertion: { singleUse: true }` of `createForwardAuth`. Without it, who sees an assertion and reaches the server past the
   * proxy can use it until it ends.
   */
  readonly storage?: Storage
  /** Takes a storage whose records no other process sees, for a public resource: an assertion then works once per process. */
  readonly dangerouslyAllowSingleProcessStorage?: boolean
  /**
   * Paths that GET and HEAD reach without an assertion, for health checks: without any header, and with nobody as caller. Give
   * `[]` where what is behind does not look at paths, as `proxy`. A gateway has paths of its own for this.
   *
   * @default ['/health', '/ready']
   */
  readonly healthPaths?: readonly string[]
}

const types: OptionTypes<ForwardedIdentityOptions> = {
  issuer: filledText,
  audience: optional(filledText),
  jwks: presetTypes.jwks,
  jwksUri: presetTypes.jwksUri,
  dangerouslyAllowHttpIssuer: optional(flag),
  fetch: presetTypes.fetch,
  jwksMaxAge: presetTypes.jwksMaxAge,
  header: optional(headerName),
  lifetime: optional(positive),
  clockTolerance: presetTypes.clockTolerance,
  algorithms: presetTypes.algorithms,
  storage: optional(storageType),
  dangerouslyAllowSingleProcessStorage: optional(flag),
  healthPaths: healthPathsType,
}

/**
 * Tells who calls by the signed assertion that forward-auth sends: for servers behind nginx, Caddy, HAProxy, Traefik or Envoy
 * that ask `createForwardAuth` about every request. As `auth` of a gateway, or with `audience` as middleware, it lets a request
 * pass only with an assertion of this issuer, for this server, that has not expired, and sets `context.auth` to the caller: the
 * user and the issuer of the token that forward-auth has checked, so that sessions are bound to the user. The assertion is
 * removed before the server sees the request.
 *
 * It takes no access tokens, serves no metadata (forward-auth does, at the public URL), and `context.auth.token` is empty:
 * there is none to exchange. Whoever has no assertion gets 401 without a challenge that a client could follow. It trusts
 * nothing about the network, but only with `storage` does an assertion that was seen on the way work once.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see RFC 7519, RFC 8725
 * @example
 * ```ts
 * const gateway = createGateway({
 *   url: 'https://mcp.example.com',
 *   auth: forwardedIdentity({ issuer: 'https://mcp.example.com', jwksUri: 'http://127.0.0.1:9100/.well-known/forward-auth-jwks.json' }),
 *   servers: { '/notes/mcp': createStdioBridge({ command: 'notes-server' }) },
 * })
 * ```
 */
export function forwardedIdentity(options: ForwardedIdentityOptions & { readonly audience: string }): IdentityMiddleware
export function forwardedIdentity(options: ForwardedIdentityOptions): IdentitySource
export function forwardedIdentity(options: ForwardedIdentityOptions): IdentitySource {
  checkOptions('forwardedIdentity', options, types)
  const { issuer, audience, storage, header = 'X-Identity-Assertion', lifetime = 60, clockTolerance = 5 } = options
  const { healthPaths = defaultHealthPaths, algorithms } = options
  const jwksUri = options.jwksUri ?? `${issuer.replace(/\/$/, '')}/.well-known/forward-auth-jwks.json`
  const findKey = issuerKeys({ ...options, jwksUri })
  const profile = assertionProfile(storage !== undefined)

  const reader = (resource: string): ReadIdentity => {
    if (audience !== undefined && audience !== resource) {
      throw invalidConfiguration(
        `forwardedIdentity: audience is not ${resource}, which it stands in front of; leave audience out`,
      )
    }
    checkReplays(options, resource)
    if (options.jwks === undefined) checkIssuerScheme({ ...options, jwksUri }, resource)
    const cacheSize = storage === undefined ? undefined : 0
    const verifier = verifierWithKeys(
      { issuer, audience: resource, algorithms, clockTolerance, profile, cacheSize },
      findKey,
    )
    return async (request, context): Promise<Identified> => {
      const assertion = request.headers.get(header)
      if (assertion === null || assertion === '-') throw missing(header)
      const auth = await verify(() => verifier.verifyAccessToken(assertion), header, context)
      const { claims } = auth.extra as { claims: Claims }
      const { iat, exp, token_exp, token_iss } = claims as { iat: number; exp: number } & Claims
      if (exp - iat > lifetime) throw invalid(header, `is good for more than ${lifetime} seconds; see lifetime`)
      const ends = typeof token_exp === 'number' && Number.isFinite(token_exp) ? token_exp : undefined
      const tokenIssuer = typeof token_iss === 'string' && token_iss !== '' ? token_iss : issuer
      return {
        auth: { ...auth, token: '', expiresAt: ends ?? exp, extra: { ...auth.extra, issuer: tokenIssuer } },
        until: ends && (ends + clockTolerance) * 1000,
        spend: storage && (() => spend(storage, header, resource, auth, clockTolerance)),
      }
    }
  }
  const check = async () => {
    const [keys] = await Promise.all([findKey.source && checkSource(findKey.source), storage && checkStorage(storage)])
    return keys
  }
  return identitySource(
    { name: 'forwardedIdentity', reader, check, resourceOption: 'audience', headers: [header] },
    { resource: audience, healthPaths },
  )
}

/** What `asserter` of forward-auth writes. Its type is that of no access token, so neither is taken for the other. */
function assertionProfile(singleUse: boolean): TokenProfile {
  return {
    types: ['identity+jwt'],
    requiredClaims: singleUse ? ['client_id', 'jti'] : ['client_id'],
    clientId: ({ client_id }) => client_id,
    // It names no user where a client acts for itself
    subject: ({ sub, client_id }) => (sub === undefined ? client_id : sub),
  }
}

/** @throws {GatewayError} `invalid_configuration` */
function checkReplays(options: ForwardedIdentityOptions, resource: string): void {
  const { storage, dangerouslyAllowSingleProcessStorage } = options
  if (!storage?.singleProcess || dangerouslyAllowSingleProcessStorage || isLoopbackIssuer(resource)) return
  throw invalidConfiguration(
    'forwardedIdentity: no other process sees this `storage`, so an assertion would work once in each. Use Redis or Postgres for a public resource, or set dangerouslyAllowSingleProcessStorage if there is one process alone',
  )
}

async function verify(ask: () => Promise<AuthInfo>, header: string, { logger }: Context): Promise<AuthInfo> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    if (error.code !== 'temporarily_unavailable') throw invalid(header, error.message, error.cause)
    logger?.error({ err: error }, 'could not verify an identity assertion')
    throw unavailable('The keys of identity assertions cannot be had now; try again', error.message)
  }
}

async function spend(
  storage: Storage,
  header: string,
  resource: string,
  { extra }: AuthInfo,
  tolerance: number,
): Promise<void> {
  const { iss, jti, exp } = (extra as { claims: Claims }).claims as { iss: string; jti: string; exp: number }
  const key = `assertion:${await sha256Hex(JSON.stringify([iss, resource, jti]))}`
  let isFirst: boolean
  try {
    isFirst = await storage.add(key, '', { ttl: Math.max(1, exp + tolerance - Date.now() / 1000) })
  } catch (error) {
    throw unavailable('The identity assertion cannot be checked now; try again', `storage: ${error}`)
  }
  if (!isFirst) throw invalid(header, 'was used before')
}

function missing(header: string): Refusal {
  return new Refusal(
    401,
    'identity_missing',
    `The header ${header} is missing. This server is reached through its reverse proxy, which has to add it`,
    { headers: challengeOf(header) },
  )
}

/** The caller is not told why: it has not made the assertion. */
function invalid(header: string, reason: string, cause?: unknown): Refusal {
  const description = `The identity assertion in ${header} is not valid for this server`
  return new Refusal(401, 'identity_invalid', description, { headers: challengeOf(header), reason, cause })
}

function unavailable(description: string, reason: string): Refusal {
  return new Refusal(503, 'temporarily_unavailable', description, { headers: { 'Retry-After': '5' }, reason })
}

// RFC 9110 section 11.6.1 asks for a challenge. This one names what is missing, and no client opens a browser for it.
function challengeOf(header: string): Readonly<Record<string, string>> {
  return { 'WWW-Authenticate': `Forwarded-Identity header="${header}"` }
}
