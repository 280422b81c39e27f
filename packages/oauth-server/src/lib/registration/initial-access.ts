import { sha256 } from '@mcp-gateway/core/internal'
import { equal } from '../crypto/equal.js'
import { Refusal } from '../http/refusal.js'
import { bearerToken } from './registration-token.js'

/** Where initial access tokens are configured, only their holders register (RFC 7591 section 3). */
export async function checkInitialAccess(tokens: readonly string[] | undefined, request: Request): Promise<void> {
  if (!tokens) return
  const presented = await sha256(bearerToken(request) ?? '')
  for (const token of tokens) if (equal(presented, await sha256(token))) return
  throw new Refusal(401, 'invalid_token', 'Registration needs an initial access token from the operator', {
    'WWW-Authenticate': 'Bearer realm="registration", error="invalid_token"',
  })
}
