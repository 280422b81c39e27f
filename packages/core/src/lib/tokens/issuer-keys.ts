import type { JSONWebKeySet } from 'jose'
import { type Refreshing, refreshing } from '../cache/refreshing.js'
import { GatewayError } from '../contract/gateway-error.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { boundedFetch, type OutboundFetch } from '../outbound/bounded-fetch.js'
import { checkEncrypted, discoverIssuer, fetchKeySet } from './discover-issuer.js'
import { type KeyHeader, type KeySet, readKeySet } from './key-set.js'

/** Where an issuer's keys come from. */
export interface IssuerKeysOptions {
  /** The issuer identifier, exactly as it is in tokens and in the issuer's metadata. */
  readonly issuer: string
  /** The keys themselves, or a function that returns them. Instead of `jwksUri` and discovery. */
  readonly jwks?: JSONWebKeySet | (() => Promise<JSONWebKeySet>)
  /** Where the keys are. Default: what the issuer's metadata says. */
  readonly jwksUri?: string
  /** How keys and metadata are fetched. Default: the global fetch with limits on time, size and redirects. */
  readonly fetch?: OutboundFetch
  /** How long fetched keys are used before they are asked for again, in seconds. Default 600. */
  readonly jwksMaxAge?: number
}

/** The key for a token; rejects with `temporarily_unavailable` while that cannot be decided. */
export interface FindKey {
  (header: KeyHeader): ReturnType<KeySet['find']>
  /** Where the keys come from; absent where they were configured. */
  source?: Refreshing<KeySet>
}

/** Seconds in which an unknown `kid` makes no second request. */
const cooldown = 30
/** Seconds for which old keys serve while their source is down. */
const maxStale = 86_400

/**
 * The keys of one issuer, loaded when the first token comes: one load at a time, none within 30 s of the last for an
 * unknown `kid`, exponentially fewer while the source fails, and old keys for up to a day meanwhile.
 */
export function issuerKeys(options: IssuerKeysOptions): FindKey {
  const { issuer, jwks, jwksMaxAge = 600 } = options
  if (!URL.canParse(issuer)) {
    throw invalidConfiguration(`issuer must be the URL that tokens name, not "${issuer}"`)
  }
  if (typeof jwks === 'object') {
    const fixed = readKeySet(jwks)
    return (header) => fixed.find(header)
  }
  const load = jwks ?? fetchedKeys(options)
  // A function is asked in this process: a key that was just made must work at once.
  const limits = { maxAge: jwksMaxAge, cooldown: jwks === undefined ? cooldown : 1, maxStale }
  const source = refreshing(async () => readKeySet(await load()), limits)
  const findKey: FindKey = async (header) => {
    const known = await source.get()
    const key = await known.find(header)
    if (key !== undefined) return key
    const newer = await source.newer(known)
    if (newer !== known) return newer.find(header)
    if (source.failing) {
      throw new GatewayError(
        'temporarily_unavailable',
        'The key of the token is unknown and the issuer does not answer',
      )
    }
    return undefined
  }
  findKey.source = source
  return findKey
}

function fetchedKeys({ issuer, jwksUri, fetch: given }: IssuerKeysOptions): () => Promise<JSONWebKeySet> {
  const fetchFrom = given ?? boundedFetch((url, init) => fetch(url, init))
  return async () => {
    const uri = jwksUri ?? (await discoverIssuer(issuer, { fetchFrom })).jwks_uri
    if (typeof uri !== 'string')
      throw new GatewayError('temporarily_unavailable', `The metadata of ${issuer} names no jwks_uri`)
    if (jwksUri === undefined) checkEncrypted(issuer, { jwks_uri: uri })
    return (await fetchKeySet(uri, fetchFrom)) as unknown as JSONWebKeySet
  }
}
