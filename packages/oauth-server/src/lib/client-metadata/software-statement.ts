import { hasUsualSize, isCompact, Refusal } from '@mcp-gateway/core/internal'
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, jwtVerify } from 'jose'
import { assertionAlgorithms } from './auth-methods.js'

/** Someone whose word about clients counts. */
export interface SoftwareStatementIssuer {
  /** `iss` of the statements. */
  readonly issuer: string
  /** The keys they are signed with. */
  readonly jwks: JSONWebKeySet
}

/** Claims of a statement that say nothing about the client. */
const envelope = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

/**
 * Puts what a software statement says over what the request says (RFC 7591 section 2.3). Without trusted issuers a
 * statement counts for nothing and is ignored.
 *
 * @throws {Refusal} `invalid_software_statement` or `unapproved_software_statement`
 */
export async function applySoftwareStatement(
  issuers: readonly SoftwareStatementIssuer[],
  body: unknown,
): Promise<unknown> {
  if (issuers.length === 0 || typeof body !== 'object' || body === null || !('software_statement' in body)) return body
  const { software_statement: statement, ...request } = body as Record<string, unknown>
  const invalid = (description: string): Refusal => new Refusal(400, 'invalid_software_statement', description)
  if (typeof statement !== 'string' || !isCompact(statement)) throw invalid('software_statement must be a JWT')
  try {
    const trusted = issuers.find(({ issuer }) => issuer === decodeJwt(statement).iss)
    if (!trusted) {
      throw new Refusal(
        400,
        'unapproved_software_statement',
        'The issuer of the software statement is not trusted here',
      )
    }
    const { payload } = await jwtVerify(
      statement,
      createLocalJWKSet({ keys: trusted.jwks.keys.filter((key) => hasUsualSize(key, 8192)) }),
      {
        issuer: trusted.issuer,
        algorithms: [...assertionAlgorithms],
      },
    )
    const said = Object.entries(payload).filter(([name]) => !envelope.includes(name))
    return { ...request, ...Object.fromEntries(said) }
  } catch (error) {
    if (error instanceof errors.JOSEError) throw invalid('The software statement does not verify')
    throw error
  }
}
