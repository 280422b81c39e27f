import type { AuthInfo } from '@mcp-gateway/core'
import { BoundedMap } from '@mcp-gateway/core/internal'
import type { GrantUser } from '../store/grant.js'
import type { GrantStore } from '../store/grant-store.js'
import { saysTooMuch } from '../store/says-too-much.js'

const maxKnown = 10_000

/**
 * Says whether the grant of an access token is gone, or gives the user less than the token says. What it learns it believes for `delay` seconds: that is how long a
 * revoked token may still pass, and how often a token in use costs a read.
 */
export function createRevocationCheck(
  grants: GrantStore,
  delay: number,
  clock: () => number,
): (auth: AuthInfo) => Promise<boolean> {
  const known = new BoundedMap<{ readonly user: GrantUser | undefined; readonly at: number }>(maxKnown)

  return async ({ extra }) => {
    const claims = (extra?.claims ?? {}) as Record<string, unknown>
    const id = claims.grant_id
    // A token of ours always names its grant; one that does not was not made by this version of the server.
    if (typeof id !== 'string') return true
    const user = await granted(id)
    return user === undefined || saysTooMuch(claims, user)
  }

  /** Who granted, while the grant is alive. */
  async function granted(id: string): Promise<GrantUser | undefined> {
    const now = clock()
    const remembered = known.get(id)
    // Before `at`, the clock was put back: what was learned then must not be believed for as long.
    if (remembered && now >= remembered.at && now < remembered.at + delay) return remembered.user
    const grant = (await grants.read(id))?.value
    const user = grant && grants.isLive(grant) ? grant.user : undefined
    if (delay > 0) known.set(id, { user, at: now })
    return user
  }
}
