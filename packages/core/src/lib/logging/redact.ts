import { withLoggedUrls } from '../text/logged-url.js'
import { isPersonalName, maskPersonalData } from './personal-data.js'
import { isSecretName } from './secret-name.js'

const hidden = '[redacted]'
const masked = '[personal]'

/** Compact JWS and JWE, also with a header over several lines. */
const jwt = /\b(?:eyJ|ey[AI](?=[\w-]{8,512}\.)|ew[0ok](?=[\w-]{8,512}\.))[\w-]{8,}(?:\.[\w-]*){0,4}/g
const scheme = /\b(Bearer|Basic|DPoP)\s{1,8}(?![\w-]{1,40}=["\w])[\w\-.~+/]{8,}=*/gi
/** What many services begin their credentials with, and what we do: refresh tokens are `rt.`, opaque access tokens `at.`. */
const prefixed = new RegExp(
  `\\b(?:${[
    '[ar]t\\.[\\w-]{43}(?:\\.[\\w-]{43})?',
    '(?:AKIA|ASIA)[A-Z\\d]{16}(?![\\w-])',
    'gh[oprsu]_\\w{20,}|github_pat_\\w{20,}',
    'gl(?:pat|ptt|dt|rt|cbt)-[\\w-]{16,}',
    'xox[a-z]-[\\w-]{10,}|xapp-[\\w-]{10,}',
    '(?:sk|rk|pk)_(?:live|test)_\\w{10,}|whsec_[\\w+/=]{16,}',
    // Hyphens and letters alone are words
    'sk-(?=[\\w-]{0,200}\\d)[\\w-]{16,}',
    'AIza[\\w-]{35}|ya29\\.[\\w-]{20,}|GOCSPX-[\\w-]{20,}',
    'npm_\\w{20,}|pypi-[\\w-]{20,}|hf_\\w{20,}|dop_v1_\\w{20,}|shpat_\\w{20,}',
    'SG\\.[\\w-]{16,}\\.[\\w-]{16,}',
  ].join('|')})`,
  'g',
)
/** API keys of ours, whatever prefix a registry has, and what they all end in: few texts have it, and each word may begin one. */
const apiKey = /\b[a-z][a-z\d]{1,15}(?:_[a-z\d]{1,15})?_[\dA-Za-z]{12}_[\dA-Za-z]{38}(?![\dA-Za-z])/g
const apiKeyEnd = /_[\dA-Za-z]{12}_[\dA-Za-z]{38}(?![\dA-Za-z])/
const pem = /-----BEGIN [A-Z\d ]{1,40}-----[\s\S]*?(?:-----END [A-Z\d ]{1,40}-----|$)/g
/** What follows the name in `OAUTH_TOKEN=…` and in forms, and in header lines such as `X-Api-Key: …`. */
const parameterValue = /(["']?)[^&\s"'#;,]+/y
const headerValue = /([ \t]{1,4})[\w\-.~+/=%]{8,}/y
const cookies = /(?<![\w-])((?:Set-)?Cookie|Authorization):[ \t]{1,4}[^\r\n"]+/gi
/** Members of JSON, and of JSON in a text of it, whose value is a text. */
const jsonMember = /"([\w-]{2,64})"(\s{0,4}:\s{0,4})"(?:[^"\\]|\\.)+/g
const quotedMember = /\\"([\w-]{2,64})\\"(\s{0,4}:\s{0,4})\\"[^"\\]+/g

/** Longer ones are no names. */
const maxName = 64

/** No line needs more of one text, and the patterns above need more than linear time for some texts. */
const maxLength = 8192

/** Removes from a text what looks like a credential, what a URL has beside origin and path, and its end if it is very long. */
export function redactText(text: string): string {
  if (text.length < 9) return text
  // A block is found by its two ends, of which a cut text may have one
  const whole = text.includes('-----BEGIN ') ? text.replaceAll(pem, hidden) : text
  const shown = hideTokens(withLoggedUrls(whole.length > maxLength ? cut(whole) : whole))
  const named = hideNamed(shown, '=', parameterValue)
  const told = named.includes(': ') ? hideNamed(named.replaceAll(cookies, `$1: ${hidden}`), ':', headerValue) : named
  if (!told.includes('"')) return told
  return told.replaceAll(jsonMember, hideMember('"')).replaceAll(quotedMember, hideMember('\\"'))
}

function hideTokens(text: string): string {
  const shown = apiKeyEnd.test(text) ? text.replaceAll(apiKey, hidden) : text
  return shown.replaceAll(jwt, hidden).replaceAll(scheme, `$1 ${hidden}`).replaceAll(prefixed, hidden)
}

/** Removes from a text of any length what looks like a credential by itself, whatever its name is. The rest stays as it is. */
export function maskCredentials(text: string): string {
  if (text.length < 9) return text
  const whole = text.includes('-----BEGIN ') ? text.replaceAll(pem, hidden) : text
  if (whole.length <= maxLength) return hideTokens(whole)
  const pieces: string[] = []
  for (let from = 0; from < whole.length; ) {
    const to = from + maxLength < whole.length ? pieceEnd(whole, from) : whole.length
    pieces.push(hideTokens(whole.slice(from, to)))
    from = to
  }
  return pieces.join('')
}

/** Where a piece ends: between words where that is possible, since half of a credential may not look like one. */
function pieceEnd(text: string, from: number): number {
  for (let end = from + maxLength; end > from + maxLength / 2; end--) {
    if (!isOfName(text.charCodeAt(end - 1)) && !isOfName(text.charCodeAt(end))) return end
  }
  return from + maxLength
}

/** Hides the values of names that say that they are secrets. Names are looked for from the separator, of which there are few. */
function hideNamed(text: string, separator: '=' | ':', value: RegExp): string {
  let shown = ''
  let done = 0
  for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, Math.max(at + 1, done))) {
    let start = at
    while (start > done && at - start < maxName && isOfName(text.charCodeAt(start - 1))) start--
    const name = text.slice(start, at)
    // A word before a colon is prose more often than not
    if (name.length < 2 || (separator === ':' && !/[-_]/.test(name)) || !isSecretName(name)) continue
    value.lastIndex = at + 1
    const match = value.exec(text)
    if (match === null) continue
    shown += `${text.slice(done, at + 1)}${match[1]}${hidden}`
    done = value.lastIndex
  }
  return done === 0 ? text : shown + text.slice(done)
}

/** Letters, digits, `_`, `-` and `.`. */
function isOfName(unit: number): boolean {
  return (
    (unit >= 0x61 && unit <= 0x7a) ||
    (unit >= 0x41 && unit <= 0x5a) ||
    (unit >= 0x30 && unit <= 0x39) ||
    unit === 0x5f ||
    unit === 0x2d ||
    unit === 0x2e
  )
}

function hideMember(quote: string): (all: string, name: string, colon: string) => string {
  return (all, name, colon) => (isSecretName(name) ? `${quote}${name}${quote}${colon}${quote}${hidden}` : all)
}

/** Cuts between words where that is possible: the first half of a credential may not look like one. */
function cut(text: string): string {
  const start = text.slice(0, maxLength)
  const end = start.search(/[\s"',;][^\s"',;]{0,2048}$/)
  const kept = end === -1 ? start : start.slice(0, end)
  return `${kept} [${text.length - kept.length} more characters]`
}

/** What is to become of the data of persons. */
export type PersonalData = 'keep' | 'mask'

/**
 * A copy of a log field that is fit for JSON, without credentials: by the field's name, and by what a text looks like.
 * It knows no secret that looks like an ordinary word under an ordinary name.
 */
export function redact(value: unknown, personalData: PersonalData = 'keep', depth = 0): unknown {
  const inner = (item: unknown) => redact(item, personalData, depth + 1)
  if (typeof value === 'string') return redactLine(value, personalData)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (depth > 6) return '[too deep]'
  if (value instanceof Error) return redactError(value, inner)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (isKind<URL>(value, 'URL')) return redactLine(value.href, personalData)
  if (isKind<Headers>(value, 'Headers')) return redact(Object.fromEntries(value), personalData, depth)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) return value.slice(0, 100).map(inner)
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    if (item != null && isHiddenField(key, item)) copy[key] = hidden
    else if (item != null && personalData === 'mask' && isPersonalName(key)) copy[key] = masked
    else copy[key] = inner(item)
  }
  return copy
}

/** Hosts replace the classes of the platform; the name that an object has for people stays. */
function isKind<T>(value: object, name: 'URL' | 'Headers'): value is T & object {
  return Object.prototype.toString.call(value) === `[object ${name}]`
}

/** Numbers and switches are no secrets but where the name is that of one whole: a PIN may be one, a count of tokens is not. */
function isHiddenField(key: string, item: unknown): boolean {
  return typeof item !== 'boolean' && isSecretName(key)
}

/** A text of a log line: what looks like a credential is removed, and data of persons where that is wanted. */
export function redactLine(text: string, personalData: PersonalData): string {
  const shown = redactText(text)
  return personalData === 'mask' ? maskPersonalData(shown) : shown
}

function redactError(error: Error, inner: (value: unknown) => unknown): unknown {
  const { name, message, stack, cause } = error
  const code: unknown = 'code' in error ? error.code : undefined
  return {
    name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: inner(message),
    ...(stack === undefined ? {} : { stack: inner(stack) }),
    ...(cause === undefined ? {} : { cause: inner(cause) }),
  }
}
