/** Says that a text was left out. It may tell which one it was, to those who know it. */
export type Mark = (text: string) => string

/** What stands in front of `//`, and what follows it: a pattern for both would look for a scheme in each word of a text. */
const schemeBefore = /\b[a-z][a-z0-9+.-]{0,20}:$/i
const longestScheme = 22
const urlBehind = /\/\/[^\s"<>`]+/y
const queries = /\?[\w.~%[\]-]{1,64}=[^\s"<>`]*/g
const notOfKeys = /[^\w~%=-]+/
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Replaces in a text each URL by its {@link shownUrl}, and each query of something that is no whole URL. */
export function withShownUrls(text: string, mark: Mark): string {
  const named = text.includes('//') ? replaceUrls(text, (url) => shownUrl(url, mark)) : text
  return named.includes('?') ? named.replaceAll(queries, (query) => `?${mark(query.slice(1))}`) : named
}

function replaceUrls(text: string, shown: (url: string) => string): string {
  let replaced = ''
  let done = 0
  for (let at = text.indexOf('//'); at !== -1; at = text.indexOf('//', Math.max(at + 1, done))) {
    urlBehind.lastIndex = at
    if (!urlBehind.test(text)) continue
    const end = urlBehind.lastIndex
    // One character more, so that no scheme begins in the middle of a word
    const before = text.slice(Math.max(done, at - longestScheme - 1), at)
    const start = at - (schemeBefore.exec(before)?.[0].length ?? 0)
    replaced += text.slice(done, start) + shown(text.slice(start, end))
    done = end
  }
  return done === 0 ? text : replaced + text.slice(done)
}

/**
 * What a log or an error may say of a URL: its origin and path. User part, query and fragment, and segments of the path
 * that look like keys, are replaced by a mark. A text that is no URL is taken for a path.
 */
export function shownUrl(text: string, mark: Mark): string {
  const shown = (part: string): string => (isKey(part) ? mark(part) : part)
  /** A key may be a part of its segment: `bot<id>:<key>`, a JWT, `;session=<key>`. */
  const shownSegment = (segment: string): string => (segment.split(notOfKeys).some(isKey) ? mark(segment) : segment)
  const [, scheme = '', rest = ''] = /^((?:[a-z][a-z0-9+.-]*:)?\/\/|)(.*)$/is.exec(text) ?? []
  const end = rest.search(/[?#]/)
  const before = end === -1 ? rest : rest.slice(0, end)
  const after = end === -1 ? '' : rest.slice(end)
  // A password may hold what should be escaped in it: then nothing after the scheme can be told apart.
  if (scheme !== '' && after.includes('@') && !before.includes('/')) return `${scheme}${mark(rest)}`
  const start = scheme === '' ? 0 : afterUserPart(before, /^(?:https?:)?\/\//i.test(scheme))
  const user = before.slice(0, start)
  const [host = '', ...path] = before.slice(start).split('/')
  const shownHost = scheme === '' ? shownSegment(host) : shown(host)
  const place = [shownHost, ...path.map(shownSegment)].join('/')
  return `${scheme}${user && `${mark(user)}@`}${place}${after && `${after[0]}${mark(after)}`}`
}

function afterUserPart(before: string, isHttp: boolean): number {
  const slash = before.indexOf('/')
  const authority = slash === -1 ? before : before.slice(0, slash)
  const isPlain = isHttp && !/:(?!\d*$)/.test(authority.replace(/\[[^\]]*\]/, ''))
  return (isPlain ? authority : before).lastIndexOf('@') + 1
}

/** Keys in paths are long and mix letters and digits; what names a tenant is a UUID, and stays. */
function isKey(part: string): boolean {
  return part.length >= 20 && /^[\w~%=-]+$/.test(part) && /\d/.test(part) && /[a-z]/i.test(part) && !uuid.test(part)
}
