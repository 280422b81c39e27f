import { outOfBand } from './success-endpoint.js'

/** Where an authorization response goes. */
export interface ResponseTarget {
  readonly redirectUri: string
  readonly state?: string
}

/**
 * Sends the browser back to the client, with `iss` (RFC 9207 section 2) on success and error alike. Only for a redirect
 * URI that was checked. The URI's own query stays as it is. Where nobody can be called
 * back, the person is shown the answer.
 */
export function authorizationResponse(
  issuer: string,
  { redirectUri, state }: ResponseTarget,
  outcome: { code: string } | { error: string; error_description: string },
  cookies: readonly string[] = [],
): Response {
  const answer = new URLSearchParams(outcome)
  if (state !== undefined) answer.set('state', state)
  answer.set('iss', issuer)
  const target = redirectUri === outOfBand ? `${issuer}/success` : redirectUri
  const headers = new Headers({
    Location: `${target}${target.includes('?') ? '&' : '?'}${answer}`,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
  })
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  // 303, so that a browser never posts credentials on (RFC 9700 section 4.12)
  return new Response(null, { status: 303, headers })
}
