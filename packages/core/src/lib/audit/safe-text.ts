import { BoundedMap } from '../cache/bounded-map.js'
import { type PersonalData, redactLine } from '../logging/redact.js'
import { sha256AtOnce } from '../text/hmac-sha256.js'

/** U+0000, which no text of PostgreSQL can hold, and halves of surrogate pairs, which no UTF-8 can. */
const unfit = /\0|\p{Surrogate}/gu

/**
 * A text of somebody else as an event holds it: without credentials, fit for every store, and cut. What looks like a
 * credential is removed before the cut, since half of one does not look like one any more.
 *
 * @param longest in characters (UTF-16 units)
 */
export function safeText(text: string, longest: number, personalData: PersonalData = 'keep'): string {
  if (text.length > cachedUpTo || text.length > longest || personalData !== 'keep') {
    return cutText(fit(redactLine(text, personalData)), longest)
  }
  const before = known.get(text)
  if (before !== undefined) return cutText(before, longest)
  const safe = fit(redactLine(text, personalData))
  known.set(text, safe)
  return cutText(safe, longest)
}

/** Names of tools, arguments and programs come again and again, and to search one takes longer than the rest of an event. */
const known = new BoundedMap<string>(2000)
const cachedUpTo = 128

/** The text with U+FFFD in place of what some store refuses. */
export function fit(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replaceAll(unfit, '\ufffd')
}

/** A name by which rows are found, as it is: users whose names are alike up to a cut must not be taken for one. */
export function idText(text: string): string {
  return text.length <= 256 ? fit(text) : `sha256:${sha256AtOnce(text)}`
}

/** Cuts between characters, never within a surrogate pair. */
export function cutText(text: string, longest: number): string {
  if (text.length <= longest) return text
  const end = longest - 1
  const code = text.charCodeAt(end - 1)
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end)}…`
}
