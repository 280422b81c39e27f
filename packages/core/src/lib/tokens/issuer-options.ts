import type { IssuerKeysOptions } from './issuer-keys.js'
import type { TokenProfile } from './token-profile.js'
import type { VerificationCacheOptions } from './verified-token-cache.js'

/** How the tokens of an issuer are verified, whatever they are for. A provider's preset makes one of these. */
export interface IssuerOptions extends IssuerKeysOptions, VerificationCacheOptions {
  /** Accepted signature algorithms, out of RS, PS, ES and EdDSA. Default: all of them. */
  readonly algorithms?: readonly string[]
  /** How far the clocks of issuer and verifier may differ, in seconds. Default 5. */
  readonly clockTolerance?: number
  /** What the issuer's access tokens look like. Default: RFC 9068. */
  readonly profile?: TokenProfile
}
