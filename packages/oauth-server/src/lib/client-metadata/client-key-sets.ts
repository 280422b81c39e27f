import { GatewayError } from '@mcp-gateway/core'
import { BoundedMap, isRefusal, Refusal } from '@mcp-gateway/core/internal'
import type { JSONWebKeySet } from 'jose'
import type { FetchAsker, GuardedFetch } from '../limits/guarded-fetch.js'
import { hostAway, hostIsAway, notAccepted } from '../limits/unreadable.js'
import { readClientKeys } from './client-keys.js'

const fresh = 300
const pause = 30
/** How long a set stays usable while its host does not answer. */
const staleFor = 86_400
const maxKnown = 1000
const nothing: JSONWebKeySet = { keys: [] }
/** The most that is kept of a set, in characters of JSON; one that is larger counts as empty. */
const largest = 16_384

interface KnownSet {
  readonly jwks: JSONWebKeySet
  /** When its host said so. */
  readonly at: number
  /** When its host was asked last. */
  readonly askedAt: number
}

/** Reads a client's key set, with the key that is wanted if it has one. */
export type ClientKeySets = (uri: string, kid: unknown, asker: FetchAsker) => Promise<JSONWebKeySet>

/**
 * Fetches and keeps the key sets that clients name: five minutes each, less where a key is missing that a token was
 * signed with, a day while the host does not answer, and never asked for more often than every thirty seconds. Those of clients
 * that a person approved are kept apart: what strangers name takes no place of theirs.
 */
export function createClientKeySets(fetch: GuardedFetch, clock: () => number): ClientKeySets {
  const ofVouched = new BoundedMap<KnownSet>(maxKnown)
  const ofStrangers = new BoundedMap<KnownSet>(maxKnown)

  return async (uri, kid, asker) => {
    const known = asker.vouched ? ofVouched : ofStrangers
    const kept = known.get(uri)
    const has = kept && (kid === undefined || kept.jwks.keys.some((key) => key.kid === kid))
    const now = clock()
    // Before `askedAt`, the clock was put back: then the host is asked, and nobody waits for as long.
    const isLater = kept !== undefined && now >= kept.askedAt
    if (has && isLater && now - kept.at < fresh) return kept.jwks
    if (isLater && now - kept.askedAt < pause) {
      if (now - kept.at < staleFor && (has || kept.askedAt === kept.at)) return kept.jwks
      throw away(uri)
    }
    try {
      const jwks = await load(fetch, uri, asker)
      known.set(uri, { jwks, at: now, askedAt: now })
      return jwks
    } catch (error) {
      if (isRefusal(error) && error.code === notAccepted) known.set(uri, { jwks: nothing, at: now, askedAt: now })
      // Noted also where nothing is known, or each request of one client would take from the budget of its host's others
      else if (isAway(error) || isOurs(error))
        known.set(uri, { ...(kept ?? { jwks: nothing, at: Number.NEGATIVE_INFINITY }), askedAt: now })
      // The host is away, or its budget is used up: a key that it published is good for a while.
      if (has && now - kept.at < staleFor && isOutage(error)) return kept.jwks
      throw isRefusal(error) && error.status === 400 ? keyRefusal(uri, error) : error
    }
  }
}

async function load(fetch: GuardedFetch, uri: string, asker: FetchAsker): Promise<JSONWebKeySet> {
  const response = await fetch(uri, { headers: { Accept: 'application/json, application/jwk-set+json' } }, asker)
  // Nothing is known about the keys then, and the client is not told that it is unknown.
  if (response.status >= 500 || response.status === 429) {
    throw hostIsAway(`its host answered with status ${response.status}`)
  }
  const { keys } = readClientKeys(response.status === 200 ? await response.json().catch(() => null) : undefined)
  return (JSON.stringify(keys).length > largest ? { keys: [] } : { keys }) as JSONWebKeySet
}

function away(uri: string): Refusal {
  return keyRefusal(uri, hostIsAway('its host did not answer a moment ago'))
}

/** What the client is told of its keys. It throws its credentials away on invalid_client, so a host that is away is not that. */
function keyRefusal(uri: string, { code, description, reason }: Refusal): Refusal {
  const error = code === hostAway ? 'temporarily_unavailable' : 'invalid_client'
  return new Refusal(400, error, `The keys at ${uri.slice(0, 200)} cannot be read: ${description}`, { reason })
}

/** One network has asked for too much, which is no word on the host, or the host is away, or we are. */
function isOutage(error: unknown): boolean {
  return isRefusal(error) ? error.status === 429 || isAway(error) : isOurs(error)
}

function isAway(error: unknown): boolean {
  return isRefusal(error) && error.code === hostAway
}

function isOurs(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'temporarily_unavailable'
}
