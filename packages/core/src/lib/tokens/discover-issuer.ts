import { GatewayError } from '../contract/gateway-error.js'
import { isObject } from '../json/is-object.js'
import type { OutboundFetch } from '../outbound/bounded-fetch.js'
import { issuerMetadataPaths } from './issuer-metadata-paths.js'

/** How the metadata of an issuer is read. */
export interface Discovery {
  readonly fetchFrom: OutboundFetch
  /** Which of its places are asked first. Default `oauth`. */
  readonly first?: 'oauth' | 'openid'
  /** Whether a document that says this is the issuer's own. Default: where it is the same string (RFC 8414 section 3.3). */
  readonly isIssuer?: (found: string) => boolean
}

/**
 * Reads an issuer's metadata from where OAuth or OpenID Connect keep it, and makes sure that it is this issuer's. A place
 * that answers anything else, such as a page, a redirect or the metadata of another issuer, is passed over.
 *
 * @throws {GatewayError} `temporarily_unavailable` where the issuer does not answer or fails, else `outbound_refused` where none
 *   of the places has its metadata
 * @see RFC 8414 section 3, OpenID Connect Discovery section 4
 */
export async function discoverIssuer(issuer: string, discovery: Discovery): Promise<Record<string, unknown>> {
  const { fetchFrom, isIssuer = (found) => found === issuer } = discovery
  const faults: string[] = []
  let code: 'temporarily_unavailable' | 'outbound_refused' = 'outbound_refused'
  for (const url of placesOf(issuer, discovery.first)) {
    const found = await readPlace(url, fetchFrom)
    if ('object' in found) {
      const { issuer: named } = found.object
      if (typeof named === 'string' && isIssuer(named)) return found.object
      faults.push(`${url} ${typeof named === 'string' ? 'is of another issuer' : 'names no issuer'}`)
      continue
    }
    faults.push(found.says)
    if (found.failed) code = 'temporarily_unavailable'
  }
  throw new GatewayError(code, `There is no metadata of ${issuer}: ${faults.join('; ')}`)
}

/** Where the metadata may be; the last form is that of OpenID providers which follow RFC 8414 section 5. */
function placesOf(issuer: string, first: Discovery['first'] = 'oauth'): Set<string> {
  const { origin, pathname } = new URL(issuer)
  const [oauth, openid, mixed] = issuerMetadataPaths(pathname)
  const places = first === 'oauth' ? [oauth, openid, mixed] : [openid, oauth, mixed]
  return new Set(places.map((path) => origin + path))
}

/** Why there is no object at an address. */
interface Fault {
  readonly says: string
  /** Whether another time may bring it. */
  readonly failed: boolean
}

type Found = { readonly object: Record<string, unknown> } | Fault

async function readPlace(url: string, fetchFrom: OutboundFetch): Promise<Found> {
  let response: Response
  try {
    response = await fetchFrom(url, { headers: { Accept: 'application/json' } })
  } catch (error) {
    // Such as a redirect to a sign-in page; who does not answer here answers nowhere
    if (error instanceof GatewayError && error.code === 'outbound_refused')
      return { says: error.message, failed: false }
    throw error
  }
  const { status } = response
  const body = status === 200 ? await response.json().catch(() => undefined) : undefined
  if (isObject(body)) return { object: body }
  return { says: `${url} answers ${status} without a JSON object`, failed: status >= 500 || status === 429 }
}

/**
 * Refuses an address that is not https in the metadata of an issuer that is.
 *
 * @throws {GatewayError} `temporarily_unavailable`, until the metadata says something else or the operator names the address
 */
export function checkEncrypted(issuer: string, found: Readonly<Record<string, string>>): void {
  for (const [name, url] of Object.entries(found)) {
    if (!/^https:/i.test(issuer) || /^https:/i.test(url)) continue
    throw new GatewayError('temporarily_unavailable', `The ${name} in the metadata of ${issuer} is not https: ${url}`)
  }
}

/** The keys at an address. */
export async function fetchKeySet(url: string, fetchFrom: OutboundFetch): Promise<Record<string, unknown>> {
  const found = await readPlace(url, fetchFrom)
  if ('object' in found) return found.object
  throw new GatewayError('temporarily_unavailable', `There are no keys: ${found.says}`)
}
