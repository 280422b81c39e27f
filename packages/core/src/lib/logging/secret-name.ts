/** Words in a name that say that its value is a secret, wherever they stand: `sessionSecret`, `x-api-key`, `OAUTH_TOKEN`. */
const secretWords = new Set(
  'token secret key assertion password passwd pwd passphrase cookie authorization credential credentials jwt otp'.split(
    ' ',
  ),
)

/** The same where words are run together, as in `PGPASSWORD`. */
const ends = /(?:password|passwd|secret|token)$/

/** Whole names that say it without such a word, or in one; compared without case, `-` and `_`. */
const secretNames = new Set(
  [
    'code state nonce dpop codeverifier codechallenge samlresponse requestobject sessionid mcpsessionid setcookie',
    'apikey accesskey accesstoken refreshtoken idtoken authtoken clientsecret privatekey secretkey usertoken',
  ]
    .join(' ')
    .split(' '),
)

/**
 * Last words of names that are about a secret and do not hold one: `token_type`, `key_id`, `tokenEndpoint`,
 * `secret_expires_at`.
 */
const aboutWords = new Set(
  [
    'type types id ids endpoint uri url path paths name names kind format algorithm alg size length count limit limits index',
    'at in expiry expires expired ttl lifetime age hint status state method methods supported required scheme server servers',
    'policy valid revoked present absent issuer store storage file version',
  ]
    .join(' ')
    .split(' '),
)

/** What is in every name that has one of these words or ends; most names have none of it, and need not be taken apart. */
const traces = /token|secret|key|assertion|passw|pwd|passphrase|cookie|authorization|credential|jwt|otp/

/** Longer ones are no names. */
const maxLength = 64

const separator = /[-_.]/
const separators = /[-_.]/g

/** Whether what has this name is a secret whatever it looks like, in any spelling of the name. */
export function isSecretName(name: string): boolean {
  if (name.length > maxLength) return false
  const lower = name.toLowerCase()
  if (secretNames.has(separator.test(lower) ? lower.replaceAll(separators, '') : lower)) return true
  if (!traces.test(lower)) return false
  const words = wordsOf(name)
  const last = words.at(-1) ?? ''
  return (
    words[0] !== 'public' && !aboutWords.has(last) && words.some((word) => secretWords.has(word) || ends.test(word))
  )
}

/** The words of `sessionSecret`, `SESSION_SECRET`, `x-session-secret` and `session.secret`. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '')
}
