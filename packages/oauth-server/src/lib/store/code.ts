import type { AuthorizationRequest } from './authorization-request.js'
import type { GrantUser } from './grant.js'

/** A code as it is stored, under its hash. Times are seconds since the epoch. */
export interface Code {
  readonly request: AuthorizationRequest
  readonly user: GrantUser
  readonly expiresAt: number
  /** The grant that it became. It stays findable, so that a second use ends what the first one got. */
  readonly grantId?: string
}
