import type { AuthInfo } from '@mcp-gateway/core'
import type { IdentityHeaderNames } from './identity-headers.js'

/** Stands for nobody and for claims that a token does not have: a header that is left out is not safe behind Caddy. */
export const absent = '-'

/** The longest encoded value; longer ones are refused, since proxies fail or truncate at limits of their own. */
const maxLength = 2048

const noStore = ['Cache-Control', 'no-store'] as const

/** Headers as pairs. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** What the upstream is told when nobody is known: a preflight or a discovery document. */
export function anonymous(names: readonly string[]): HeaderPairs {
  return [noStore, ...names.map((name) => [name, absent] as const)]
}

/**
 * Tells the upstream who calls. Every header is there and none is empty. What is not plain ASCII is percent-encoded in
 * UTF-8, `%` too, so that `decodeURIComponent` gives the claim back and no claim can end the header or start another.
 *
 * @returns the headers, or the field that is too long
 */
export function identify(names: IdentityHeaderNames, auth: AuthInfo): HeaderPairs | string {
  const { subject, roles, claims } = auth.extra ?? {}
  const known: Record<string, unknown> = typeof claims === 'object' && claims !== null ? { ...claims } : {}
  const values: Record<keyof IdentityHeaderNames, string> = {
    userId: single(subject ?? auth.clientId),
    userName: single(known.preferred_username ?? known.username ?? known.name),
    userEmail: single(known.email),
    roles: list(roles, ','),
    scopes: list(auth.scopes, ' '),
    clientId: single(auth.clientId),
  }
  const pairs: (readonly [string, string])[] = [noStore]
  for (const [field, name] of Object.entries(names)) {
    const value = values[field as keyof IdentityHeaderNames]
    if (value.length > maxLength) return field
    pairs.push([name, value])
  }
  return pairs
}

function single(value: unknown): string {
  if (typeof value !== 'string' || value === '') return absent
  if (value === absent) return '%2D'
  // Space is fine inside, but HTTP strips it at the ends
  return encode(value, /[^\x20-\x7e]|[%{}]|^ | $/gu)
}

function list(values: unknown, separator: ' ' | ','): string {
  if (!Array.isArray(values)) return absent
  const items = values.filter((value) => typeof value === 'string' && value !== '')
  if (items.length === 0) return absent
  if (items.length === 1 && items[0] === absent) return '%2D'
  return items.map((item: string) => encode(item, /[^\x21-\x7e]|[%{},]/gu)).join(separator)
}

/** Braces are encoded too: they start a placeholder in Caddy and in other proxies. */
function encode(value: string, what: RegExp): string {
  if (value.length > maxLength) return value
  return value.replaceAll(what, (char) =>
    [...new TextEncoder().encode(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
