import { createHash, randomBytes } from 'node:crypto'

export const issuer = 'http://127.0.0.1:8787'
export const resource = `${issuer}/mcp`
export const redirectUri = 'http://127.0.0.1:4000/callback'

/** What a chain of refreshes begins with. */
export interface Start {
  client_id: string
  refresh_token: string
}

/** A verifier and its S256 challenge. */
export function pkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}
