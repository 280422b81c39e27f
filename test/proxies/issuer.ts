import { type Authority, createTokenVerifier } from '@mcp-gateway/core'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { memoryStorage } from '@mcp-gateway/core/storage'

/** An issuer that signs whatever a test wants. */
export interface TestIssuer {
  readonly authority: Authority
  /** An access token that is good for five minutes, with these claims in place of alice's. */
  readonly token: (resource: string | string[], claims?: Record<string, unknown>) => Promise<string>
  /** Makes one token, by its `jti`, invalid at once. */
  readonly revoke: (jti: string) => void
}

export function createTestIssuer(issuer = 'http://127.0.0.1:9'): TestIssuer {
  const keys = createSigningKeys({ issuer, storage: memoryStorage() })
  const revoked = new Set<unknown>()
  return {
    authority: {
      issuer,
      protect: (resource) =>
        createTokenVerifier({
          issuer,
          audience: resource,
          jwks: () => keys.jwks(),
          isRevoked: ({ extra }) => revoked.has((extra?.claims as { jti?: unknown } | undefined)?.jti),
        }),
    },
    token: (resource, claims = {}) => {
      const now = Math.floor(Date.now() / 1000)
      const alice = {
        sub: 'alice',
        client_id: 'client-1',
        scope: 'mcp',
        preferred_username: 'ada',
        email: 'ada@example.com',
      }
      const times = { iat: now, exp: now + 300, jti: crypto.randomUUID() }
      return keys.sign({ iss: issuer, aud: resource, ...alice, ...times, ...claims }, { typ: 'at+jwt' })
    },
    revoke: (jti) => void revoked.add(jti),
  }
}
