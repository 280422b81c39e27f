import type { JWK } from 'jose'
import { isBase64Url } from './token-spelling.js'

/** The largest RSA modulus of keys that strangers give, in bits. */
const mostBits = 4096

/**
 * Whether a public key is of a size that is used: an RSA modulus of up to 4096 bits and an exponent of up to four bytes,
 * or coordinates of a curve. The cost of a signature check grows with the third power of these, and whoever gives the
 * key chooses them, so this comes before the key is imported. It looks at lengths alone.
 *
 * @param maxBits for the keys of parties that the operator named, another limit of the RSA modulus, in bits
 */
export function hasUsualSize({ kty, n, e, x, y }: JWK, maxBits: number = mostBits): boolean {
  if (kty === 'RSA') return bytesOf(n) <= maxBits / 8 + 1 && bytesOf(e) <= 4
  return bytesOf(x) <= 66 && (kty !== 'EC' || bytesOf(y) <= 66)
}

/**
 * The public key of a stranger with nothing but the members that make it, or `undefined` for one that is not exactly as
 * RFC 7518 sections 6.2.1 and 6.3.1 and RFC 8037 section 2 write it, of an unusual size, or private. So one key has one
 * thumbprint (RFC 7638), and no other member reaches the crypto.
 */
export function strictPublicKey(jwk: JWK): JWK | undefined {
  if (privateMembers.some((name) => name in jwk)) return undefined
  const { kty, crv, n, e, x, y } = jwk
  if (kty === 'RSA') {
    const isUsual = bitsOf(n) >= 2048 && bitsOf(n) <= mostBits && bitsOf(e) >= 2 && bitsOf(e) <= 32
    return isUsual ? { kty, n: n as string, e: e as string } : undefined
  }
  const size = typeof crv === 'string' && Object.hasOwn(coordinates, crv) ? coordinates[crv] : undefined
  if (size === undefined || size.kty !== kty || !isText(x, size.bytes)) return undefined
  if (kty === 'OKP') return { kty, crv: crv as string, x }
  return isText(y, size.bytes) ? { kty: 'EC', crv: crv as string, x, y } : undefined
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const coordinates: Record<string, { kty: string; bytes: number } | undefined> = {
  'P-256': { kty: 'EC', bytes: 32 },
  'P-384': { kty: 'EC', bytes: 48 },
  'P-521': { kty: 'EC', bytes: 66 },
  Ed25519: { kty: 'OKP', bytes: 32 },
}

/** How many bytes a member stands for; infinitely many for what is no text. */
function bytesOf(value: unknown): number {
  if (typeof value !== 'string') return Number.POSITIVE_INFINITY
  const end = value.endsWith('==') ? value.length - 2 : value.endsWith('=') ? value.length - 1 : value.length
  return Math.floor((end * 3) / 4)
}

/** The bits of a number in its shortest form (RFC 7518 section 2, Base64urlUInt); 0 for anything else. */
function bitsOf(value: unknown): number {
  if (typeof value !== 'string' || value.length < 2 || bytesOf(value) > mostBits / 8 || !isBase64Url(value)) return 0
  const first = (alphabet.indexOf(value[0] as string) << 2) | (alphabet.indexOf(value[1] as string) >> 4)
  return first === 0 ? 0 : bytesOf(value) * 8 - (Math.clz32(first) - 24)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function isText(value: unknown, bytes: number): value is string {
  return typeof value === 'string' && value.length === Math.ceil((bytes * 4) / 3) && isBase64Url(value)
}
