import type { SoftwareStatementIssuer } from '../client-metadata/software-statement.js'

/** Who may register over RFC 7591, and as what. */
export interface RegistrationOptions {
  /**
   * The hosts that https redirect URIs may have: any, those of well-known clients, or a list. Loopback URIs are always
   * accepted. It holds for client metadata documents too. `any-host` by default.
   */
  readonly redirectHosts?: 'any-host' | 'known-hosts' | readonly string[]
  /**
   * Private-use redirect URIs to accept beside the known ones, as exact strings. A `*` stands for one whole part of the path or
   * the host, such as in `com.example.app:/*` and `example://callback/*`; it matches letters, digits and `. _ ~ -`, and
   * the scheme has none. What a client registered is compared as an exact string whatever let it in.
   */
  readonly privateUseRedirectUris?: readonly string[]
  /** Only who has one of these registers, as a bearer token. */
  readonly initialAccessTokens?: readonly string[]
  /** Whose software statements count; what they say goes over what the client says. */
  readonly softwareStatements?: readonly SoftwareStatementIssuer[]
  /**
   * Registrations per client address and hour, IPv6 by its /64. A /56 has 4 times as many, a /48 and an IPv4 /24 have
   * 16 times. Holds only where the host knows addresses (`context.client`). Loopback issuers have no limits.
   *
   * @default 60
   */
  readonly perAddress?: number
  /**
   * Registrations over all addresses, per hour, of which half are kept for networks that registered five or fewer; 10,000 unless
   * told. Twice as many in a day; whatever nobody approves ends after `lifetimes.unusedClient`.
   */
  readonly total?: number
}
