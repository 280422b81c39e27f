import type { Storage } from '@mcp-gateway/core'
import { readRecord } from '../records.js'
import type { StorageKeys } from '../storage-keys.js'
import type { Client } from './client.js'

const day = 86_400

/** Finds clients, wherever they come from. */
export interface ClientStore {
  find(clientId: string): Promise<Client | undefined>
  /** Stores a new registration; it ends after `unusedClient` seconds unless it is used. */
  register(client: Client): Promise<void>
  /** Extends the life of a client that is in use; writes at most once a day. */
  touch(client: Client): Promise<void>
}

/** What the store needs to know. Durations in seconds. */
export interface ClientStoreOptions {
  readonly storage: Storage
  readonly keys: StorageKeys
  readonly configured: ReadonlyMap<string, Client>
  /** `0` for ever. */
  readonly clientLifetime: number
  readonly unusedClientLifetime: number
  readonly clock: () => number
}

export function createClientStore({
  storage,
  keys,
  configured,
  clientLifetime,
  unusedClientLifetime,
  clock,
}: ClientStoreOptions): ClientStore {
  return {
    async find(clientId) {
      // A configured client wins over anything that a stranger registered under its name.
      return configured.get(clientId) ?? (await readRecord<Client>(storage, await keys('client', clientId)))?.value
    },
    async register(client) {
      await storage.set(await keys('client', client.clientId), JSON.stringify(client), { ttl: unusedClientLifetime })
    },
    async touch(client) {
      const now = clock()
      if (client.source === 'configured' || (client.usedAt !== undefined && now - client.usedAt < day)) return
      const key = await keys('client', client.clientId)
      const stored = await readRecord<Client>(storage, key)
      if (!stored) return
      const next = JSON.stringify({ ...stored.value, usedAt: now })
      // Losing this race means that someone else just wrote the record; there is nothing to add to that.
      await storage.compareAndSet(key, stored.version, next, {
        ttl: clientLifetime === 0 ? null : clientLifetime + day,
      })
    },
  }
}
