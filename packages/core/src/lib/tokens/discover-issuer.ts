import { GatewayError } from '../contract/gateway-error.js'
import type { OutboundFetch } from '../outbound/bounded-fetch.js'

/**
 * Reads an issuer's metadata from where OAuth or OpenID Connect keep it, and makes sure that it is this issuer's.
 *
 * @throws GatewayError `temporarily_unavailable` when there is none, or when it is another issuer's
 * @see RFC 8414 section 3, OpenID Connect Discovery section 4
 */
export async function discoverIssuer(issuer: string, fetchFrom: OutboundFetch): Promise<Record<string, unknown>> {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
  for (const url of [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ]) {
    const metadata = await fetchJson(url, fetchFrom)
    if (metadata === undefined) continue
    // RFC 8414 section 3.3
    if (metadata.issuer === issuer) return metadata
    throw new GatewayError('temporarily_unavailable', `${url} is the metadata of another issuer than "${issuer}"`)
  }
  throw new GatewayError('temporarily_unavailable', `${issuer} has no metadata`)
}

/** The JSON object at an address; `undefined` for 4xx. */
export async function fetchJson(url: string, fetchFrom: OutboundFetch): Promise<Record<string, unknown> | undefined> {
  const response = await fetchFrom(url, { headers: { Accept: 'application/json' } })
  if (response.status >= 400 && response.status < 500) return undefined
  const body: unknown = response.status === 200 ? await response.json() : undefined
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new GatewayError('temporarily_unavailable', `${url} answers ${response.status} without a JSON object`)
  }
  return body as Record<string, unknown>
}
