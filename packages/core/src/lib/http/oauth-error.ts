import { respond } from './respond.js'

/**
 * Answers with an OAuth error as JSON, never to be cached. It is not the answer for a missing or bad bearer token; that
 * is `challenge`.
 *
 * @param status the HTTP status: 400 for most, 401 for `invalid_client`, 503 for `temporarily_unavailable`
 * @param error a code of RFC 6749 section 5.2 or of an extension
 * @param description what to change, for the developer of the client; characters that the RFC does not allow in it
 *   become spaces
 * @see RFC 6749 section 5.2
 * @example
 * ```ts
 * return oauthError(400, 'invalid_grant', 'The code was used before; start again')
 * ```
 */
export function oauthError(status: number, error: string, description?: string, headers?: HeadersInit): Response {
  const merged = new Headers(headers)
  merged.set('Content-Type', 'application/json')
  merged.set('Cache-Control', 'no-store')
  const body = description === undefined ? { error } : { error, error_description: printable(description) }
  return respond(JSON.stringify(body), { status, headers: merged })
}

// RFC 6749 section 5.2: error_description is %x20-21 / %x23-5B / %x5D-7E
function printable(text: string): string {
  return text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, ' ')
}
