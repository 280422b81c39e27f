/**
 * Which narrower scopes a broader one includes: `{ 'notes:write': ['notes:read'] }` lets a token with `notes:write`
 * read. Followed to any depth.
 */
export type ScopeHierarchy = Readonly<Record<string, readonly string[]>>

/** Says whether the granted scopes cover all needed ones (MCP R4). */
export function coversScopes(
  granted: readonly string[],
  needed: readonly string[],
  hierarchy: ScopeHierarchy = {},
): boolean {
  if (needed.every((scope) => granted.includes(scope))) return true
  const all = new Set(granted)
  // A Set visits what is added while it is walked, and nothing twice: cycles end.
  for (const scope of all) {
    if (Object.hasOwn(hierarchy, scope)) for (const narrower of hierarchy[scope] ?? []) all.add(narrower)
  }
  return needed.every((scope) => all.has(scope))
}
