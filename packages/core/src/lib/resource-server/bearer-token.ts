/** What the Authorization header holds. */
export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'token'; readonly scheme: 'Bearer' | 'DPoP'; readonly token: string; readonly header?: string }

/** Node's limit for all headers of a request together. */
const maxLength = 16_384

const token68 = /^[\w\-.~+/]+=*$/

/**
 * Reads an access token from the Authorization header, the only place where one is accepted (MCP R5), unless another header
 * is named for tokens that are none of OAuth. Credentials in both are malformed: nobody knows which were meant.
 *
 * Two headers arrive as one, joined by a comma, which no token can hold; so they are malformed.
 */
export function readCredentials(headers: Headers, header?: string): Credentials {
  const value = headers.get('Authorization')
  const other = header === undefined ? null : headers.get(header)
  if (other !== null) {
    if (other.length > maxLength) return { kind: 'too_large' }
    if (value !== null || !token68.test(other)) return { kind: 'malformed' }
    return { kind: 'token', scheme: 'Bearer', token: other, header }
  }
  if (value === null || value === '') return { kind: 'none' }
  if (value.length > maxLength) return { kind: 'too_large' }
  const [, name] = /^([!#$%&'*+.^_`|~0-9a-z-]+)(?: |$)/i.exec(value) ?? []
  const scheme = tokenScheme(name?.toLowerCase())
  if (scheme === undefined) return { kind: name === undefined ? 'malformed' : 'none' }
  // RFC 9110 section 11.4: 1*SP between scheme and token68.
  const token = value.slice(scheme.length).trimStart()
  return token68.test(token) ? { kind: 'token', scheme, token } : { kind: 'malformed' }
}

function tokenScheme(name: string | undefined): 'Bearer' | 'DPoP' | undefined {
  if (name === 'bearer') return 'Bearer'
  return name === 'dpop' ? 'DPoP' : undefined
}
