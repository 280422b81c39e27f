import type { AuthInfo } from '../contract/auth-info.js'
import { GatewayError } from '../contract/gateway-error.js'

/** Who acts with an access token. */
export interface Actor {
  /** `client`: a client that acts for itself. Its tokens carry the client id as their subject (RFC 9068 section 2.2). */
  readonly kind: 'user' | 'client'
  /** The subject of the token; unique within its issuer and kind only. */
  readonly id: string
}

/**
 * Tells who acts with a token, by `extra.subject`. The client id alone names nobody: all users of a client share it. It
 * does not look at the issuer; {@link principal} does.
 *
 * @returns `undefined` where the token names no subject
 */
export function actorOf({ clientId, extra }: AuthInfo): Actor | undefined {
  const subject = extra?.subject
  if (typeof subject !== 'string' || subject === '') return undefined
  return { kind: subject === clientId ? 'client' : 'user', id: subject }
}

/**
 * Names who stands behind a verified token, unambiguously over all issuers: sessions, limits and isolation are keyed
 * by it. A user never has the name of a client, whatever either is called.
 *
 * @returns a string to compare and hash, never to show
 * @throws {GatewayError} `subject_missing` where the token names no subject; `bearerAuth` answers it with 403
 */
export function principal(auth: AuthInfo): string {
  const actor = actorOf(auth)
  if (actor === undefined) throw new GatewayError('subject_missing', subjectMissing)
  const { issuer, verifier } = auth.extra ?? {}
  // `anyVerifier` numbers those of its verifiers that name no issuer.
  const unnamed = typeof verifier === 'number' ? verifier : ''
  return JSON.stringify([typeof issuer === 'string' ? issuer : unnamed, `${actor.kind}:${actor.id}`])
}

/** What the developer of the server is told. */
const subjectMissing =
  'The token names no subject, so its user cannot be told from others; say with the option `subject` where it is'
