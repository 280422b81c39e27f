import { Refusal } from '@mcp-gateway/core/internal'

/** What an HTTP Basic header says. */
export interface BasicCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

/**
 * Reads client credentials from the `Authorization` header. Both parts are form-encoded inside it (RFC 6749 section 2.3.1).
 * Any other scheme is no client authentication: HTTP clients add the access token of the resource to every request, and
 * SDKs throw their registration away on `invalid_client`.
 *
 * @returns `undefined` where there are none
 * @throws {Refusal} `invalid_client` for a Basic header that cannot be read
 */
export function readBasicCredentials(request: Request): BasicCredentials | undefined {
  const header = request.headers.get('authorization')
  if (header === null || !/^basic(?: |$)/i.test(header)) return undefined
  const [, encoded] = /^basic +([A-Za-z0-9+/_=-]+)$/i.exec(header) ?? []
  try {
    const text = atob(encoded ?? '!')
    const colon = text.indexOf(':')
    if (colon > 0) return { clientId: decode(text.slice(0, colon)), clientSecret: decode(text.slice(colon + 1)) }
  } catch {}
  throw new Refusal(
    401,
    'invalid_client',
    'The Authorization header must be Basic, with client_id:client_secret in base64',
    { headers: { 'WWW-Authenticate': 'Basic realm="oauth"' } },
  )
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}
