/** The longest value; servers and proxies cut off or fail at limits of their own. */
export const longestClaimHeader = 2048

/**
 * Writes a claim so that it fits into a header: what is not plain ASCII is percent-encoded in UTF-8, `%` too, so that
 * `decodeURIComponent` gives the claim back and no claim can end a header or start another; commas too, which stand between
 * two headers of one name (RFC 9110 section 5.3), and braces, which start a placeholder in some proxies. A claim that is a single dash is written `%2D`, so that `-` can stand for one that is not
 * there. It does not cut off: a value of more than 2048 characters is for the caller to refuse.
 *
 * @returns `undefined` for what is no text or empty
 */
export function claimHeader(value: unknown): string | undefined {
  // HTTP strips spaces at the ends
  return typeof value === 'string' && value !== '' ? encode(value, /[^\x20-\x7e]|[%{},]|^ | $|^-$/gu) : undefined
}

/**
 * Writes a list of claims, such as roles, as {@link claimHeader} does; in the items spaces and commas are encoded too.
 *
 * @returns `undefined` for what is no list or has no text in it
 */
export function claimListHeader(values: unknown, separator: ' ' | ','): string | undefined {
  if (!Array.isArray(values)) return undefined
  const items = values.filter((value): value is string => typeof value === 'string' && value !== '')
  if (items.length === 0) return undefined
  const list = items.map((item) => encode(item, /[^\x21-\x7e]|[%{},]/gu)).join(separator)
  return list === '-' ? '%2D' : list
}

function encode(value: string, what: RegExp): string {
  return value.length > longestClaimHeader ? value : value.replaceAll(what, (char) => encodeCharacter(char))
}

function encodeCharacter(char: string): string {
  const bytes = [...new TextEncoder().encode(char)]
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
