import { BoundedMap } from '../cache/bounded-map.js'
import { isWithin } from '../cache/is-within.js'
import type { AuthInfo, KeyProof, TokenVerifier } from '../contract/auth-info.js'
import { GatewayError } from '../contract/gateway-error.js'
import { sharesPromises } from '../runtime/shares-promises.js'
import { invalidToken } from './invalid-token.js'
import { tokenKey } from './token-key.js'
import type { VerifiedToken } from './verified-token.js'

/** How long what was found out about a token is believed. */
export interface VerificationCacheOptions {
  /** How many verified tokens are remembered, each never past its `exp`. Default 10000; 0 turns it off. */
  readonly cacheSize?: number
  /**
   * Says whether a token that is otherwise good was revoked. When it rejects, the verifier answers "cannot tell". Go by
   * the token's `jti`, not by a hash of its text: an ECDSA signature can be changed into another valid one by anybody.
   */
  readonly isRevoked?: (auth: AuthInfo) => boolean | Promise<boolean>
  /**
   * For how long the answer of `isRevoked` holds for a token, in seconds; a revoked token works at most so much longer.
   * Default 0: it is asked at every verification, for remembered tokens too.
   */
  readonly revocationMaxAge?: number
}

interface Entry extends VerifiedToken {
  /** Until when it is believed, in milliseconds since the epoch. */
  readonly until: number
  /** When it was verified. */
  readonly verifiedAt: number
  /** When revocation was last asked. */
  askedAt: number
}

interface Refusal {
  readonly error: GatewayError
  readonly refusedAt: number
}

/** Node's limit for all headers of a request together. */
const maxLength = 16_384
/** For how long, and of how many tokens, a refusal is remembered. */
const refusalMilliseconds = 1000
const maxRefusals = 1000
/** Longer keys are not kept: without a hash they are the tokens, which anybody may make as long as a header can be. */
const maxKeyLength = 4096

/**
 * Remembers what `verify` found out about a token: until its `exp`, or for `maxAge` seconds. Refusals are remembered for
 * one second. It is keyed on the whole token, and one cache belongs to one verifier, hence to one audience. A token that
 * is bound to a key passes only with the proof of that key.
 */
export function withVerifiedTokenCache(
  verify: (token: string) => Promise<VerifiedToken>,
  options: VerificationCacheOptions & { readonly maxAge?: number } = {},
): TokenVerifier {
  const { cacheSize = 10_000, isRevoked, revocationMaxAge = 0, maxAge = Number.POSITIVE_INFINITY } = options
  const verified = new BoundedMap<Entry>(cacheSize)
  const refused = new BoundedMap<Refusal>(cacheSize === 0 ? 0 : maxRefusals)
  const pending = new Map<string, Promise<Entry>>()
  const shared = sharesPromises()

  const first = async (token: string, key: string): Promise<Entry> => {
    try {
      const found = await verify(token)
      const verifiedAt = Date.now()
      const until = Math.min(found.expiresAt * 1000, verifiedAt + maxAge * 1000)
      const entry: Entry = { ...deepFreeze(found), until, verifiedAt, askedAt: Number.NEGATIVE_INFINITY }
      if (until > verifiedAt && key.length <= maxKeyLength) verified.set(key, entry)
      return entry
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'invalid_token' && key.length <= maxKeyLength) {
        refused.set(key, { error, refusedAt: Date.now() })
      }
      throw error
    } finally {
      pending.delete(key)
    }
  }

  const load = (token: string, key: string): Promise<Entry> => {
    const refusal = refused.get(key)
    if (refusal !== undefined && isWithin(Date.now(), refusal.refusedAt, refusalMilliseconds)) throw refusal.error
    let loading = pending.get(key)
    if (loading === undefined) {
      loading = first(token, key)
      if (shared) pending.set(key, loading)
    }
    return loading
  }

  return {
    async verifyAccessToken(token: string, proof?: KeyProof): Promise<AuthInfo> {
      if (typeof token !== 'string' || token.length > maxLength) throw invalidToken('is no text, or too long')
      const key = tokenKey(token)
      let entry = verified.get(key)
      if (entry === undefined || !isBelieved(entry)) entry = await load(token, key)
      checkBinding(entry.extra.claims.cnf, proof)
      const auth = toAuthInfo(token, entry)
      if (isRevoked !== undefined && !isWithin(Date.now(), entry.askedAt, revocationMaxAge * 1000)) {
        const askedAt = Date.now()
        if (await askRevoked(isRevoked, auth)) throw invalidToken('was revoked')
        entry.askedAt = askedAt
      }
      return auth
    },
  }
}

function isBelieved({ until, verifiedAt }: Entry): boolean {
  return isWithin(Date.now(), verifiedAt, until - verifiedAt)
}

/** Callers may change what they get: nothing of it is shared but what is frozen. */
function toAuthInfo(token: string, { clientId, scopes, expiresAt, resource, extra }: Entry): AuthInfo {
  return {
    token,
    clientId,
    scopes: [...scopes],
    expiresAt,
    resource,
    extra,
  }
}

// RFC 7800 section 3: who takes a bound token without its proof undoes the binding. Only DPoP's (RFC 9449 section 6.1)
// can be proved here.
function checkBinding(cnf: unknown, proof: KeyProof | undefined): void {
  if (cnf === undefined && proof === undefined) return
  const bound = typeof cnf === 'object' && cnf !== null && Object.keys(cnf).length === 1 && 'jkt' in cnf
  if (!bound || proof === undefined || cnf.jkt !== proof.jkt) throw invalidToken('is bound to a key, or to another one')
}

async function askRevoked(isRevoked: (auth: AuthInfo) => boolean | Promise<boolean>, auth: AuthInfo): Promise<boolean> {
  try {
    return await isRevoked(auth)
  } catch (cause) {
    throw new GatewayError('temporarily_unavailable', 'Revocation could not be checked', { cause })
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member)
    Object.freeze(value)
  }
  return value
}
