/** A resource server that may ask about tokens (RFC 7662), though it is not a client. */
export interface ResourceServer {
  readonly client_id: string
  /** At least 16 characters. */
  readonly client_secret: string
  /** The resources whose tokens it may ask about. */
  readonly resources: readonly string[]
}
