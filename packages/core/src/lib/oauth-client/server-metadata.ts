import { type AuthorizationServer, allowInsecureRequests, customFetch } from 'oauth4webapi'
import { isWithin } from '../cache/is-within.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { isLoopbackIssuer } from '../keys/loopback-issuer.js'
import type { OutboundFetch } from '../outbound/bounded-fetch.js'
import { discoverIssuer } from '../tokens/discover-issuer.js'
import type { OAuthClientOptions } from './oauth-client-options.js'
import { toOAuthClientError } from './to-oauth-client-error.js'

const hour = 3_600_000

/** What every request of the flow is made with. */
export interface RequestOptions {
  readonly [customFetch]: (url: string, init: object) => Promise<Response>
  readonly [allowInsecureRequests]: boolean
}

/** Plain http only where nobody can listen. */
export function requestOptions(issuer: string, fetch: OutboundFetch): RequestOptions {
  if (!URL.canParse(issuer) || (!issuer.startsWith('https://') && !isLoopbackIssuer(issuer))) {
    throw invalidConfiguration(`The issuer ${issuer} must be an https URL; http only on loopback`)
  }
  return {
    [customFetch]: (url, init) => fetch(url, init as RequestInit),
    [allowInsecureRequests]: issuer.startsWith('http:'),
  }
}

/** Finds the other server's metadata: given, or discovered at the first use and read again after an hour. */
export function serverMetadata(
  { issuer, endpoints }: Pick<OAuthClientOptions, 'issuer' | 'endpoints'>,
  fetchFrom: OutboundFetch,
): () => Promise<AuthorizationServer> {
  if (endpoints) {
    const metadata = { issuer, authorization_endpoint: endpoints.authorization, token_endpoint: endpoints.token }
    return async () => metadata
  }
  let known: { readonly value: Promise<AuthorizationServer>; readonly readAt: number } | undefined
  return () => {
    if (known && isWithin(Date.now(), known.readAt, hour)) return known.value
    const value = discover(issuer, fetchFrom)
    known = { value, readAt: Date.now() }
    value.catch(() => {
      known = undefined
    })
    return value
  }
}

async function discover(issuer: string, fetchFrom: OutboundFetch): Promise<AuthorizationServer> {
  const { href } = new URL(issuer)
  try {
    // OpenID Connect first, since every identity provider has it. Operators leave the slash of an issuer without a path out
    const isIssuer = (found: string) => URL.canParse(found) && new URL(found).href === href
    return (await discoverIssuer(issuer, { fetchFrom, first: 'openid', isIssuer })) as AuthorizationServer & {
      issuer: string
    }
  } catch (error) {
    throw toOAuthClientError(error, 'Discovery')
  }
}
