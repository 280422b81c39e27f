import { withLoggedUrls } from '../text/logged-url.js'

const hidden = '[redacted]'

/** Fields whose value is a secret whatever it looks like; compared without case, `-` and `_`. */
const secretFields = new Set(
  [
    'authorization proxyauthorization cookie setcookie dpop code state nonce password passwd secret clientsecret',
    'token accesstoken refreshtoken idtoken subjecttoken actortoken usertoken registrationaccesstoken apikey',
    'codeverifier codechallenge assertion clientassertion privatekey samlresponse requestobject sessionid mcpsessionid',
  ]
    .join(' ')
    .split(' '),
)

/** Compact JWS and JWE, also with a header over several lines; `Bearer x`; query parameters that carry credentials. */
const jwt = /\b(?:eyJ|ey[AI](?=[\w-]{8,512}\.)|ew[0ok](?=[\w-]{8,512}\.))[\w-]{8,}(?:\.[\w-]*){0,4}/g
const scheme = /\b(Bearer|Basic|DPoP)\s{1,8}[\w\-.~+/]{8,}=*/gi
const parameter =
  /\b(code|state|nonce|access_token|refresh_token|id_token|token|client_secret|password|assertion|client_assertion|code_verifier|subject_token|api_key)=[^&\s"'#]+/gi
/** Members of JSON, and of JSON in a text of it, whose value is a text. */
const jsonMember = /"([\w-]{3,40})"(\s{0,4}:\s{0,4})"(?:[^"\\]|\\.)+/g
const quotedMember = /\\"([\w-]{3,40})\\"(\s{0,4}:\s{0,4})\\"[^"\\]+/g

/** No line needs more of one text, and the patterns above need more than linear time for some texts. */
const maxLength = 8192

/** Removes from a text what looks like a credential, what a URL has beside origin and path, and its end if it is very long. */
export function redactText(text: string): string {
  if (text.length < 9) return text
  return withLoggedUrls(text.length > maxLength ? cut(text) : text)
    .replaceAll(jwt, hidden)
    .replaceAll(scheme, `$1 ${hidden}`)
    .replaceAll(parameter, `$1=${hidden}`)
    .replaceAll(jsonMember, (all, name, colon) => (isSecret(name) ? `"${name}"${colon}"${hidden}` : all))
    .replaceAll(quotedMember, (all, name, colon) => (isSecret(name) ? `\\"${name}\\"${colon}\\"${hidden}` : all))
}

function isSecret(name: string): boolean {
  return secretFields.has(name.toLowerCase().replaceAll(/[-_]/g, ''))
}

/** Cuts between words where that is possible: the first half of a credential may not look like one. */
function cut(text: string): string {
  const start = text.slice(0, maxLength)
  const end = start.search(/[\s"',;][^\s"',;]{0,2048}$/)
  const kept = end === -1 ? start : start.slice(0, end)
  return `${kept} [${text.length - kept.length} more characters]`
}

/**
 * A copy of a log field that is fit for JSON, without credentials: by the field's name, and by what a text looks like.
 * It knows no secret that looks like an ordinary word under an ordinary name.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (depth > 6) return '[too deep]'
  if (value instanceof Error) return redactError(value, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (isKind<URL>(value, 'URL')) return redactText(value.href)
  if (isKind<Headers>(value, 'Headers')) return redact(Object.fromEntries(value), depth)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => redact(item, depth + 1))
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    const secret = item != null && isSecret(key)
    copy[key] = secret ? hidden : redact(item, depth + 1)
  }
  return copy
}

/** Hosts replace the classes of the platform; the name that an object has for people stays. */
function isKind<T>(value: object, name: 'URL' | 'Headers'): value is T & object {
  return Object.prototype.toString.call(value) === `[object ${name}]`
}

function redactError(error: Error, depth: number): unknown {
  const { name, message, stack, cause } = error
  const code: unknown = 'code' in error ? error.code : undefined
  return {
    name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: redactText(message),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  }
}
