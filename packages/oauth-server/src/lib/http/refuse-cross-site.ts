import { isOwnForm, Refusal } from '@mcp-gateway/core/internal'

/** Refuses a form that another site posted. Our pages send no referrer: the cookie of the step binds the form to its browser. */
export function refuseCrossSite(request: Request, issuer: string): void {
  if (isOwnForm(request, new URL(issuer).origin, { withoutReferrer: true })) return
  throw new Refusal(
    403,
    'access_denied',
    'This form was sent from another site. Go back to your application and connect again.',
  )
}
