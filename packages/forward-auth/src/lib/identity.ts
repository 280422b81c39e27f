import type { AuthInfo } from '@mcp-gateway/core'
import { identityValues } from '@mcp-gateway/core/internal'
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
 * Tells the upstream who calls, as core's `identityValues` reads it from the token. Every header is there and none is
 * empty; no value but an absent one is a dash.
 *
 * @throws {Refusal} for a claim that is too long
 */
export function identify(names: IdentityHeaderNames, auth: AuthInfo): HeaderPairs {
  const values = identityValues(auth)
  const pairs: (readonly [string, string])[] = [noStore]
  for (const [field, name] of Object.entries(names)) {
    pairs.push([name, values[field as keyof IdentityHeaderNames] ?? absent])
  }
  return pairs
}
