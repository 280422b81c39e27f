import type { JWK } from 'jose'
import type { SigningAlgorithm } from './signing-algorithm.js'

/** One signing key as it is stored. Times are seconds since the epoch. */
export interface StoredKey {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly publicKey: JWK
  /** The private key, encrypted where encryption keys are configured. */
  readonly privateKey: string
  /** From when on it signs; it is published earlier, so that verifiers know it by then. */
  readonly signsFrom: number
}
