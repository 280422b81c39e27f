import type { Logger, ObserveOption, Storage } from '@mcp-gateway/core'
import type { SigningKeys } from '@mcp-gateway/core/keys'
import type { OutboundFetch } from '@mcp-gateway/core/outbound'
import type { ConfiguredClient } from '../client-metadata/configured-clients.js'
import type { NamedResource } from '../client-metadata/resources.js'
import type { GrantUser } from '../store/grant.js'
import type { AuthorizationEvent } from './events.js'
import type { IdentityProvider } from './identity-provider.js'
import type { PageOptions } from './page-options.js'
import type { RegistrationOptions } from './registration-options.js'
import type { ResourceServer } from './resource-server.js'

/** How long things live, in seconds. */
export interface Lifetimes {
  /**
   * An authorization code. At most 600.
   *
   * @default 60
   */
  readonly code?: number
  /**
   * An access token.
   *
   * @default 3600
   */
  readonly accessToken?: number
  /**
   * A refresh token that is not used. `0` for ever.
   *
   * @default 30 days
   */
  readonly refreshTokenIdle?: number
  /** A grant, however often it is refreshed; `0`, for ever, by default. */
  readonly grant?: number
  /**
   * A grant whose tokens carry roles or groups, counted from when the identity provider or `checkUser` last named
   * them. `0` for as long as any other. Rights that were taken away at the provider are in no token after it.
   *
   * @default 7 days
   */
  readonly grantWithRights?: number
  /**
   * How long at most the refresh token before the current one still gets the same successor; not at all for `0`. Once the
   * successor was used it is taken for stolen, and the grant ends.
   *
   * @default for as long as nobody used the successor
   */
  readonly refreshReplay?: number
  /**
   * A registered client that is not used. `0` for ever. Never less than its grants.
   *
   * @default 90 days
   */
  readonly client?: number
  /**
   * A registration that no person ever approved. `0` for ever.
   *
   * @default 7 days
   */
  readonly unusedClient?: number
  /**
   * Login and consent together.
   *
   * @default 600
   */
  readonly login?: number
  /**
   * How long a person stays signed in at this server. `0` to sign in each time.
   *
   * @default 8 hours
   */
  readonly session?: number
  /**
   * How long an approval is remembered. `0` to ask each time.
   *
   * @default 90 days
   */
  readonly consent?: number
  /**
   * How long a revoked access token may still pass. `0` to look at the store on every request.
   *
   * @default 10
   */
  readonly revocationDelay?: number
}

/**
 * How many consent pages may be answered within `lifetimes.login` by people who are not signed in, each page counted once;
 * and, counted for themselves, how many login forms of a provider that has its own, right or wrong. One form takes ten answers.
 */
export interface LoginLimits {
  /**
   * From one client address, IPv6 by its /64. A /56 has 4 times as many, a /48 and an IPv4 /24 have 16 times. Holds
   * only where the host knows addresses (`context.client`).
   *
   * @default 300
   */
  readonly perAddress?: number
  /** Over all addresses; 10,000 by default. Half of them are kept for networks that answered five or fewer. */
  readonly total?: number
  /**
   * How often a login form may be answered for one account in an hour from one network, as in `perAddress`; from all
   * networks of a site (a /48 of IPv6, a /24 of IPv4) twice, and from all together 5 times as often. Whoever signs in has all of it again. The account is the field whose `autocomplete` has
   * `username` or `email`, or else the first one that is not a password.
   *
   * @default 20
   */
  readonly perAccount?: number
}

/** Options of `createAuthorizationServer`. */
export interface AuthorizationServerOptions {
  /** The issuer identifier (RFC 8414 section 2): https, or http on loopback. Published exactly as written. */
  readonly issuer: string
  /** Where clients, codes and grants live. All replicas share it. */
  readonly storage: Storage
  /**
   * Accepts, on a public issuer, a storage whose verbs are atomic within one process only. A code is then single-use
   * only as long as no second process reaches the same data.
   */
  readonly dangerouslyAllowSingleProcessStorage?: boolean
  /** Says who the user is: `github(…)`, `oidc(…)`, or `devLogin()` on loopback. */
  readonly identityProvider: IdentityProvider
  /**
   * The resources that tokens may be for (RFC 8707), beside those that `protect` registers: URLs, or each with what people call
   * it. A gateway registers its servers with their `name`.
   */
  readonly resources?: readonly (string | NamedResource)[]
  /** The resource that is meant when a client names none and there are several; without it such a request is refused. */
  readonly defaultResource?: string
  /** Scopes and what they mean, in words for the consent page. `{ mcp: … }` by default. */
  readonly scopes?: Readonly<Record<string, string>>
  /**
   * Which of the `scopes` a person may leave out of what a client asks for; the answer to the client says what was granted. What
   * a server requires does not belong here. `offline_access` may be left out always: then there is no refresh token.
   *
   * @default none
   */
  readonly optionalScopes?: readonly string[]
  /**
   * Granted when a client asks for no scope that is known here. By default every scope but `offline_access` when it asks for
   * none, and nothing when it asks for unknown ones alone, unless there is only one scope.
   */
  readonly defaultScopes?: readonly string[]
  /** Encrypts stored signing keys: each 32 random bytes in base64, the first for new ones. Needed unless on loopback. */
  readonly encryptionKeys?: readonly string[]
  /** Signing keys of your own making, in place of generated ones in `storage`. */
  readonly signingKeys?: SigningKeys
  /** What access tokens are: JWTs that any resource server can verify (RFC 9068), or references. `jwt` by default. */
  readonly accessTokens?: 'jwt' | 'opaque'
  readonly lifetimes?: Lifetimes
  /** Dynamic registration; open to everyone by default, `false` for none. */
  readonly registration?: RegistrationOptions | false
  /** How many people may be on their way through the login at once. Loopback issuers have no limits. */
  readonly loginLimits?: LoginLimits
  /** Clients that are known beforehand, by the names of RFC 7591. */
  readonly clients?: readonly ConfiguredClient[]
  /**
   * Whether a client id may be the URL of a metadata document: from anywhere, or from these origins alone. `true` unless
   * told, and `false` where `registration` asks for `initialAccessTokens`: anyone can publish a document, so it would let
   * in whom the tokens keep out. The metadata tells which it is.
   */
  readonly clientDocuments?: boolean | readonly string[]
  /**
   * Makes the connections to documents and key sets that clients name. Needed on runtimes other than Node, where it must reach
   * public addresses alone; see `createOutboundFetch`.
   */
  readonly transport?: OutboundFetch
  /** Who may ask about tokens (RFC 7662). Without them there is no introspection endpoint. */
  readonly resourceServers?: readonly ResourceServer[]
  /**
   * Whether a user may still be here, and what they are now: asked at every login and refresh and whenever a session is
   * used. The user anew stands in place of what was known, and what it leaves out is gone: roles and groups that were taken
   * away leave the tokens, those that were issued before too. `true` changes nothing, and is no word on roles; `false` ends
   * the grant. Throwing ends nothing and is answered 503, as is another `subject`, a user of the wrong shape
   * or any other object.
   */
  readonly checkUser?: (user: GrantUser) => boolean | Partial<GrantUser> | Promise<boolean | Partial<GrantUser>>
  /**
   * Host names that `Host` may name at every endpoint; under a loopback issuer the loopback names by default, otherwise
   * any. Without port; `loopback` stands for localhost, 127.0.0.0/8 and [::1].
   */
  readonly allowedHosts?: readonly string[]
  /** How the pages look. */
  readonly pages?: PageOptions
  /** Where log lines go; JSON lines to standard output by default. Behind a gateway, give both the same. */
  readonly logger?: Logger
  /** What goes into the log; the same as the gateway's. */
  readonly logging?: {
    /**
     * Key of the hash that stands for a user in the log (`user_sub`), at least 32 characters.
     *
     * @default random, for each process
     */
    readonly userKey?: string
  }
  /**
   * Called with what happens: logins, consents, tokens that are issued, refused or revoked, replays, and registrations. The
   * request waits for it while it runs, but for no promise. What it throws is logged.
   */
  readonly onEvent?: (event: AuthorizationEvent) => void
  /**
   * Called once for each request, where its access line is written, unless a gateway or a forward-auth endpoint in front does
   * that. What it throws is logged.
   */
  readonly observe?: ObserveOption
  /**
   * Milliseconds since the epoch.
   *
   * @default Date.now
   */
  readonly now?: () => number
}
