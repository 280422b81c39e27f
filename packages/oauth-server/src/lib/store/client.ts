import type { ClientMetadata } from './client-metadata.js'

/** A client as it is stored. Times are seconds since the epoch. */
export interface Client {
  readonly clientId: string
  /** Where it comes from: registered over RFC 7591, described by a document at its id, or configured by the operator. */
  readonly source: 'registered' | 'document' | 'configured'
  readonly metadata: ClientMetadata
  /** SHA-256 of the secret; absent for clients without one. */
  readonly secretHash?: string
  /** Whether the client named its authentication method; if not, basic and post are both accepted. */
  readonly methodChosen: boolean
  readonly issuedAt: number
  /** Hash of the registration access token (RFC 7592); only registered clients have one. */
  readonly registrationTokenHash?: string
  /** When it was last used, to the day; absent until a person approved it. Configured clients have none. */
  readonly usedAt?: number
  /** Hash of the document that describes it: an approval is for one document. */
  readonly documentHash?: string
}
