/**
 * Whether a token is written in the one way that its issuer writes it, as far as its form tells. Decoders take more than
 * one text for the same bytes: with padding, in the other base64 alphabet, or with other bits in the last character than
 * zero (RFC 4648 sections 3.2, 3.5 and 5); what is remembered or revoked by the text would then be missed. A JWS or JWE
 * in compact form (RFC 7515 section 2: base64url without padding) is checked part by part. How an opaque token is written
 * is known to its verifier alone.
 */
export function isOneSpelling(token: string): boolean {
  return !token.includes('.') || isCompact(token) || !hasJoseHeader(token)
}

/** Whether the first part is read as a JSON object by somebody: a header may begin with white space (RFC 8259 section 2). */
function hasJoseHeader(token: string): boolean {
  const start = token
    .slice(0, Math.min(token.indexOf('.'), 64))
    .replaceAll('-', '+')
    .replaceAll('_', '/')
  const whole = start.replaceAll(/[^A-Za-z0-9+/]/g, '')
  const text = atob(whole.slice(0, whole.length - (whole.length % 4 === 1 ? 1 : 0)))
  return /^[\t\n\r ]*\{|^[\t\n\r ]+$/.test(text)
}

/** Whether a text is parts of canonical base64url, separated by dots. Looks at the characters once. */
export function isCompact(text: string): boolean {
  if (!/^[\w.-]+$/.test(text)) return false
  for (let start = 0; start <= text.length; ) {
    const dot = text.indexOf('.', start)
    const end = dot === -1 ? text.length : dot
    if (!endsClean(text, start, end)) return false
    start = end + 1
  }
  return true
}

/** Whether a text is canonical base64url. */
export function isBase64Url(text: string): boolean {
  return /^[\w-]*$/.test(text) && endsClean(text, 0, text.length)
}

/** Whether no bits are left over in the last character, and it is not alone. */
function endsClean(text: string, start: number, end: number): boolean {
  const over = (end - start) % 4
  if (over === 0) return true
  if (over === 1) return false
  return (over === 2 ? lastOfOne : lastOfTwo).includes(text[end - 1] as string)
}

/** What a last character may be that holds two bits, or four. */
const lastOfOne = 'AQgw'
const lastOfTwo = 'AEIMQUYcgkosw048'
