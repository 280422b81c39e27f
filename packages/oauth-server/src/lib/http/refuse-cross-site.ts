import { Refusal } from './refusal.js'

/**
 * Refuses a form that another site posted. Browsers send `Origin: null` from pages without a referrer, as ours are, so
 * that one is let through: the cookie of the step is what binds the form to its browser.
 */
export function refuseCrossSite(request: Request, issuer: string): void {
  const origin = request.headers.get('origin') ?? 'null'
  const site = request.headers.get('sec-fetch-site') ?? 'same-origin'
  if ((origin !== 'null' && origin !== new URL(issuer).origin) || (site !== 'same-origin' && site !== 'none')) {
    throw new Refusal(
      403,
      'access_denied',
      'This form was sent from another site. Go back to your application and connect again.',
    )
  }
}
