import type { Storage } from '@mcp-gateway/core'
import type { Grant } from './grant.js'
import { readRecord, type Stored } from './records.js'
import type { StorageKeys } from './storage-keys.js'

/** Keeps grants. A grant's id is public: it is in access tokens. What finds it from a refresh token is not. */
export interface GrantStore {
  read(id: string): Promise<Stored<Grant> | undefined>
  create(id: string, grant: Grant): Promise<void>
  /** Writes the grant if nobody else did since it was read. */
  replace(id: string, version: string, grant: Grant): Promise<boolean>
  /** Ends the grant, its refresh tokens at once and its access tokens within the revocation delay. */
  revoke(id: string): Promise<void>
  /** Ends every grant of a user or of a client, and says how many there were. */
  revokeAll(kind: 'user_tokens' | 'client_tokens', id: string): Promise<number>
  /** Whether the grant can still be used: `undefined` is gone, revoked or past its lifetime. */
  isLive(grant: Grant): boolean
}

/** What the store needs to know. Durations in seconds. */
export interface GrantStoreOptions {
  readonly storage: Storage
  readonly keys: StorageKeys
  readonly accessTokenLifetime: number
  /** `0` for ever. */
  readonly idleLifetime: number
  /** `0` for ever. */
  readonly grantLifetime: number
  /** Of grants that carry roles or groups, from when those were confirmed; `0` for ever. */
  readonly rightsLifetime: number
  readonly clock: () => number
}

export function createGrantStore({
  storage,
  keys,
  accessTokenLifetime,
  idleLifetime,
  grantLifetime,
  rightsLifetime,
  clock,
}: GrantStoreOptions): GrantStore {
  const key = (id: string) => keys('refresh', id)

  /** Until the last token that the grant can have now is over. */
  function ttl(grant: Grant): number | null {
    // An access token is good only while its grant is there, so the grant outlives it.
    if (grant.current === undefined) return accessTokenLifetime + 60
    const idle = idleLifetime === 0 ? Number.POSITIVE_INFINITY : idleLifetime
    const seconds = Math.max(Math.min(idle, endOf(grant) - clock()), accessTokenLifetime + 60)
    return seconds === Number.POSITIVE_INFINITY ? null : seconds
  }

  /** When the grant ends, however it is used. */
  function endOf({ createdAt, user: { roles = [], groups = [], confirmedAt = createdAt } }: Grant): number {
    const end = grantLifetime === 0 ? Number.POSITIVE_INFINITY : createdAt + grantLifetime
    if (rightsLifetime === 0 || roles.length + groups.length === 0) return end
    return Math.min(end, confirmedAt + rightsLifetime)
  }

  async function lists(grant: Grant): Promise<string[]> {
    return [await keys('user_tokens', grant.user.subject), await keys('client_tokens', grant.clientId)]
  }

  return {
    read: async (id) => readRecord<Grant>(storage, await key(id)),
    async create(id, grant) {
      await storage.set(await key(id), JSON.stringify(grant), { ttl: ttl(grant), lists: await lists(grant) })
    },
    async replace(id, version, grant) {
      const options = { ttl: ttl(grant), lists: await lists(grant) }
      return storage.compareAndSet(await key(id), version, JSON.stringify(grant), options)
    },
    async revoke(id) {
      await storage.delete(await key(id))
    },
    async revokeAll(kind, id) {
      const name = await keys(kind, id)
      let count = 0
      let before: number
      // A code that is traded in meanwhile leaves a grant that the pages may miss, so look until nothing is left.
      do {
        before = count
        let cursor: string | undefined
        do {
          const page = await storage.list(name, { cursor })
          for (const key of page.keys) if (await storage.delete(key)) count++
          cursor = page.cursor
        } while (cursor !== undefined)
      } while (count > before)
      return count
    },
    isLive: (grant) => clock() < endOf(grant),
  }
}
