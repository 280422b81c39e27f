/** Who granted: what tokens say about the user. */
export interface GrantUser {
  /** `sub`: the provider and its immutable id. */
  readonly subject: string
  readonly username?: string
  readonly name?: string
  readonly email?: string
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
  /** When the provider or `checkUser` last said all of this, in seconds since the epoch. Set by the server. */
  readonly confirmedAt?: number
}

/** The rotation that made the current refresh token. */
export interface Rotation {
  /** Hash of the refresh token that was traded in. */
  readonly previous: string
  /** With the token that was traded in it gives its successor, so that a retry gets the same one. */
  readonly nonce: string
  readonly at: number
  /** The scope that was asked for then, or ''. */
  readonly scope: string
}

/**
 * What a user allowed a client to do: one record per authorization, which is also the family of its refresh tokens.
 * Rotation is one compare-and-set on it, revocation is its deletion. Times are seconds since the epoch.
 */
export interface Grant {
  readonly clientId: string
  readonly user: GrantUser
  readonly scopes: readonly string[]
  /** What the client asked for beside them, and the user left out. */
  readonly leftOut?: readonly string[]
  readonly resource: string
  readonly createdAt: number
  /** Hash of the current refresh token's secret; absent if the client gets none. */
  readonly current?: string
  readonly rotation?: Rotation
}
