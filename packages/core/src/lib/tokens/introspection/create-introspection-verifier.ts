import { decodeJwt } from 'jose'
import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  customFetch,
  type IntrospectionResponse,
  introspectionRequest,
  processIntrospectionResponse,
} from 'oauth4webapi'
import { isWithin } from '../../cache/is-within.js'
import { refreshing } from '../../cache/refreshing.js'
import type { TokenVerifier } from '../../contract/auth-info.js'
import { GatewayError } from '../../contract/gateway-error.js'
import { invalidConfiguration } from '../../contract/invalid-configuration.js'
import {
  callable,
  checkOptions,
  filledText,
  flag,
  membersOf,
  notNegative,
  type OptionTypes,
  optional,
  text,
} from '../../contract/option-types.js'
import { audienceType, subjectType } from '../../contract/shared-option-types.js'
import { isOneSpelling } from '../../keys/token-spelling.js'
import { boundedFetch, type OutboundFetch } from '../../outbound/bounded-fetch.js'
import { readAudience } from '../audience.js'
import { checkClaims } from '../check-claims.js'
import { checkEncrypted, discoverIssuer } from '../discover-issuer.js'
import { invalidToken, unlike } from '../invalid-token.js'
import { cacheTypes } from '../issuer-types.js'
import type { Claims, TokenProfile } from '../token-profile.js'
import { type VerificationCacheOptions, withVerifiedTokenCache } from '../verified-token-cache.js'

/** What `createIntrospectionVerifier` needs to know. */
export interface IntrospectionVerifierOptions extends VerificationCacheOptions {
  /** The issuer identifier. An answer that names another one is refused. */
  readonly issuer: string
  /** Where tokens are introspected. Default: what the issuer's metadata says. */
  readonly endpoint?: string
  /** What a token must be meant for; one of several is enough. */
  readonly audience: string | readonly string[]
  /** The client that the resource server is at the issuer. */
  readonly clientId: string
  /** Its secret, sent with HTTP Basic. */
  readonly clientSecret?: string
  /** Another way to authenticate, made with oauth4webapi, such as `PrivateKeyJwt(key)`. Instead of `clientSecret`. */
  readonly clientAuth?: ClientAuth
  /**
   * For how long an answer is believed, in seconds, never past the token's `exp`. A token that is revoked at the issuer
   * works at most so much longer. Default 30; 0 asks for every request.
   */
  readonly maxAge?: number
  /** How far the clocks of issuer and verifier may differ, in seconds. Default 5. */
  readonly clockTolerance?: number
  /** Where roles and groups are in the answer. Default: `roles` and `groups`. */
  readonly profile?: Pick<TokenProfile, 'roles' | 'groups'>
  /**
   * Where an answer without `sub` names the user: a member such as `username`, or a function. A value that equals the
   * client id stands for the client itself. Default: `sub`; a token without it names nobody, and requests that need a
   * user are refused with 403.
   */
  readonly subject?: string | ((claims: Claims) => unknown)
  /**
   * Whether tokens of this issuer may end with `=`. Unless all of them are written so, leave it off: an issuer that
   * decodes them lets one token be written in two ways, and a list of revoked tokens knows one. Default false.
   */
  readonly paddedTokens?: boolean
  /** How the issuer is asked. Default: the global fetch with limits on time, size and redirects. */
  readonly fetch?: OutboundFetch
}

const types: OptionTypes<IntrospectionVerifierOptions> = {
  ...cacheTypes,
  issuer: filledText,
  endpoint: optional(text),
  audience: audienceType,
  clientId: filledText,
  clientSecret: optional(filledText),
  clientAuth: optional(callable),
  maxAge: optional(notNegative),
  clockTolerance: optional(notNegative),
  profile: optional(
    membersOf<Pick<TokenProfile, 'roles' | 'groups'>>({ roles: optional(callable), groups: optional(callable) }),
  ),
  subject: optional(subjectType),
  paddedTokens: optional(flag),
  fetch: optional(callable),
}

/**
 * Verifies opaque access tokens by asking their issuer (RFC 7662). The answer must say that the token is an active access
 * token (`token_type`), until when, for which client, and that it is meant for this audience; issuers that do not tell
 * the audience cannot be used. JWTs of another issuer are refused without asking.
 *
 * `verifyAccessToken` rejects with a GatewayError: `invalid_token`, or `temporarily_unavailable` when the issuer gives no
 * usable answer.
 *
 * @throws {GatewayError} `invalid_configuration` for a missing audience or secret
 * @see RFC 7662
 * @example
 * ```ts
 * const verifier: TokenVerifier = createIntrospectionVerifier({
 *   issuer: 'https://login.example.com',
 *   audience: 'https://mcp.example.com/notes/mcp',
 *   clientId: 'notes-server',
 *   clientSecret,
 * })
 * ```
 */
export function createIntrospectionVerifier(options: IntrospectionVerifierOptions): TokenVerifier {
  checkOptions('createIntrospectionVerifier', options, types)
  const { issuer, endpoint, clientId, clientSecret, maxAge = 30, clockTolerance = 5, profile } = options
  const { subject = 'sub', paddedTokens = false } = options
  const clientAuth = options.clientAuth ?? (clientSecret ? ClientSecretBasic(clientSecret) : undefined)
  if (clientAuth === undefined)
    throw invalidConfiguration('clientSecret or clientAuth is needed; introspection is not for anybody')
  const audience = readAudience(options.audience)
  for (const url of endpoint === undefined ? [issuer] : [issuer, endpoint]) {
    if (!URL.canParse(url)) throw invalidConfiguration(`issuer and endpoint must be URLs, not "${url}"`)
  }
  const expected = {
    issuer,
    audience,
    clockTolerance,
    undated: true,
    profile: { ...introspected, ...profile, subject: subjectOf(subject) },
    nameless: true,
  }
  const fetchFrom = options.fetch ?? boundedFetch((url, init) => fetch(url, init))
  const server = refreshing(
    async () => ({
      issuer,
      introspection_endpoint: endpoint ?? (await discoverEndpoint(issuer, fetchFrom)),
    }),
    { maxAge: 3600, cooldown: 60, maxStale: Number.POSITIVE_INFINITY },
  )
  const client = { client_id: clientId }
  const askIssuer = sparing(fetchFrom)

  const ask = async (token: string): Promise<IntrospectionResponse> => {
    const metadata = await server.get()
    const response = await introspectionRequest(metadata, client, clientAuth, token, {
      additionalParameters: { token_type_hint: 'access_token' },
      // The operator wrote the address; whether it is encrypted is decided there.
      [allowInsecureRequests]: true,
      [customFetch]: (url, init) => askIssuer(url, init as RequestInit),
    })
    return processIntrospectionResponse(metadata, client, response)
  }

  return withVerifiedTokenCache(
    async (token) => {
      if (!isOneSpelling(token) || (token.endsWith('=') && !paddedTokens)) {
        throw invalidToken('is not written as it was issued')
      }
      refuseForeign(token, issuer)
      const answer = await ask(token).catch((cause: unknown) => {
        throw new GatewayError('temporarily_unavailable', 'The issuer gives no usable answer', { cause })
      })
      if (answer.active !== true) throw invalidToken('is not active')
      // RFC 7662 section 2.2 does not oblige the issuer to say what it does say where it is needed here.
      return checkClaims({ iss: issuer, ...(answer as Claims) }, expected)
    },
    { ...options, maxAge },
  )
}

/** What an answer must hold. The type tells an access token from a refresh token, which is active as well. */
const introspected: TokenProfile = {
  types: [],
  requiredClaims: ['client_id', 'token_type'],
  accept: ({ token_type: type, token_use: use }) =>
    ['bearer', 'dpop'].includes((type as string).toLowerCase()) && use !== 'refresh_token',
  clientId: ({ client_id: clientId }) => clientId,
}

// RFC 7662 section 2.2: `sub` is optional. The client in its place would make one user of all users of the client.
function subjectOf(where: string | ((claims: Claims) => unknown)): (claims: Claims) => unknown {
  if (typeof where === 'function') return where
  return (claims) => (Object.hasOwn(claims, where) ? claims[where] : undefined)
}

/** A JWT that another issuer signed is not this one's business: it would learn a secret of theirs. */
function refuseForeign(token: string, issuer: string): void {
  let iss: unknown
  try {
    iss = decodeJwt(token).iss
  } catch {
    return
  }
  if (iss !== issuer) throw unlike('is from another issuer', iss, issuer)
}

async function discoverEndpoint(issuer: string, fetchFrom: OutboundFetch): Promise<string> {
  const { introspection_endpoint: endpoint } = await discoverIssuer(issuer, { fetchFrom })
  if (typeof endpoint === 'string') {
    checkEncrypted(issuer, { introspection_endpoint: endpoint })
    return endpoint
  }
  throw new GatewayError('temporarily_unavailable', `The metadata of ${issuer} names no introspection_endpoint`)
}

/**
 * Spares an issuer that fails, and the callers the wait: after a failure the next attempt is a second later, then two,
 * at most 30. An answer that only one token may have caused is no failure.
 */
function sparing(fetchFrom: OutboundFetch): OutboundFetch {
  let failures = 0
  let failedAt = 0
  let pause = 0
  const fail = (): void => {
    failedAt = Date.now()
    pause = 1000 * Math.min(2 ** failures++, 30)
  }
  return async (url, init) => {
    if (isWithin(Date.now(), failedAt, pause))
      throw new GatewayError('temporarily_unavailable', 'The issuer did not answer a moment ago')
    const response = await fetchFrom(url, init).catch((error: unknown) => {
      fail()
      throw error
    })
    if (response.status >= 500) fail()
    else failures = 0
    return response
  }
}
