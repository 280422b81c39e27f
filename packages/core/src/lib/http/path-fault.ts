import { foldName } from '../json/fold-name.js'

/** Why a path is refused. */
export type PathFault =
  /**
   * No client that means well sends it: a backslash, a `#`, a control character, an escape that is none, or a dot
   * segment in any spelling (`..`, `%2e%2e`, `..%2f`, `%252e`, `..;`). Refused on every host, before anything is matched.
   */
  | 'malformed'
  /**
   * Servers read it differently: an empty segment, a `;`, a character of another alphabet that is not escaped, or an
   * escape of what can stand in a path as it is or divides one (`%61`, `%2f`, `%3b`, `%3f`, `%23`, `%5c`, `%25`).
   */
  | 'ambiguous'

/**
 * Tells whether every proxy and server reads a path alike, so that what is decided on is what is served. It repairs
 * nothing: a path that has a fault is refused with 400 wherever a decision depends on it.
 *
 * @param path the path as the client sent it, without the query
 * @returns `undefined` for a path that has one reading
 * @see RFC 3986 sections 2.3, 2.4 and 6.2.2
 */
export function pathFault(path: string): PathFault | undefined {
  // The common case, at the cost of two patterns
  if (plain.test(path) && !dots.test(path)) return undefined
  if (/[\\# ]/.test(path) || control.test(path)) return 'malformed'
  const decoded = decode(path)
  if (decoded === undefined) return 'malformed'
  // Some servers read the full-width forms of slashes and dots as the plain ones
  const folded = decoded.normalize('NFKC')
  if (control.test(decoded) || dotSegment.test(decoded) || dotSegment.test(folded)) return 'malformed'
  return plainOrEscaped.test(path) && dividers(decoded) === dividers(folded) ? undefined : 'ambiguous'
}

/** Whether a query has a backslash, a `#`, a space or a control character in it, which no URL has (RFC 9112 section 3.2). */
export function isMalformedQuery(query: string): boolean {
  return /[\\# ]/.test(query) || control.test(query)
}

/** The path of a request target. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}

/**
 * A path as the most forgiving server could read it: without escapes, in one case as `foldName` folds it, without
 * characters that cannot be seen, without dots and spaces at the ends of segments. Only for finding out whether two readings lead to different places; the path must have no fault.
 */
export function foldPath(path: string): string {
  const decoded = path.includes('%') ? (decode(path) ?? path) : path
  return foldName(decoded.normalize('NFKC').replaceAll(invisible, ''))
    .split('/')
    .map((segment) => withoutEnd(segment))
    .join('/')
}

/** Segments of the characters that a path can hold as they are, but for `;` (RFC 3986 section 3.3). */
const plain = /^(?:\/[\w.~!$&'()*+,=:@-]+)*\/?$/
const dots = /\/\.{1,2}(?:\/|$)/
/** The same with escapes of what a path cannot hold as it is: such an escape has one reading. */
const plainOrEscaped = /^(?:\/(?:[\w.~!$&'()*+,=:@-]|%(?:20|22|3c|3e|5b|5d|5e|60|7b|7c|7d|[89a-f][\da-f]))+)*\/?$/i
/** After everything was decoded. Parameters and spaces are what some servers cut off (`..;x`, `.. `). */
const dotSegment = /[/\\]\s*\.{1,2}\s*(?:[;?#/\\]|$)/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const control = /[\x00-\x1f\x7f]/
const escaped = /%([\da-f]{2})/gi

/** What comparisons by the rules of a language leave out, such as a soft hyphen and a zero-width space. */
const invisible = /\p{Default_Ignorable_Code_Point}/gu

/** How often a path may be escaped over: what is escaped more often has an escaped percent sign, which is a fault. */
const rounds = 4

/** Takes every escape off, those of escapes too; `undefined` where one is none (RFC 3629 for other alphabets). */
function decode(path: string): string | undefined {
  let text: string
  try {
    text = decodeURIComponent(path)
  } catch {
    return undefined
  }
  for (let round = 1; round < rounds && text.includes('%'); round++) {
    text = text.replace(escaped, (whole, hex: string) =>
      hex < '8' ? String.fromCharCode(Number.parseInt(hex, 16)) : whole,
    )
  }
  return text
}

/** Windows takes dots and spaces off the end of a name. */
function withoutEnd(segment: string): string {
  let end = segment.length
  while (end > 0 && (segment[end - 1] === '.' || segment[end - 1] === ' ')) end--
  return segment.slice(0, end)
}

function dividers(text: string): string {
  return text.replaceAll(/[^/\\;?#%]/g, '')
}
