import type { AuthInfo } from '../auth-info.js'

/** The longest value; servers and proxies cut off or fail at limits of their own. */
const maxLength = 2048

/**
 * Tells an upstream who calls: `X-User-Id`, `X-User-Name`, `X-User-Email`, `X-Roles` (by commas), `X-Scopes` (by
 * spaces), `X-Client-Id`. What is not plain ASCII is percent-encoded in UTF-8, `%` too, so that `decodeURIComponent`
 * gives the claim back and no claim can end a header or start another. What a token does not tell is left out.
 *
 * @returns the headers, or the name of the one that is too long
 */
export function identityHeaders(auth: AuthInfo): [name: string, value: string][] | string {
  const { subject, roles, claims } = auth.extra ?? {}
  const known = (typeof claims === 'object' && claims !== null ? claims : {}) as Record<string, unknown>
  const values: [string, string | undefined][] = [
    ['x-user-id', text(subject ?? auth.clientId)],
    ['x-user-name', text(known.preferred_username ?? known.name)],
    ['x-user-email', text(known.email)],
    ['x-roles', list(roles, ',')],
    ['x-scopes', list(auth.scopes, ' ')],
    ['x-client-id', text(auth.clientId)],
  ]
  const headers: [string, string][] = []
  for (const [name, value] of values) {
    if (value === undefined) continue
    if (value.length > maxLength) return name
    headers.push([name, value])
  }
  return headers
}

function text(value: unknown): string | undefined {
  // HTTP strips spaces at the ends
  return typeof value === 'string' && value !== '' ? encode(value, /[^\x20-\x7e]|%|^ | $/gu) : undefined
}

function list(values: unknown, separator: ' ' | ','): string | undefined {
  if (!Array.isArray(values)) return undefined
  const items = values.filter((value): value is string => typeof value === 'string' && value !== '')
  return items.length === 0 ? undefined : items.map((item) => encode(item, /[^\x21-\x7e]|[%,]/gu)).join(separator)
}

function encode(value: string, what: RegExp): string {
  return value.length > maxLength ? value : value.replaceAll(what, (char) => encodeCharacter(char))
}

function encodeCharacter(char: string): string {
  const bytes = [...new TextEncoder().encode(char)]
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
