import type { Context, Storage } from '@mcp-gateway/core'
import { BoundedMap, Refusal } from '@mcp-gateway/core/internal'
import type { Client } from './client.js'
import type { Stored } from './records.js'
import type { StorageKeys } from './storage-keys.js'

const day = 86_400
const maxParsed = 1000

/** Finds clients, wherever they come from. */
export interface ClientStore {
  /**
   * @param context of the request that names it: documents are fetched in its name
   * @throws {Refusal} where the id is the URL of a document that cannot be read or used, saying why
   */
  find(clientId: string, context: Context): Promise<Client | undefined>
  /** Stores a new registration; it ends after `unusedClientLifetime` unless it is used. */
  register(client: Client): Promise<void>
  /** A registered client and its version, for a change. */
  readRegistered(clientId: string): Promise<Stored<Client> | undefined>
  /**
   * Writes a changed registration if nobody else did since it was read. Its lifetime begins anew if a person approved it;
   * one that nobody did ends when it would have ended.
   */
  replace(version: string, client: Client): Promise<boolean>
  remove(clientId: string): Promise<void>
  /** Extends the life of a client that is in use; writes at most once a day. */
  touch(client: Client): Promise<void>
}

/** Clients that are known by their metadata documents. */
export interface DocumentClients {
  find(clientId: string, context: Context): Promise<Client | undefined>
  /** Remembers that a person approved the client, once a day. */
  touch(client: Client): Promise<void>
}

/** What the store needs to know. Durations in seconds. */
export interface ClientStoreOptions {
  readonly storage: Storage
  readonly keys: StorageKeys
  readonly configured: ReadonlyMap<string, () => Promise<Client>>
  /** Finds clients whose id is the URL of a document; absent if there are none. */
  readonly documents: DocumentClients | undefined
  /** `0` for ever. */
  readonly clientLifetime: number
  /** `0` for ever. */
  readonly unusedClientLifetime: number
  readonly clock: () => number
}

/** Keeps registered clients, and knows the others. */
export function createClientStore({
  storage,
  keys,
  configured,
  documents,
  clientLifetime,
  unusedClientLifetime,
  clock,
}: ClientStoreOptions): ClientStore {
  const lasting = clientLifetime === 0 ? null : clientLifetime + day
  const parsed = new BoundedMap<Stored<Client>>(maxParsed)

  /** A client is read at every use and changes once a day at most: it is parsed when its version is a new one. */
  async function readRegistered(clientId: string): Promise<Stored<Client> | undefined> {
    const key = await keys('client', clientId)
    const entry = await storage.get(key)
    const known = parsed.get(key)
    if (entry === undefined || known?.version === entry.version) return entry && known
    const stored: Stored<Client> = { value: JSON.parse(entry.value), version: entry.version }
    parsed.set(key, stored)
    return stored
  }

  /** How long a registration stays that nobody approves, counted from when it was made. */
  function leftUnused({ issuedAt }: Client): number | null {
    return unusedClientLifetime === 0 ? null : Math.max(1, issuedAt + unusedClientLifetime - clock())
  }

  return {
    readRegistered,
    async find(clientId, context) {
      // A configured client wins over anything that a stranger registered or published under its name.
      const known = configured.get(clientId)
      if (known) return known()
      if (/^https?:/.test(clientId)) {
        if (documents) return documents.find(clientId, context)
        throw new Refusal(
          400,
          'invalid_client',
          'The application is described by a client metadata document, which this server does not read.',
        )
      }
      return (await readRegistered(clientId))?.value
    },
    async replace(version, client) {
      const ttl = client.usedAt === undefined ? leftUnused(client) : lasting
      return storage.compareAndSet(await keys('client', client.clientId), version, JSON.stringify(client), { ttl })
    },
    async remove(clientId) {
      await storage.delete(await keys('client', clientId))
    },
    async register(client) {
      await storage.set(await keys('client', client.clientId), JSON.stringify(client), { ttl: leftUnused(client) })
    },
    async touch(client) {
      if (client.source === 'document') return documents?.touch(client)
      const now = clock()
      if (client.source !== 'registered') return
      // A day of the future was written by a clock that was ahead, and would keep the client from being extended.
      if (client.usedAt !== undefined && now >= client.usedAt && now - client.usedAt < day) return
      const stored = await readRegistered(client.clientId)
      if (!stored) return
      const key = await keys('client', client.clientId)
      const next = JSON.stringify({ ...stored.value, usedAt: now })
      // Losing this race means that someone else just wrote the record; there is nothing to add to that.
      await storage.compareAndSet(key, stored.version, next, { ttl: lasting })
    },
  }
}
