// biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is escaped, and what escapes
const unsafe = /[\0\x10\ufeff\ud800-\udfff]/
const special = /[\0\x10\ufeff\p{Surrogate}]/gu
const escaped = /\x10(0|e|[0-9a-f]{4})/g
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: end of the expressions

/**
 * Makes any string safe for stores that hold UTF-8 text: a lone surrogate would come back as another character, some
 * refuse NUL, and some drivers drop a byte order mark. Ordinary text stays as it is. Afterwards every DLE (U+0010) is
 * followed by a digit or a letter, so that DLE and a punctuation mark can serve as a separator.
 */
export function encodeText(text: string): string {
  if (!unsafe.test(text)) return text
  return text.replace(special, (character) => {
    if (character === '\0') return '\x100'
    if (character === '\x10') return '\x10e'
    return `\x10${character.charCodeAt(0).toString(16)}`
  })
}

/** The reverse of {@link encodeText}. */
export function decodeText(text: string): string {
  if (!text.includes('\x10')) return text
  return text.replace(escaped, (_, code: string) => {
    if (code === '0') return '\0'
    if (code === 'e') return '\x10'
    return String.fromCharCode(Number.parseInt(code, 16))
  })
}
