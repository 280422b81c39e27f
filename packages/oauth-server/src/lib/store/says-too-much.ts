import type { GrantUser } from './grant.js'

/**
 * Whether a token says something about the user that their grant says no more, such as a role that was taken away since.
 * Such a token is as good as revoked: its client refreshes, and gets one that is true. A token that says less is fine.
 */
export function saysTooMuch(
  claims: Readonly<Record<string, unknown>>,
  { username, name, email, roles, groups }: GrantUser,
): boolean {
  const beyond = (told: unknown, known: readonly string[] = []): boolean =>
    Array.isArray(told) && told.some((item) => !known.includes(item))
  const differs = (told: unknown, known: string | undefined): boolean => told !== undefined && told !== known
  return (
    beyond(claims.roles, roles) ||
    beyond(claims.groups, groups) ||
    differs(claims.preferred_username, username) ||
    differs(claims.name, name) ||
    differs(claims.email, email)
  )
}
