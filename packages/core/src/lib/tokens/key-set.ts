import { type CryptoKey, importJWK, type JSONWebKeySet, type JWK } from 'jose'
import { hasUsualSize } from '../keys/key-size.js'

/** The header members that choose a key. */
export interface KeyHeader {
  readonly alg: string
  readonly kid?: unknown
}

/** The usable public keys of an issuer. */
export interface KeySet {
  /** The key for a token, or `undefined` when none or more than one fits. Nothing in the header but these is read. */
  find(header: KeyHeader): Promise<CryptoKey | undefined>
}

const maxKeys = 200
/** The largest RSA modulus of an issuer's keys, in bits. */
const maxBits = 8192

/**
 * Reads a JWK set: the public signature keys of it, at most 200, each imported when it is first used. Symmetric and
 * private keys, keys for encryption, and keys of unknown kinds or unusual sizes are left out.
 *
 * @throws {TypeError} for what is no JWK set
 * @see RFC 7517 section 5
 */
export function readKeySet(set: JSONWebKeySet): KeySet {
  if (!Array.isArray(set?.keys)) throw new TypeError('A JWK set has an array of keys')
  const keys = set.keys
    .slice(0, 10 * maxKeys)
    .filter(usable)
    .slice(0, maxKeys)
  const imported = new Map<string, Promise<CryptoKey | undefined>>()
  return {
    async find({ alg, kid }) {
      const fitting = keys.filter((key) => (kid === undefined || key.kid === kid) && fits(key, alg))
      const [key] = fitting
      if (key === undefined || fitting.length > 1) return undefined
      const id = `${keys.indexOf(key)} ${alg}`
      let result = imported.get(id)
      if (result === undefined) {
        result = importKey(key, alg)
        imported.set(id, result)
      }
      return result
    },
  }
}

async function importKey(key: JWK, alg: string): Promise<CryptoKey | undefined> {
  try {
    const imported = await importJWK(key, alg)
    return imported instanceof Uint8Array ? undefined : imported
  } catch {
    return undefined
  }
}

function usable(key: JWK): boolean {
  return (
    typeof key === 'object' &&
    key !== null &&
    ['RSA', 'EC', 'OKP'].includes(key.kty ?? '') &&
    key.d === undefined &&
    key.k === undefined &&
    hasUsualSize(key, maxBits) &&
    (key.use === undefined || key.use === 'sig') &&
    (key.key_ops === undefined || (Array.isArray(key.key_ops) && key.key_ops.includes('verify')))
  )
}

function fits(key: JWK, alg: string): boolean {
  if (key.alg !== undefined && key.alg !== alg && !(isEdwards(key.alg) && isEdwards(alg))) return false
  if (alg.startsWith('RS') || alg.startsWith('PS')) return key.kty === 'RSA'
  if (isEdwards(alg)) return key.kty === 'OKP' && key.crv === 'Ed25519'
  return key.kty === 'EC' && key.crv === curves[alg]
}

const curves: Record<string, string | undefined> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

// RFC 9864: "EdDSA" with this curve and "Ed25519" name one algorithm.
function isEdwards(alg: string): boolean {
  return alg === 'EdDSA' || alg === 'Ed25519'
}
