import { Refusal } from '@mcp-gateway/core/internal'

/** What an HTTP Basic header says, in each way that it can be read: form-encoded first, then as it is. */
export interface BasicCredentials {
  readonly clientIds: readonly string[]
  /** An empty one is none. */
  readonly clientSecrets: readonly string[]
}

/**
 * Reads client credentials from the `Authorization` header. Both parts are form-encoded inside it (RFC 6749 section 2.3.1),
 * which many HTTP clients leave out: a part that reads differently without the encoding stands there in both readings.
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
    const bytes = Uint8Array.from(atob(encoded ?? '!'), (each) => each.charCodeAt(0))
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const colon = text.indexOf(':')
    if (colon > 0) return { clientIds: readings(text.slice(0, colon)), clientSecrets: readings(text.slice(colon + 1)) }
  } catch {}
  throw new Refusal(
    401,
    'invalid_client',
    'The Authorization header must be Basic, with client_id:client_secret in base64',
    { headers: { 'WWW-Authenticate': 'Basic realm="oauth"' } },
  )
}

function readings(text: string): readonly string[] {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '))
    return decoded === text ? [text] : [decoded, text]
  } catch {
    return [text]
  }
}
