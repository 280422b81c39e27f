import type { HeaderPairs } from './identity.js'

/**
 * What was decided about an auth request. Only `kind: 'allowed'` lets a request pass; whatever else a value is, whoever
 * sends it refuses. It is told by this tag alone and never by the class of a value: hosts replace `Response`.
 */
export type AuthDecision =
  /** The request may pass, and the upstream is told who calls. */
  { readonly kind: 'allowed'; readonly headers: HeaderPairs } | AuthRefusal

/** The request is refused with this response. */
export interface AuthRefusal {
  readonly kind: 'refused'
  readonly response: Response
}

/** Refuses with this response. */
export function refused(response: Response): AuthRefusal {
  return { kind: 'refused', response }
}
