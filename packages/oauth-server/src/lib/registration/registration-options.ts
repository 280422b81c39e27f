import type { SoftwareStatementIssuer } from './software-statement.js'

/** Who may register over RFC 7591, and as what. */
export interface RegistrationOptions {
  /**
   * The hosts that https redirect URIs may have: any, those of well-known clients, or a list. Loopback URIs are always
   * accepted. It holds for client metadata documents too. `any-host` unless told.
   */
  readonly redirectHosts?: 'any-host' | 'known-hosts' | readonly string[]
  /** Private-use redirect URIs to accept beside the known ones, as exact strings. */
  readonly privateUseRedirectUris?: readonly string[]
  /** Only who has one of these registers, as a bearer token. */
  readonly initialAccessTokens?: readonly string[]
  /** Whose software statements count; what they say goes over what the client says. */
  readonly softwareStatements?: readonly SoftwareStatementIssuer[]
  /**
   * Registrations per client address and hour; 60 unless told. Holds only where the host knows addresses
   * (`context.client`). Loopback issuers have no limits.
   */
  readonly perAddress?: number
  /** Registrations over all addresses, per hour; 10,000 unless told. */
  readonly total?: number
}
