import type { Audience } from './audience.js'
import { invalidToken, unlike } from './invalid-token.js'
import { type Claims, strings, type TokenProfile } from './token-profile.js'
import type { VerifiedToken } from './verified-token.js'

/** What the claims of a token are compared with. */
export interface ExpectedClaims {
  readonly issuer: string
  readonly audience: Audience
  readonly profile: TokenProfile
  /** In seconds. */
  readonly clockTolerance: number
  /** Whether a token need not say when it was issued. */
  readonly undated?: boolean
  /** Whether a token need not name a subject. */
  readonly nameless?: boolean
}

/**
 * RFC 7519 section 4.1.1: compared as a string, with case and slashes.
 *
 * @throws {GatewayError} `invalid_token`
 */
export function checkIssuer({ iss }: Claims, { issuer, profile }: ExpectedClaims): void {
  const known = profile.issuers ?? [issuer]
  if (typeof iss !== 'string' || !known.includes(iss)) throw unlike('is from another issuer', iss, known)
}

/**
 * Checks the claims of a token whose signature is good, and tells who it speaks for.
 *
 * @throws {GatewayError} `invalid_token`
 * @see RFC 9068 section 4, RFC 7519 section 4.1
 */
export function checkClaims(claims: Claims, expected: ExpectedClaims): VerifiedToken {
  const { audience, profile, clockTolerance } = expected
  const now = Date.now() / 1000
  checkIssuer(claims, expected)
  const forUs = audienceOf(profile.audience === undefined ? claims.aud : profile.audience(claims)).find((one) =>
    audience.has(one),
  )
  if (forUs === undefined) throw unlike('is for another audience', claims.aud, [...audience.keys()])
  if (!isTime(claims.exp) || claims.exp + clockTolerance <= now) throw unlike('has expired', claims.exp, now)
  if (claims.nbf !== undefined && !(isTime(claims.nbf) && claims.nbf - clockTolerance <= now)) {
    throw unlike('is not valid yet', claims.nbf, now)
  }
  const undated = claims.iat === undefined && expected.undated
  if (!undated && !(isTime(claims.iat) && claims.iat - clockTolerance <= now)) {
    throw unlike('was not issued before now', claims.iat, now)
  }
  for (const name of profile.requiredClaims) if (!isText(claims[name])) throw invalidToken(`lacks ${name}`)
  if (profile.accept?.(claims) === false) throw invalidToken('is of a kind that is not accepted')
  const clientId = profile.clientId(claims)
  const subject = profile.subject === undefined ? claims.sub : profile.subject(claims)
  if (!isText(clientId) || !(isText(subject) || expected.nameless)) throw invalidToken('does not say who it speaks for')
  return {
    clientId,
    scopes: strings(profile.scopes === undefined ? claims.scope : profile.scopes(claims)),
    expiresAt: claims.exp,
    resource: audience.get(forUs),
    extra: {
      // What the token says: one verifier may serve many tenants of a provider, and users are told apart by it.
      issuer: claims.iss as string,
      ...(isText(subject) && { subject }),
      roles: strings(profile.roles === undefined ? claims.roles : profile.roles(claims)),
      groups: strings(profile.groups === undefined ? claims.groups : profile.groups(claims)),
      claims,
    },
  }
}

/** RFC 7519 section 4.1.3: one string, or an array of strings. */
function audienceOf(aud: unknown): string[] {
  if (typeof aud === 'string') return [aud]
  return Array.isArray(aud) && aud.every((one) => typeof one === 'string') ? aud : []
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
