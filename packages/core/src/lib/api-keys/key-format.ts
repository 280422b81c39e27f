import { wrongOption } from '../contract/invalid-configuration.js'
import type { OptionType } from '../contract/option-types.js'
import { endsInBase62, isBase62, randomBase62, toBase62 } from './base62.js'
import { crc32 } from './crc32.js'

/** Digits of the id: 71 bits, so that two keys do not meet. */
const idLength = 12
/** Digits of the secret: 190 bits. */
const secretLength = 32
/** Digits of a CRC-32. */
const checksumLength = 6

/** How the keys of one registry are written. */
export interface KeyFormat {
  /** Makes a key with a new secret; with a new id, unless one is given. */
  make(id?: string): { readonly id: string; readonly key: string }
  /** The id of a key; `undefined` for what was never made here: another prefix, a mistake in writing, any other text. */
  read(text: string): string | undefined
  /** Whether a text begins as keys do, whatever follows. */
  isAlike(text: string): boolean
}

/** The prefix of keys, with or without a tag such as `_test`. */
export const prefixType: OptionType = (value, name) => {
  if (typeof value === 'string' && /^[a-z][a-z0-9]{1,15}(?:_[a-z0-9]{1,15})?$/.test(value)) return
  throw wrongOption(
    name,
    value,
    'a small letter and up to 15 more letters and digits, such as acme, with a tag if you like, such as acme_test',
  )
}

/**
 * Keys are `prefix_ID_SECRET`: 12 digits of an id, 32 of a secret and 6 of a CRC-32 of all before it, in base62. A text that was
 * not made so is told in about a microsecond, without a look into any storage; what passes was made here, or by somebody
 * who wants to guess.
 *
 * @param prefix of the shape that {@link prefixType} checks
 */
export function keyFormat(prefix: string): KeyFormat {
  const start = `${prefix}_`
  const idEnd = start.length + idLength
  const length = idEnd + 1 + secretLength + checksumLength

  const isWhole = (text: string): boolean => {
    if (text.length !== length || !text.startsWith(start) || text[idEnd] !== '_') return false
    for (let index = start.length; index < length; index++) {
      if (index !== idEnd && !isBase62(text.charCodeAt(index))) return false
    }
    return endsInBase62(text, crc32(text, length - checksumLength), checksumLength)
  }

  return {
    make(id = randomBase62(idLength)) {
      const body = `${start}${id}_${randomBase62(secretLength)}`
      return { id, key: body + toBase62(crc32(body), checksumLength) }
    },
    read: (text) => (isWhole(text) ? text.slice(start.length, idEnd) : undefined),
    isAlike: (text) => text.startsWith(start),
  }
}
