/** In the order of ASCII: digits, capital letters, small letters. */
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The largest multiple of 62 that a byte can hold: bytes from here on would make the first digits more frequent. */
const fair = 248

/** So many unguessable base62 digits, each as likely as any other (5.95 bits each). */
export function randomBase62(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length + 8))) {
      if (byte < fair && text.length < length) text += digits[byte % 62]
    }
  }
  return text
}

/** A whole number from 0 on as base62, padded with `0` in front. */
export function toBase62(value: number, length: number): string {
  let text = ''
  for (let left = value; text.length < length; left = Math.floor(left / 62)) text = digits[left % 62] + text
  return text
}

/** Whether the last digits of a text are this number in base62. */
export function endsInBase62(text: string, value: number, length: number): boolean {
  let left = value
  for (let index = text.length - 1; index >= text.length - length; index--) {
    if (text.charCodeAt(index) !== digits.charCodeAt(left % 62)) return false
    left = Math.floor(left / 62)
  }
  return true
}

/** Whether a UTF-16 unit is a base62 digit. */
export function isBase62(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x30 && unit <= 0x39)
}
