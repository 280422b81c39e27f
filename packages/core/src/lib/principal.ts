import type { AuthInfo } from './auth-info.js'

/**
 * Names who stands behind a verified token, unambiguously over all issuers: sessions, limits and isolation are keyed
 * by it. Falls back to the client where a foreign verifier tells no subject.
 *
 * @returns a string to compare and hash, never to show
 */
export function principal(auth: AuthInfo): string {
  const { issuer, subject } = auth.extra ?? {}
  return JSON.stringify([
    typeof issuer === 'string' ? issuer : '',
    typeof subject === 'string' ? `sub:${subject}` : `client:${auth.clientId}`,
  ])
}
