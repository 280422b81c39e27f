import { sha256 } from '@mcp-gateway/core/internal'
import { equal } from '../crypto/equal.js'

/** An S256 challenge: 43 characters of base64url (RFC 7636 section 4.2). */
export const challengePattern: RegExp = /^[A-Za-z0-9_-]{43}$/

/** A verifier (RFC 7636 section 4.1). */
const verifierPattern = /^[A-Za-z0-9._~-]{43,128}$/

/** Whether the verifier belongs to the S256 challenge. */
export async function verifierFits(verifier: string, challenge: string): Promise<boolean> {
  return verifierPattern.test(verifier) && equal(await sha256(verifier), challenge)
}
