import type { AuthExtra } from '../contract/auth-info.js'

/** What a token turned out to be; `AuthInfo` without what is made anew for every caller. */
export interface VerifiedToken {
  readonly clientId: string
  readonly scopes: readonly string[]
  /** In seconds since the epoch. */
  readonly expiresAt: number
  /** Not to be changed by anybody: callers share it. */
  readonly resource?: URL
  readonly extra: AuthExtra
}
