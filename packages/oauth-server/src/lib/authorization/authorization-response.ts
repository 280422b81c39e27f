import { outOfBand } from '../client-metadata/out-of-band.js'

/** Where an authorization response goes. */
export interface ResponseTarget {
  readonly redirectUri: string
  readonly state?: string
}

/** What the client is told. */
export type Outcome = { readonly code: string } | { readonly error: string; readonly error_description: string }

/**
 * Sends the browser back to the client, with `iss` (RFC 9207 section 2) on success and error alike. Only for a redirect
 * URI that was checked. The URI's own query stays as it is. Where nobody can be called
 * back, the person is shown the answer.
 */
export function authorizationResponse(
  issuer: string,
  to: ResponseTarget,
  outcome: Outcome,
  cookies: readonly string[] = [],
): Response {
  const headers = new Headers({
    Location: responseUrl(issuer, to, outcome),
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
  })
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  // 303, so that a browser never posts credentials on (RFC 9700 section 4.12)
  return new Response(null, { status: 303, headers })
}

/** The address at the client that carries the answer. */
export function responseUrl(issuer: string, { redirectUri, state }: ResponseTarget, outcome: Outcome): string {
  const answer = new URLSearchParams(outcome)
  if (state !== undefined) answer.set('state', state)
  answer.set('iss', issuer)
  const target = redirectUri === outOfBand ? `${issuer}/success` : redirectUri
  return `${target}${target.includes('?') ? '&' : '?'}${answer}`
}
