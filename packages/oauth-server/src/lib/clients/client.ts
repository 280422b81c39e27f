import type { ClientMetadata } from './client-metadata.js'

/** A client as it is stored. Times are seconds since the epoch. */
export interface Client {
  readonly clientId: string
  /** Where it comes from: registered over RFC 7591, or configured by the operator. */
  readonly source: 'registered' | 'configured'
  readonly metadata: ClientMetadata
  /** SHA-256 of the secret; absent for public clients. */
  readonly secretHash?: string
  /** Whether the client named its authentication method; if not, basic and post are both accepted. */
  readonly methodChosen: boolean
  readonly issuedAt: number
  /** When it was last used, to the day; absent until a person approved it. */
  readonly usedAt?: number
}
