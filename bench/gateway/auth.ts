import type { Authority } from '@mcp-gateway/core'

/** An issuer that takes every token, so that what is measured is all but the verification. */
export function anyToken(extra?: Record<string, unknown>): Authority {
  return {
    issuer: 'https://login.example.com',
    protect: () => ({
      verifyAccessToken: async (token) => ({
        token,
        clientId: 'client',
        scopes: [],
        expiresAt: Number.MAX_SAFE_INTEGER,
        ...(extra && { extra }),
      }),
    }),
  }
}
