import { logTag } from './log-tag.js'

const urls = /(?:\b[a-z][a-z0-9+.-]{0,20}:)?\/\/[^\s"<>`]+/gi
const queries = /\?[\w.~%[\]-]{1,64}=[^\s"<>`]*/g
const notOfKeys = /[^\w~%=-]+/
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Replaces in a text each URL by its {@link loggedUrl}, and each query of something that is no whole URL. */
export function withLoggedUrls(text: string): string {
  const named = text.includes('//') ? text.replaceAll(urls, loggedUrl) : text
  return named.includes('?') ? named.replaceAll(queries, (query) => `?${logTag(query.slice(1))}`) : named
}

/**
 * What a log or an error may say of a URL: its origin and path. User part, query and fragment, and segments of the path
 * that look like keys, are replaced by a tag, which is the same for the same text in this process and says nothing else.
 * A text that is no URL is taken for a path.
 */
export function loggedUrl(text: string): string {
  const [, scheme = '', rest = ''] = /^((?:[a-z][a-z0-9+.-]*:)?\/\/|)(.*)$/is.exec(text) ?? []
  const end = rest.search(/[?#]/)
  const before = end === -1 ? rest : rest.slice(0, end)
  const after = end === -1 ? '' : rest.slice(end)
  // A password may hold what should be escaped in it: then nothing after the scheme can be told apart.
  if (scheme !== '' && after.includes('@') && !before.includes('/')) return `${scheme}${logTag(rest)}`
  const start = scheme === '' ? 0 : afterUserPart(before, /^(?:https?:)?\/\//i.test(scheme))
  const user = before.slice(0, start)
  const [host = '', ...path] = before.slice(start).split('/')
  const shownHost = scheme === '' ? shownSegment(host) : shownPart(host)
  const place = [shownHost, ...path.map(shownSegment)].join('/')
  return `${scheme}${user && `${logTag(user)}@`}${place}${after && `${after[0]}${logTag(after)}`}`
}

function afterUserPart(before: string, isHttp: boolean): number {
  const slash = before.indexOf('/')
  const authority = slash === -1 ? before : before.slice(0, slash)
  const isPlain = isHttp && !/:(?!\d*$)/.test(authority.replace(/\[[^\]]*\]/, ''))
  return (isPlain ? authority : before).lastIndexOf('@') + 1
}

/** A key may be a part of its segment: `bot<id>:<key>`, a JWT, `;session=<key>`. */
function shownSegment(segment: string): string {
  return segment.split(notOfKeys).some(isKey) ? logTag(segment) : segment
}

function shownPart(part: string): string {
  return isKey(part) ? logTag(part) : part
}

/** Keys in paths are long and mix letters and digits; what names a tenant is a UUID, and stays. */
function isKey(part: string): boolean {
  return part.length >= 20 && /^[\w~%=-]+$/.test(part) && /\d/.test(part) && /[a-z]/i.test(part) && !uuid.test(part)
}
