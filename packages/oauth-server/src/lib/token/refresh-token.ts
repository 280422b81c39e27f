import { randomToken, sha256 } from '@mcp-gateway/core/internal'

/**
 * A refresh token: `rt.<family>.<secret>`. The family finds the grant: its hash is the grant's id, so that an access
 * token, which carries the id, does not give the family away. The secret is a new one at each rotation.
 */
export interface RefreshToken {
  readonly family: string
  readonly secret: string
}

const grammar = /^rt\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/

/** A family of its own. */
export function newRefreshToken(): RefreshToken {
  return { family: randomToken(), secret: randomToken() }
}

export function parseRefreshToken(text: string): RefreshToken | undefined {
  const [, family, secret] = grammar.exec(text) ?? []
  return family && secret ? { family, secret } : undefined
}

export function formatRefreshToken({ family, secret }: RefreshToken): string {
  return `rt.${family}.${secret}`
}

/** The id of the grant that a family belongs to. */
export function grantIdOf(issuer: string, family: string): string | Promise<string> {
  return sha256(`${issuer}\n${family}`)
}

/**
 * The token that follows. It is derived, so that whoever trades the same token in again gets the same successor, and
 * the store needs to hold neither of them.
 */
export async function successor({ family, secret }: RefreshToken, nonce: string): Promise<RefreshToken> {
  // A one-step key derivation (NIST SP 800-56C revision 2, section 4.1): the secret is of 256 bits and of one length.
  return { family, secret: await sha256(`refresh-token\n${nonce}\n${secret}`) }
}
