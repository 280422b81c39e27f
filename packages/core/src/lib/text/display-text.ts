/** What nobody sees but everything around it shows: controls, bidirectional and invisible ones, marks that enclose. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Me}\p{Default_Ignorable_Code_Point}]+/gu
const lineBreaks = /[\t\n\v\f\r\u0085\u2028\u2029]+/g
const spaces = /[\p{Zs}\u2800]+/gu
/** Marks that would go on the text before, which is the page's. */
const orphans = /(^| )\p{M}+/gu
/** Marks are sorted when they are composed, and a run of many takes long. */
const endless = /(\p{M}{12})\p{M}+/gu
/** As many marks as languages put on one character, and those beyond. */
const piled = /(\p{M}{3})\p{M}+/gu
/** Parts of Hangul syllables that were not composed: any number of them is drawn as one. */
const jamo = /([\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]{3})[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+/g
/** Letters that a virama puts below the one before (Myanmar, Khmer, Balinese, Brahmi, Kawi, Soyombo and others). */
const viramas =
  '\\u1039\\u17d2\\u1a60\\u1b44\\u1baa\\u1bab\\ua9c0\\uaaf6\\u{10a3f}\\u{11046}\\u{110b9}\\u{11133}' +
  '\\u{113d0}\\u{1193e}\\u{11a47}\\u{11a99}\\u{11d45}\\u{11d97}\\u{11f42}'
const below = `[${viramas}]\\p{L}(?:(?![${viramas}])\\p{M})*`
const stacked = new RegExp(`((?:${below}){2})(?:${below})+`, 'gu')

/**
 * A text of somebody else in a form that is safe to show beside words of one's own: composed (NFC), on one line, without
 * characters that are invisible or turn the direction, and with no more marks on one character than languages need. It
 * does not escape HTML, does not tell look-alikes from what they look like, and wide or right-to-left letters stay: put it
 * into an element that isolates its direction and clips what it draws (`bdi` with `overflow: clip`).
 *
 * @param longest in characters; what is longer ends in `…`
 */
export function displayText(text: string, longest: number = Number.POSITIVE_INFINITY): string {
  const clean = /^[\x20-\x7e]*$/.test(text) ? text : cleaned(text)
  if (clean.length <= longest) return clean
  const characters = [...clean]
  return characters.length <= longest
    ? clean
    : `${characters
        .slice(0, longest - 1)
        .join('')
        .trimEnd()}…`
}

function cleaned(text: string): string {
  return text
    .replaceAll(lineBreaks, ' ')
    .replaceAll(unseen, '')
    .replaceAll(endless, '$1')
    .normalize('NFC')
    .replaceAll(spaces, ' ')
    .replaceAll(orphans, '$1')
    .replaceAll(piled, '$1')
    .replaceAll(jamo, '$1')
    .replaceAll(stacked, '$1')
    .trim()
}

/** As {@link unseen}, but for log lines: what is legible stays. */
const escaped = /[\x7f-\x9f\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Me}\p{Default_Ignorable_Code_Point}]|(\p{M}{3})(\p{M}+)/gu

/**
 * JSON with escapes in place of characters that would change how a terminal or a viewer shows the line. It means the same.
 */
export function plainJson(json: string): string {
  if (/^[\x20-\x7e]*$/.test(json)) return json
  return json.replaceAll(escaped, (match, kept: string | undefined, beyond: string | undefined) =>
    kept === undefined || beyond === undefined ? escapes(match) : kept + escapes(beyond),
  )
}

function escapes(text: string): string {
  return text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
