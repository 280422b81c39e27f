const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A piece of UTF-8 as text, without the parts of characters that were cut through at its ends. */
export function wholeText(bytes: Uint8Array): string {
  let start = 0
  // Bytes within a character begin with these two bits, and there are three at most
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++
  const text = decoder.decode(bytes.subarray(start), { stream: true })
  decoder.decode()
  return text
}

/** The first characters of a text, so many UTF-16 units at most. */
export function startOf(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  const isHalf = text.length > length && last >= 0xd800 && last <= 0xdbff
  return text.slice(0, isHalf ? length - 1 : length)
}
