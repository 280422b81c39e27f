import { type CryptoKey, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose'
import type { SigningAlgorithm } from './signing-algorithm.js'

/** What goes into the header of a JWT. */
export interface JwtHeader {
  readonly typ: string
  readonly kid: string
}

/** Signs claims with one key. */
export type JwtSigner = (claims: JWTPayload, header: JwtHeader) => Promise<string>

const node = globalThis.process?.getBuiltinModule?.('node:crypto')

/** Makes a signer of a private key. */
export async function createJwtSigner(jwk: JWK, alg: SigningAlgorithm): Promise<JwtSigner> {
  // An elliptic signature takes half the time of WebCrypto's trip through a thread pool; an RSA one would block instead.
  if (node && alg !== 'RS256') return nodeSigner(jwk, alg)
  const key = (await importJWK(jwk, alg)) as CryptoKey
  return (claims, header) => new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(key)
}

/** RFC 7515 section 5.1, with the signature of RFC 7518 section 3.4 or RFC 8037 section 3.1 */
function nodeSigner(jwk: JWK, alg: SigningAlgorithm): JwtSigner {
  const { createPrivateKey, sign } = node as NonNullable<typeof node>
  const key = createPrivateKey({ key: jwk as never, format: 'jwk' })
  const digest = alg === 'ES256' ? 'sha256' : null
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signing = { key, dsaEncoding: 'ieee-p1363' } as const
  // One key signs with one header, again and again.
  let before: { readonly header: JwtHeader; readonly text: string } | undefined
  return async (claims, header) => {
    if (before?.header.typ !== header.typ || before.header.kid !== header.kid) {
      before = { header, text: encode({ alg, ...header }) }
    }
    const input = `${before.text}.${encode(claims)}`
    return `${input}.${sign(digest, Buffer.from(input), signing).toString('base64url')}`
  }
}
