import { BoundedMap } from '../cache/bounded-map.js'
import { isWithin } from '../cache/is-within.js'
import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import type { Check } from '../contract/check.js'
import { invalidConfiguration, wrongOption } from '../contract/invalid-configuration.js'
import {
  callable,
  checkOptions,
  filledText,
  flag,
  listOf,
  membersOf,
  notNegative,
  type OptionType,
  type OptionTypes,
  optional,
  withMethods,
} from '../contract/option-types.js'
import { checkResource } from '../resource-server/resource-url.js'
import { sharesPromises } from '../runtime/shares-promises.js'
import { anyVerifier } from '../tokens/any-verifier.js'
import { authType } from '../tokens/authority-type.js'
import { invalidToken } from '../tokens/invalid-token.js'
import { type IssuerAuthorityOptions, issuerAuthority } from '../tokens/issuer-authority.js'
import { tokenKey } from '../tokens/token-key.js'
import { ApiKeyRefusal, type ApiKeySource, type IdentifiedKey } from './key-source.js'

/** How keys are verified. */
export interface ApiKeyVerifierOptions {
  /**
   * The MCP server that is guarded, as its resource URL; as `auth` the gateway names each server. A verifier without it takes
   * only keys that work at all servers.
   */
  readonly resource?: string
  /** A header beside `Authorization` that keys may come in, such as `x-api-key`; as `auth`, and with `tokenHeader` of `bearerAuth`. */
  readonly header?: string
  /**
   * As `auth`: who issues the access tokens that are taken beside keys. Without it no metadata is served, and no refusal names
   * any, so that clients open no browser.
   */
  readonly authority?: Authority | IssuerAuthorityOptions
  /**
   * For how many seconds what was found out about a good key holds: a change, a revocation and the loss of rights take effect
   * within it in every process. At most 5; 0 asks the storage for each request. Bad keys are not remembered.
   *
   * @default 1
   */
  readonly maxAge?: number
  /**
   * How many keys are remembered.
   *
   * @default 10000
   */
  readonly cacheSize?: number
}

/** Verifies keys; by itself, in `anyVerifier`, and as `auth` of a gateway or of forward-auth. */
export interface ApiKeyVerifier extends TokenVerifier, Authority {}

const longestAge = 5

const maxAgeType: OptionType = (value, name) => {
  notNegative(value, name)
  if ((value as number) <= longestAge) return
  throw wrongOption(name, value, `a number up to ${longestAge}, since it is how long a revoked key works`)
}

const types: OptionTypes<ApiKeyVerifierOptions> = {
  resource: optional(filledText),
  header: optional((value, name) => {
    if (typeof value === 'string' && /^[a-z][a-z0-9-]{0,63}$/i.test(value) && !/^authorization$/i.test(value)) return
    throw wrongOption(name, value, 'the name of a header other than Authorization, such as x-api-key')
  }),
  authority: optional(authType),
  maxAge: optional(maxAgeType),
  cacheSize: optional(notNegative),
}

const members = membersOf<ApiKeySource>({
  recognise: callable,
  identify: callable,
  limitsOf: callable,
  checkResource: optional(callable),
  isLocal: optional(flag),
  check: optional(callable),
})

const sourceType: OptionType = (value, name) => {
  withMethods(
    'createApiKeys(…), apiKeysFromFolder(…), or a list of such',
    'recognise',
    'identify',
    'limitsOf',
  )(value, name)
  members(value, name)
}

/** Reads one source or several. */
export function sourcesOf(keys: ApiKeySource | readonly ApiKeySource[], where: string): readonly ApiKeySource[] {
  const sources = Array.isArray(keys) ? (keys as readonly ApiKeySource[]) : [keys as ApiKeySource]
  listOf(sourceType)(sources, where)
  if (sources.length === 0) throw invalidConfiguration(`${where} is empty; give what createApiKeys(…) returns`)
  return sources
}

/**
 * Verifies API keys: their form first, which costs no read of a storage, then what is stored, then whether they work at this
 * server and from this address, and how often. Clients are told the same for every reason; the reason is in the request's
 * record (`refusal.cause`), and so in the log.
 *
 * The `AuthInfo` has the id of the key as `clientId` and `extra.credentialId`, its owner as `extra.subject`, and as `extra.issuer`
 * `apikey` for service accounts, `apikey:` and the owner's issuer for persons. The key itself is not in it: `token` is empty.
 *
 * It never takes a key from a URL. A key that was used too often is 429; a storage that does not answer is 503, never 401.
 *
 * @param keys where the keys are: one source or several
 * @throws {GatewayError} `invalid_configuration`
 * @see RFC 6750 section 3
 * @example
 * ```ts
 * const gateway = createGateway({
 *   url: 'https://mcp.example.com',
 *   auth: createApiKeyVerifier(keys, { header: 'x-api-key' }),
 *   servers: { '/notes/mcp': proxy('http://notes.internal:3000/mcp') },
 * })
 * ```
 */
export function createApiKeyVerifier(
  keys: ApiKeySource | readonly ApiKeySource[],
  options: ApiKeyVerifierOptions = {},
): ApiKeyVerifier {
  const sources = sourcesOf(keys, 'The keys of createApiKeyVerifier')
  checkOptions('createApiKeyVerifier', options, types)
  const { maxAge = 1, cacheSize = 10_000 } = options
  const header = options.header?.toLowerCase()
  const identify = remembering(sources, { maxAge, cacheSize })

  const protect = (resource: string | undefined): TokenVerifier => {
    if (resource !== undefined) {
      checkResource(resource, 'createApiKeyVerifier: resource')
      for (const source of sources) source.checkResource?.(resource)
    }
    const url = resource === undefined ? undefined : new URL(resource)
    return {
      async verifyAccessToken(token, proof, use = {}) {
        if (typeof token !== 'string') throw invalidToken('is not a string')
        const found = identify(token)
        const key = found instanceof Promise ? await found : found
        if (proof !== undefined) throw new ApiKeyRefusal('malformed', key.id)
        const now = Date.now()
        if (now >= key.endsAt) throw new ApiKeyRefusal('expired', key.id)
        if (now < key.startsAt) throw new ApiKeyRefusal('early', key.id)
        if (!key.worksAt(resource)) throw new ApiKeyRefusal('resource', key.id)
        if (!key.worksFrom(use.address)) throw new ApiKeyRefusal('ip', key.id)
        if (use.again !== true) {
          const retryAfter = await key.count?.()
          if (retryAfter !== undefined) throw new ApiKeyRefusal('rate', key.id, { retryAfter })
          key.used?.(use.address)
        }
        return toAuthInfo(key, url)
      },
    }
  }

  const own = protect(options.resource)
  const checks = sources.map(({ check }) => check).filter((check) => check !== undefined)
  const verifier: ApiKeyVerifier = {
    ...own,
    protect,
    ...(header !== undefined && { tokenHeader: header }),
    ...(checks.length > 0 && { check: all(checks) }),
  }
  return options.authority === undefined ? verifier : joined(verifier, options.authority, header)
}

/** Keys beside the tokens of an authority: all that it is, it stays. */
function joined(keys: ApiKeyVerifier, from: Authority | IssuerAuthorityOptions, header?: string): ApiKeyVerifier {
  const authority = 'protect' in from ? from : issuerAuthority(from)
  const { check } = authority
  return {
    ...authority,
    ...boundTo(authority),
    verifyAccessToken: keys.verifyAccessToken,
    ...(header !== undefined && { tokenHeader: header }),
    check: all([keys.check, check?.bind(authority)].filter((one) => one !== undefined)),
    protect(resource, about) {
      const own = keys.protect(resource)
      const either = anyVerifier([own, authority.protect(resource, about)])
      return {
        // An access token is taken from the Authorization header alone (MCP R5)
        verifyAccessToken: (token, proof, use) =>
          (use?.header === undefined ? either : own).verifyAccessToken(token, proof, use),
      }
    },
  }
}

/** The functions of an authority that may be one of a class. */
function boundTo(authority: Authority): Partial<Authority> {
  const names = ['secret', 'handle', 'match', 'paths', 'close'] as const
  return Object.fromEntries(names.flatMap((name) => (authority[name] ? [[name, authority[name].bind(authority)]] : [])))
}

function all(checks: readonly Check[]): Check {
  return async () => {
    const found = await Promise.all(checks.map((check) => check()))
    return found.find((one) => one !== undefined)
  }
}

interface Remembered {
  readonly key: IdentifiedKey
  /** When it was looked up, in milliseconds since the epoch. */
  readonly at: number
}

// Made once: the stack of an error costs more than the whole look at the form, and strangers ask for many
const malformed = /* @__PURE__ */ new ApiKeyRefusal('malformed')
const foreign = /* @__PURE__ */ new ApiKeyRefusal('malformed', undefined, { isFinal: false })

/** Looks keys up, and remembers good ones. */
function remembering(
  sources: readonly ApiKeySource[],
  { maxAge, cacheSize }: { maxAge: number; cacheSize: number },
): (token: string) => IdentifiedKey | Promise<IdentifiedKey> {
  const known = new BoundedMap<Remembered>(maxAge === 0 ? 0 : cacheSize)
  const pending = new Map<string, Promise<IdentifiedKey>>()
  const shared = sharesPromises()

  const load = async (source: ApiKeySource, token: string, place: string): Promise<IdentifiedKey> => {
    // Before the question: what is revoked after it may not be in the answer
    const at = Date.now()
    const key = await source.identify(token)
    known.set(place, { key, at })
    return key
  }

  const remembered = (source: ApiKeySource, token: string): IdentifiedKey | Promise<IdentifiedKey> => {
    const place = tokenKey(token)
    const found = known.get(place)
    if (found !== undefined && isWithin(Date.now(), found.at, maxAge * 1000)) return found.key
    let loading = pending.get(place)
    if (loading === undefined) {
      loading = load(source, token, place).finally(() => pending.delete(place))
      if (shared) pending.set(place, loading)
    }
    return loading
  }

  // Not asynchronous: strangers ask most often, and are refused at once; who is known is let in at once
  return (token) => {
    let isAlike = false
    for (const source of sources) {
      const form = source.recognise(token)
      if (form === 'yes') return source.isLocal ? source.identify(token) : remembered(source, token)
      isAlike ||= form === 'alike'
    }
    throw isAlike ? malformed : foreign
  }
}

/** 9999-12-31T23:59:59Z: `bearerAuth` wants an end, and every date library can show this one. */
const never = 253_402_300_799

function toAuthInfo(key: IdentifiedKey, resource: URL | undefined): AuthInfo {
  const { id, issuer, subject, userName, scopes, roles, groups, generation, endsAt } = key
  return {
    token: '',
    clientId: id,
    scopes: [...scopes],
    expiresAt: endsAt === Number.POSITIVE_INFINITY ? never : endsAt / 1000,
    ...(resource !== undefined && { resource }),
    extra: {
      issuer,
      subject,
      roles,
      groups,
      credentialId: id,
      claims: {
        iss: issuer,
        sub: subject,
        client_id: id,
        credential_id: id,
        credential_generation: generation,
        scope: scopes.join(' '),
        ...(userName !== undefined && { preferred_username: userName }),
      },
    },
  }
}
