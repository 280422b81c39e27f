import { calculateJwkThumbprint, type JWK } from 'jose'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { createJwtSigner, type JwtSigner } from './sign-jwt.js'
import type { SigningAlgorithm } from './signing-algorithm.js'

/** A signing key that the operator gave. */
export interface ConfiguredKey {
  readonly algorithm: SigningAlgorithm
  /** Public members only, without `kid`. */
  readonly publicKey: JWK
  kid(): Promise<string>
  signer(): Promise<JwtSigner>
}

/** Checks private JWKs and takes their public part; imports them at first use. */
export function readConfiguredKeys(keys: readonly JWK[]): ConfiguredKey[] {
  return keys.map((jwk, index) => {
    const algorithm = algorithmOf(jwk, index)
    const publicKey = publicPart(jwk)
    let signer: Promise<JwtSigner> | undefined
    return {
      algorithm,
      publicKey,
      kid: async () => jwk.kid ?? calculateJwkThumbprint(publicKey),
      signer: () => {
        signer ??= createJwtSigner(jwk, algorithm)
        return signer
      },
    }
  })
}

function algorithmOf(jwk: JWK, index: number): SigningAlgorithm {
  const { kty, crv, alg } = jwk
  const fits =
    (kty === 'EC' && crv === 'P-256' && 'ES256') ||
    (kty === 'RSA' && 'RS256') ||
    (kty === 'OKP' && crv === 'Ed25519' && 'EdDSA')
  if (!fits || typeof jwk.d !== 'string' || (alg !== undefined && alg !== fits && alg !== crv)) {
    throw invalidConfiguration(
      `privateKeys[${index}] must be a private JWK for ES256 (EC P-256), RS256 (RSA) or EdDSA (Ed25519)`,
    )
  }
  return fits
}

/** Picks the members to publish by name, so that a private one can never slip through (RFC 7518 section 6). */
function publicPart({ kty, crv, x, y, n, e }: JWK): JWK {
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)) as JWK
}
