import { type AuthInfo, actorOf } from '@mcp-gateway/core'
import { claimHeader, claimListHeader, longestClaimHeader } from '@mcp-gateway/core/internal'
import type { IdentityHeaderNames } from './identity-headers.js'

/** Stands for nobody and for claims that a token does not have: a header that is left out is not safe behind Caddy. */
export const absent = '-'

const noStore = ['Cache-Control', 'no-store'] as const

/** Headers as pairs. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** What the upstream is told when nobody is known: a preflight or a discovery document. */
export function anonymous(names: readonly string[]): HeaderPairs {
  return [noStore, ...names.map((name) => [name, absent] as const)]
}

/**
 * Tells the upstream who calls, each value as core's `claimHeader` writes it. Every header is there and none is empty.
 *
 * @returns the headers, or the field that is too long
 */
export function identify(names: IdentityHeaderNames, auth: AuthInfo): HeaderPairs | string {
  const { roles, claims } = auth.extra ?? {}
  const actor = actorOf(auth)
  const known: Record<string, unknown> = typeof claims === 'object' && claims !== null ? { ...claims } : {}
  const values: Record<keyof IdentityHeaderNames, string> = {
    userId: actor?.kind === 'user' ? single(actor.id) : absent,
    userName: single(known.preferred_username ?? known.username ?? known.name),
    userEmail: single(known.email),
    roles: list(roles, ','),
    scopes: list(auth.scopes, ' '),
    clientId: single(auth.clientId),
  }
  const pairs: (readonly [string, string])[] = [noStore]
  for (const [field, name] of Object.entries(names)) {
    const value = values[field as keyof IdentityHeaderNames]
    if (value.length > longestClaimHeader) return field
    pairs.push([name, value])
  }
  return pairs
}

function single(value: unknown): string {
  return distinct(claimHeader(value))
}

function list(values: unknown, separator: ' ' | ','): string {
  return distinct(claimListHeader(values, separator))
}

/** A claim that is a dash must not look like one that is not there. */
function distinct(value: string | undefined): string {
  if (value === undefined) return absent
  return value === absent ? '%2D' : value
}
