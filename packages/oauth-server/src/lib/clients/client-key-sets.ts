import { GatewayError } from '@mcp-gateway/core'
import type { OutboundFetch } from '@mcp-gateway/core/outbound'
import type { JSONWebKeySet } from 'jose'
import { jwksSchema } from './client-keys.js'

const fresh = 300
const pause = 30
const most = 1000

/** Reads a client's key set, with the key that is wanted if it has one. */
export type ClientKeySets = (uri: string, kid: unknown) => Promise<JSONWebKeySet>

/**
 * Fetches and keeps the key sets that clients name: five minutes each, less where a key is missing that a token was
 * signed with, and never more often than every thirty seconds.
 */
export function createClientKeySets(fetch: OutboundFetch, clock: () => number): ClientKeySets {
  const known = new Map<string, { readonly at: number; readonly jwks: JSONWebKeySet }>()
  return async (uri, kid) => {
    const kept = known.get(uri)
    const has = kept && (kid === undefined || kept.jwks.keys.some((key) => key.kid === kid))
    if (kept && clock() - kept.at < (has ? fresh : pause)) return kept.jwks
    const response = await fetch(uri, { headers: { Accept: 'application/json, application/jwk-set+json' } })
    // Nothing is known about the keys then: what was kept stays, and the client is not told that it is unknown.
    if (response.status >= 500 || response.status === 429) {
      throw new GatewayError('temporarily_unavailable', "The host of the client's keys does not answer")
    }
    const parsed = response.status === 200 ? jwksSchema.safeParse(await response.json().catch(() => null)) : undefined
    const jwks = (parsed?.success ? parsed.data : { keys: [] }) as JSONWebKeySet
    known.delete(uri)
    if (known.size >= most) known.delete(known.keys().next().value as string)
    known.set(uri, { at: clock(), jwks })
    return jwks
  }
}
