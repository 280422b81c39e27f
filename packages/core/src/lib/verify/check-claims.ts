import type { AuthExtra, AuthInfo } from '../auth-info.js'
import { GatewayError } from '../gateway-error.js'
import { type Claims, strings, type TokenProfile } from './token-profile.js'

/** What the claims of a token are compared with. */
export interface ExpectedClaims {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly profile: TokenProfile
  /** In seconds. */
  readonly clockTolerance: number
  /** Whether tokens that are bound to a key are let through, since somebody checks the proof. */
  readonly allowBound: boolean
}

/**
 * Checks the claims of a token whose signature is good, and tells who it speaks for.
 *
 * @throws GatewayError `invalid_token`
 * @see RFC 9068 section 4, RFC 7519 section 4.1
 */
export function checkClaims(claims: Claims, expected: ExpectedClaims): Omit<AuthInfo, 'token'> & { extra: AuthExtra } {
  const { issuer, audience, profile, clockTolerance } = expected
  const now = Date.now() / 1000
  if (claims.iss !== issuer) throw invalid('is from another issuer')
  const forUs = audienceOf(profile.audience === undefined ? claims.aud : profile.audience(claims)).find((one) =>
    audience.includes(one),
  )
  if (forUs === undefined) throw invalid('is for another audience')
  if (!isTime(claims.exp) || claims.exp + clockTolerance <= now) throw invalid('has expired, or never does')
  if (claims.nbf !== undefined && !(isTime(claims.nbf) && claims.nbf - clockTolerance <= now)) {
    throw invalid('is not valid yet')
  }
  if (!isTime(claims.iat) || claims.iat - clockTolerance > now) throw invalid('does not say when it was issued')
  for (const name of profile.requiredClaims) if (!isText(claims[name])) throw invalid(`lacks ${name}`)
  if (profile.accept?.(claims) === false) throw invalid('is not an access token')
  // RFC 7800 section 3: who takes a bound token without its proof undoes the binding.
  if (claims.cnf !== undefined && !expected.allowBound) throw invalid('is bound to a key')
  const clientId = profile.clientId(claims)
  const subject = profile.subject === undefined ? claims.sub : profile.subject(claims)
  if (!isText(clientId) || !isText(subject)) throw invalid('does not say who it speaks for')
  return {
    clientId,
    scopes: strings(profile.scopes === undefined ? claims.scope : profile.scopes(claims)),
    expiresAt: claims.exp,
    resource: asUrl(forUs),
    extra: {
      issuer,
      subject,
      roles: strings(profile.roles === undefined ? claims.roles : profile.roles(claims)),
      groups: strings(profile.groups === undefined ? claims.groups : profile.groups(claims)),
      claims,
    },
  }
}

/** The refusal of a token. Tells the developer of the server why; the client learns only that it is not valid. */
export function invalid(why: string, cause?: unknown): GatewayError {
  return new GatewayError('invalid_token', `The token ${why}`, { cause })
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

function asUrl(audience: string): URL | undefined {
  return URL.canParse(audience) ? new URL(audience) : undefined
}
