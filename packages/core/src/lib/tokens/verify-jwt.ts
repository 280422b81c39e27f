import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { isCompact } from '../keys/token-spelling.js'
import { checkClaims, checkIssuer, type ExpectedClaims } from './check-claims.js'
import { invalidToken, unlike } from './invalid-token.js'
import type { FindKey } from './issuer-keys.js'
import type { Claims } from './token-profile.js'
import type { VerifiedToken } from './verified-token.js'

/** The signature algorithms that a verifier can be told to accept: asymmetric ones. */
export const signatureAlgorithms: readonly string[] =
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')

/** What a JWT is compared with. */
export interface ExpectedToken extends ExpectedClaims {
  readonly algorithms: readonly string[]
}

/**
 * Verifies a JWT access token: type and algorithm before anything else, then the signature, then the claims.
 *
 * @throws {GatewayError} `invalid_token`, or `temporarily_unavailable` from `findKey`
 * @see RFC 9068 section 4, RFC 8725
 */
export async function verifyJwt(token: string, findKey: FindKey, expected: ExpectedToken): Promise<VerifiedToken> {
  const { header, claims } = readToken(token)
  const alg = checkHeader(header, expected)
  // Before any key is looked for: a stranger's token must not make us ask our issuer for its keys.
  checkIssuer(claims, expected)
  const key = await findKey({ alg, kid: header.kid })
  if (key === undefined) throw unlike('has a kid that its issuer does not have', header.kid)
  try {
    await compactVerify(token, key, { algorithms: [alg] })
  } catch (error) {
    throw invalidToken('has a bad signature', error)
  }
  return checkClaims(claims, expected)
}

type Header = ReturnType<typeof decodeProtectedHeader>

function readToken(token: string): { header: Header; claims: Claims } {
  // RFC 7515 section 2. The library also reads padding, the other alphabet and left-over bits.
  if (!isCompact(token)) throw invalidToken('is no JWT')
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
  } catch (error) {
    throw invalidToken('is no JWT', error)
  }
}

// RFC 8725 sections 3.1 and 3.11. Of the header nothing else is used: no `jwk`, `jku`, `x5u` or `x5c` (section 3.10).
function checkHeader(header: Header, { profile, algorithms }: ExpectedToken): string {
  const { alg, typ = '', crit } = header
  if (typeof typ !== 'string' || !profile.types.includes(typ.toLowerCase().replace(/^application\//, ''))) {
    throw unlike('has another typ', typ, profile.types)
  }
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    throw unlike('has another alg', alg, algorithms)
  }
  // Among them `b64`, which would let the signature cover another payload than the one that was read.
  if (crit !== undefined) throw unlike('has a crit header', crit)
  return alg
}

/** @throws {GatewayError} `invalid_configuration` */
export function checkAlgorithms(algorithms: readonly string[]): readonly string[] {
  const unknown = algorithms.find((name) => !signatureAlgorithms.includes(name))
  if (unknown !== undefined || algorithms.length === 0) {
    const message = `algorithms must be some of ${signatureAlgorithms.join(', ')}, not "${unknown ?? ''}"`
    throw invalidConfiguration(message)
  }
  return algorithms
}
