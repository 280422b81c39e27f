import { compactVerify, decodeProtectedHeader } from 'jose'
import type { AuthInfo, TokenVerifier } from '../auth-info.js'
import { GatewayError } from '../gateway-error.js'
import { checkClaims, type ExpectedClaims, invalid } from './check-claims.js'
import { type IssuerKeysOptions, issuerKeys } from './issuer-keys.js'
import { type Claims, rfc9068, type TokenProfile } from './token-profile.js'

/** What `createTokenVerifier` needs to know. */
export interface TokenVerifierOptions extends IssuerKeysOptions {
  /** What a token must be meant for; one of several is enough. Compared as a string. */
  readonly audience: string | readonly string[]
  /** Accepted signature algorithms, out of RS, PS, ES and EdDSA. Default: all of them. */
  readonly algorithms?: readonly string[]
  /** How far the clocks of issuer and verifier may differ, in seconds. Default 5. */
  readonly clockTolerance?: number
  /** What the issuer's access tokens look like. Default: RFC 9068; a provider's preset brings its own. */
  readonly profile?: TokenProfile
  /** Says whether a token that is otherwise good was revoked. When it rejects, the verifier answers "cannot tell". */
  readonly isRevoked?: (auth: AuthInfo) => boolean | Promise<boolean>
}

const asymmetric = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')

/**
 * Verifies JWT access tokens of one issuer for one audience, as strictly as RFC 9068 section 4 says: type, algorithm,
 * signature, issuer, audience, times, and that the claims of an access token are there. Tokens bound to a key (`cnf`)
 * are refused. It does not check scopes (`bearerAuth` does), makes no request until the first token comes, and none
 * that the token itself asks for.
 *
 * `verifyAccessToken` rejects with a GatewayError: `invalid_token`, or `temporarily_unavailable` when keys or
 * revocation cannot be asked.
 *
 * @throws GatewayError `invalid_configuration` for a missing audience, or an algorithm that is none of the above
 * @see RFC 9068, RFC 8725
 * @example
 * ```ts
 * const verifier: TokenVerifier = createTokenVerifier({
 *   issuer: 'https://login.example.com',
 *   audience: 'https://mcp.example.com/notes/mcp',
 * })
 * ```
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuer, algorithms = asymmetric, clockTolerance = 5, profile = rfc9068, isRevoked } = options
  const audience = typeof options.audience === 'string' ? [options.audience] : [...(options.audience ?? [])]
  if (audience.length === 0 || audience.includes('')) {
    throw new GatewayError('invalid_configuration', 'audience must name what tokens are meant for')
  }
  const unknown = algorithms.find((name) => !asymmetric.includes(name))
  if (unknown !== undefined || algorithms.length === 0) {
    const message = `algorithms must be some of ${asymmetric.join(', ')}, not "${unknown ?? ''}"`
    throw new GatewayError('invalid_configuration', message)
  }
  if (!URL.canParse(issuer)) {
    throw new GatewayError('invalid_configuration', `issuer must be the issuer's URL, not "${issuer}"`)
  }
  const findKey = issuerKeys(options)
  const expected: ExpectedClaims = { issuer, audience, profile, clockTolerance, allowBound: false }

  return {
    async verifyAccessToken(token) {
      const alg = checkHeader(token, profile, algorithms)
      const key = await findKey(alg)
      if (key === undefined) throw invalid('is signed with an unknown key')
      const { payload } = await compactVerify(token, key, { algorithms: [alg.alg] }).catch((error: unknown) => {
        throw invalid('has a bad signature', error)
      })
      const auth: AuthInfo = { token, ...checkClaims(parseClaims(payload), expected) }
      if (isRevoked !== undefined && (await askRevoked(isRevoked, auth))) throw invalid('was revoked')
      return auth
    },
  }
}

/** RFC 8725 sections 3.1 and 3.11: algorithm and type are decided before any key is looked for. */
function checkHeader(
  token: string,
  profile: TokenProfile,
  algorithms: readonly string[],
): { alg: string; kid?: unknown } {
  let header: ReturnType<typeof decodeProtectedHeader>
  try {
    header = decodeProtectedHeader(token)
  } catch (error) {
    throw invalid('is no JWT', error)
  }
  const { alg, kid, typ } = header
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : ''
  if ((typ !== undefined && typeof typ !== 'string') || !profile.types.includes(type)) {
    throw invalid('is no access token by its type')
  }
  if (typeof alg !== 'string' || !algorithms.includes(alg))
    throw invalid('is signed with an algorithm that is not accepted')
  return { alg, kid }
}

function parseClaims(payload: Uint8Array): Claims {
  let claims: unknown
  try {
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (error) {
    throw invalid('holds no JSON', error)
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw invalid('holds no claims')
  return claims as Claims
}

async function askRevoked(isRevoked: (auth: AuthInfo) => boolean | Promise<boolean>, auth: AuthInfo): Promise<boolean> {
  try {
    return await isRevoked(auth)
  } catch (cause) {
    throw new GatewayError('temporarily_unavailable', 'Revocation could not be checked', { cause })
  }
}
