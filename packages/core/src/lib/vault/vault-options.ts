import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import type { Check } from '../contract/check.js'
import type { Mountable } from '../contract/handler.js'
import type { ServedPath } from '../contract/served-path.js'
import type { Storage } from '../contract/storage.js'
import type { OAuthClientOptions } from '../oauth-client/oauth-client-options.js'
import type { PageLook } from '../pages/page-look.js'
import type { UpstreamToken } from '../upstream-token/upstream-token.js'

/** An upstream at which users have accounts of their own, and the gateway's client at its authorization server. */
export interface VaultUpstream extends OAuthClientOptions {
  /** What people call it; its name in `upstreams` by default. */
  readonly title?: string
  /** What else the authorization request says, such as `{ access_type: 'offline', prompt: 'consent' }`. */
  readonly parameters?: Readonly<Record<string, string>>
}

/** How the vault finds out who sits in front of the browser. */
export interface VaultSignIn extends Omit<OAuthClientOptions, 'scope'> {
  /** `openid` by default. */
  readonly scope?: string
  /**
   * Verifies the access token of the sign-in, and so tells who it is, for issuers without ID tokens; give `resource` too.
   * Without it the ID token tells.
   */
  readonly verifier?: TokenVerifier
  /**
   * The claim of the ID token that is the `subject` of the issuer's access tokens. With a `verifier`, the claim of
   * the access token; its subject by default.
   *
   * @default sub
   */
  readonly subjectClaim?: string
}

/** What a vault is made of. */
export interface VaultOptions {
  /**
   * The public address of the vault's pages, such as `https://mcp.example.com/connect`. Register
   * `<url>/<upstream>/callback` as redirect URI at each upstream, and `<url>/sign-in/callback` at the issuer.
   */
  readonly url: string
  /** Where grants live, shared by all replicas. */
  readonly storage: Storage
  /** Each 32 random bytes in base64: the first encrypts what is stored, all of them decrypt. */
  readonly encryptionKeys?: readonly string[]
  /** A client at the issuer of the gateway's own access tokens. */
  readonly signIn: VaultSignIn
  /** The upstreams by name: lower-case letters, digits and `-`. */
  readonly upstreams: Readonly<Record<string, VaultUpstream>>
  /** How the pages look, and who runs them. */
  readonly pages?: PageLook
  /** Host names that `Host` may name; on loopback the loopback names by default, otherwise any. */
  readonly allowedHosts?: readonly string[]
  /**
   * Seconds that a grant is kept after it was last used to get a token.
   *
   * @default 90 days
   */
  readonly lifetime?: number
  /**
   * Milliseconds since the epoch.
   *
   * @default Date.now
   */
  readonly now?: () => number
}

/** One account that a user has connected. */
export interface VaultConnection {
  /** The upstream's name in `upstreams`. */
  readonly upstream: string
  /** What the upstream granted, where it said so. */
  readonly scope?: string
  /** When the user connected it, in seconds since the epoch. */
  readonly connectedAt: number
}

/** Users' grants at upstreams, and the pages on which they give them. */
export interface Vault extends Mountable {
  /** Whether the storage of the grants works; the gateway asks it in `/ready`. */
  readonly check: Check
  /** Whether a request is for one of the vault's pages. */
  match(request: Request): boolean
  /** Where those pages are: below the path of `url`. */
  paths(): readonly ServedPath[]
  /** Where a proxy gets the token of its caller for this upstream. */
  token(upstream: string): UpstreamToken
  /** What the user behind a verified token has connected. */
  connections(auth: AuthInfo): Promise<VaultConnection[]>
  /** Forgets a user's grant; says whether there was one. It does not tell the upstream, which may keep it. */
  disconnect(auth: AuthInfo, upstream: string): Promise<boolean>
}
