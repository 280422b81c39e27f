const token = "[!#$%&'*+.^_`|~0-9a-z-]+"
const parameter = new RegExp(`^[ \\t]*(${token})=(?:(${token})|"([^"\\\\]*)")[ \\t]*$`, 'i')

/**
 * Whether a `Content-Type` is this type, with a body in UTF-8. A charset other than `utf-8` (or `utf8`, as some libraries
 * write), a second one, and parameters that are not well-formed make it another one, since who reads the body by them may
 * read something else.
 *
 * @param header the header as it came, `null` where there is none
 * @param type in lower case, such as `application/json`
 * @see RFC 9110 section 8.3
 * @example
 * ```ts
 * const isJson = isMediaType(request.headers.get('content-type'), 'application/json')
 * ```
 */
export function isMediaType(header: string | null, type: string): boolean {
  if (header === type) return true
  const [essence = '', ...parameters] = (header ?? '').split(';')
  if (essence.trim().toLowerCase() !== type) return false
  let charsets = 0
  for (const text of parameters) {
    // RFC 9110 section 5.6.6 lets a parameter be empty
    if (text.trim() === '') continue
    const [, name, plain, quoted] = parameter.exec(text) ?? []
    if (name === undefined) return false
    // `charset*` is how RFC 8187 would write one
    if (!name.toLowerCase().startsWith('charset')) continue
    if (name.length !== 'charset'.length || !/^utf-?8$/i.test(plain ?? quoted ?? '') || ++charsets > 1) return false
  }
  return true
}
