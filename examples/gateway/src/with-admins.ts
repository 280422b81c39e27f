import type { IdentityProvider } from '@mcp-gateway/oauth-server'

/** A login that gives some of its users the role `admin`, as a directory would. */
export function withAdmins(provider: IdentityProvider, admins: readonly string[]): IdentityProvider {
  return {
    ...provider,
    async complete(answer) {
      const result = await provider.complete(answer)
      if (!('user' in result) || !admins.includes(result.user.id)) return result
      return { user: { ...result.user, roles: [...(result.user.roles ?? []), 'admin'] } }
    },
  }
}
