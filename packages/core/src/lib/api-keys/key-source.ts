import type { Check } from '../contract/check.js'
import { GatewayError } from '../contract/gateway-error.js'

/** Why a key is refused. It is for the operator: clients are told one thing for all of them. */
export type ApiKeyRefusalReason =
  /** Not written as keys are. */
  | 'malformed'
  /** No such key. */
  | 'unknown'
  /** There is a key of this id, and its secret is another. */
  | 'secret'
  | 'expired'
  /** It is not to be used yet. */
  | 'early'
  | 'revoked'
  /** Its owner is gone. */
  | 'owner'
  /** It does not work at this server. */
  | 'resource'
  /** It does not work from this address. */
  | 'ip'
  /** It was used too often. */
  | 'rate'

/**
 * The refusal of a key, for the operator.
 *
 * @param about the id of the key, where it is known
 */
export class ApiKeyRefusal extends GatewayError {
  readonly reason: ApiKeyRefusalReason
  /** Whether no other verifier is to be asked: a key of ours must not be sent to anybody else. */
  readonly isFinal: boolean
  /** In how many seconds to try again. */
  readonly retryAfter?: number

  constructor(reason: ApiKeyRefusalReason, about?: string, options: { isFinal?: boolean; retryAfter?: number } = {}) {
    const cause = { reason, ...(about !== undefined && { credentialId: about }) }
    super(reason === 'rate' ? 'too_many_requests' : 'invalid_token', `The API key is refused: ${reason}`, { cause })
    this.reason = reason
    this.isFinal = options.isFinal ?? true
    if (options.retryAfter !== undefined) this.retryAfter = options.retryAfter
  }
}

/** A key whose secret was right, and what it allows now. All times are in milliseconds since the epoch. */
export interface IdentifiedKey {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  /** What people call the owner. */
  readonly userName?: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  /** Which secret was used: 1 is the first. */
  readonly generation: number
  readonly startsAt: number
  /** `Infinity` for never. */
  readonly endsAt: number
  /** Whether it works at a server. */
  readonly worksAt: (resource: string | undefined) => boolean
  /** Whether it works from an address. */
  readonly worksFrom: (address: string | undefined) => boolean
  /** Counts a use where uses are limited; the seconds to wait where there were too many. */
  readonly count?: () => Promise<number | undefined>
  /** Hears of each use. It does not wait for anything, and never throws. */
  readonly used?: (address: string | undefined) => void
}

/** What a key may do, for `apiKeyPolicy`. */
export interface KeyLimits {
  readonly tools?: readonly string[]
}

/** Where a verifier finds its keys: `createApiKeys`, `apiKeysFromFolder`, `dangerouslyDemoKey`. */
export interface ApiKeySource {
  /**
   * Whether a token is written as keys of this source are (`yes`), is none of them but looks like one (`alike`), or has nothing to do
   * with it (`no`). Reads nothing.
   */
  readonly recognise: (token: string) => 'yes' | 'alike' | 'no'
  /** Finds the key. Rejects with an `ApiKeyRefusal`, or with `temporarily_unavailable`. */
  readonly identify: (token: string) => Promise<IdentifiedKey>
  /** What the key of an id may do; `undefined` where there is none. Rejects with `temporarily_unavailable`. */
  readonly limitsOf: (id: string) => Promise<KeyLimits | undefined>
  /** Throws `invalid_configuration` where the keys must not be used at a resource. */
  readonly checkResource?: (resource: string) => void
  /** Whether it keeps its keys in memory, so that nothing is to be remembered of them. */
  readonly isLocal?: boolean
  readonly check?: Check
}
