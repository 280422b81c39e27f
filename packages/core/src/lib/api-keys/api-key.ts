import type { RateLimit } from '../limits/rate-limit.js'

/** A person whose key it is, as the issuer of their tokens names them. */
export interface ApiKeyPerson {
  /** `iss` of the person's tokens. */
  readonly issuer: string
  /** `sub` of the person's tokens; unique within the issuer. */
  readonly subject: string
}

/** A program that is nobody's own, such as a build server. */
export interface ApiKeyServiceAccount {
  /** What policy and audit call it; unique among the service accounts of a registry. */
  readonly serviceAccount: string
}

/** Whose a key is. */
export type ApiKeyOwner = ApiKeyPerson | ApiKeyServiceAccount

/** What an owner may do now. */
export interface OwnerRights {
  /** A key works with those of its scopes that these cover. */
  readonly scopes: readonly string[]
  /** @default none */
  readonly roles?: readonly string[]
  /** @default none */
  readonly groups?: readonly string[]
}

/** What may be said about a key, and changed later. All times are in seconds since the epoch, fractions allowed. */
export interface ApiKeySettings {
  /** What people call it, up to 200 characters. */
  readonly name?: string
  /**
   * What it allows, as far as its owner may do it at the time of a request.
   *
   * @default none
   */
  readonly scopes?: readonly string[]
  /**
   * Of a person's key, the roles that it has at most; all that the person has where it is left out. Of a service account, its
   * roles; none where it is left out.
   */
  readonly roles?: readonly string[]
  /** Likewise for groups. */
  readonly groups?: readonly string[]
  /** The MCP servers that it works at, as their resource URLs; all where it is left out. */
  readonly servers?: readonly string[]
  /**
   * The tools that it may see and call, for `apiKeyPolicy`: names, in which `*` stands for any characters. Prompts, resources and
   * methods that are not known are then refused. No limit where it is left out.
   */
  readonly tools?: readonly string[]
  /** The IP addresses and CIDR ranges that it may be used from; any where it is left out. */
  readonly addresses?: readonly string[]
  /** How often it may be used, over all replicas; counted in fixed windows. No limit where it is left out. */
  readonly rate?: RateLimit
  /**
   * When it ends; `null` for never.
   *
   * @default `defaultLifetime` of the registry from now on
   */
  readonly expiresAt?: number | null
  /** Before this it does not work. */
  readonly notBefore?: number
  /** Up to 20 short texts of yours. */
  readonly meta?: Readonly<Record<string, string>>
}

/** A key as people and programs may see it: all but its secret. */
export interface ApiKey extends ApiKeySettings {
  /** The second part of the key, and what policy and audit call it. Stays the same over rotations. */
  readonly id: string
  readonly name: string
  readonly owner: ApiKeyOwner
  readonly scopes: readonly string[]
  readonly expiresAt: number | null
  readonly createdAt: number
  /** Who made it, where that was told. */
  readonly createdBy?: string
  /** The last four characters of the newest secret, so that people find it again. */
  readonly last4: string
  /** 1, and one more after each rotation. */
  readonly generation: number
  /** Until when the secret before the newest works too. */
  readonly graceUntil?: number
  /** When it was last used, at most a minute late. */
  readonly lastUsedAt?: number
  /** From which IP address that was, where the host tells it. */
  readonly lastUsedAddress?: string
  readonly revokedAt?: number
  readonly revokedBy?: string
  readonly revokedBecause?: string
}

/** A key and its secret, which is shown this once. */
export interface NewApiKey {
  /** What the client sends. It cannot be had again. */
  readonly key: string
  readonly apiKey: ApiKey
}

/** What is needed to make a key. */
export interface CreateApiKeyOptions extends ApiKeySettings {
  readonly owner: ApiKeyOwner
  readonly name: string
  /** Who makes it, for the audit. */
  readonly createdBy?: string
}

/** What to change; what is left out stays, and `undefined` removes a limit. */
export type UpdateApiKeyOptions = Partial<ApiKeySettings>

/** Who revokes a key, and why, for the audit. */
export interface RevokeApiKeyOptions {
  readonly by?: string
  readonly because?: string
}

/** How a secret is replaced. */
export interface RotateApiKeyOptions {
  /**
   * For how many seconds the secret before works on, at most 2592000 (30 days). With 0 it ends at once, and so does one that is
   * in its grace already.
   *
   * @default 86400
   */
  readonly grace?: number
}

/** Which keys to list. */
export interface ListApiKeysOptions {
  /** Whose; of everybody where it is left out. */
  readonly owner?: ApiKeyOwner
  /** Of the page before. */
  readonly cursor?: string
  /**
   * The most keys on the page.
   *
   * @default 50
   */
  readonly limit?: number
}

/** One page of keys, in no promised order. */
export interface ApiKeyPage {
  readonly keys: readonly ApiKey[]
  /** For the next page; absent on the last one. */
  readonly cursor?: string
}
