const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
const start = '=?base64?'
const end = '?='
const encoded = /^=\?base64\?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)\?=$/
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A text as a header may carry it: as it is, or as `=?base64?…?=` where it could not be read back so (MCP M9). */
export function encodeHeaderValue(text: string): string {
  if (plain.test(text) && !text.startsWith(start)) return text
  const bytes = new TextEncoder().encode(text)
  return `${start}${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}${end}`
}

/** Whether a header has a text as `=?base64?…?=`, whose markers are case-sensitive (MCP M9); it may be malformed. */
export function isEncodedValue(value: string): boolean {
  return value.startsWith(start) && value.endsWith(end)
}

/** The text that a header has (MCP M9); `undefined` where it is not well-formed base64 of UTF-8. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!isEncodedValue(value)) return value
  const base64 = encoded.exec(value)?.[1]
  if (base64 === undefined) return undefined
  try {
    return decoder.decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)))
  } catch {
    return undefined
  }
}
