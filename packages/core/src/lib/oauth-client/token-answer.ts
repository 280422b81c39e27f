import { OAuthClientError } from './oauth-client-error.js'

/**
 * Makes the answer of a token endpoint one that can be read by the letter of RFC 6749: members that are `null` or the
 * empty string are left out, since servers write them for what is absent, and an error with status 200 (GitHub) is thrown. Anything
 * else passes as it is. The body must be bounded by whoever made the request.
 *
 * @throws {OAuthClientError} with the other server's error
 * @see RFC 6749 sections 5.1 and 5.2
 */
export async function readableTokenAnswer(response: Response): Promise<Response> {
  const text = await response.clone().text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return response
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return response
  const members = Object.entries(body)
  const kept = members.filter(([, value]) => value !== null && value !== '')
  const { error } = Object.fromEntries(kept) as { error?: unknown }
  if (response.status === 200 && error !== undefined) {
    throw new OAuthClientError(String(error), `The other server said ${String(error)}`)
  }
  if (kept.length === members.length) return response
  const headers = new Headers(response.headers)
  headers.delete('content-length')
  headers.delete('content-encoding')
  return new Response(JSON.stringify(Object.fromEntries(kept)), { status: response.status, headers })
}
