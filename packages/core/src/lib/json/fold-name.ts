/**
 * The name as a reader takes it that ignores case and ends names at a NUL byte: two names with the same result are one
 * to some server. Case is folded as Unicode does it, so the long s (U+017F) is an s and the Kelvin sign (U+212A) a k; the
 * dotted and the dotless i count as i, as Java compares them.
 */
export function foldName(name: string): string {
  // Most names are ASCII, where one step does
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index)
    if (code === 0 || code > 0x7e) return cutAtNul(name).replaceAll('\u0130', 'i').toUpperCase().toLowerCase()
  }
  return name.toLowerCase()
}

/** The name up to its first NUL. */
export function cutAtNul(name: string): string {
  const end = name.indexOf('\0')
  return end === -1 ? name : name.slice(0, end)
}

/** Whether a text has half a surrogate pair, which only an escape can write and which decoders replace or drop. */
export function isIllFormed(text: string): boolean {
  // A runtime without it is slower
  const { isWellFormed } = text as { isWellFormed?: () => boolean }
  return isWellFormed === undefined ? /\p{Surrogate}/u.test(text) : !isWellFormed.call(text)
}
