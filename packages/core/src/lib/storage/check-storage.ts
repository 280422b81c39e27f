import { GatewayError } from '../contract/gateway-error.js'
import type { Storage } from '../contract/storage.js'

/**
 * Finds out whether a storage works: asks its own `check`, or else writes a record and reads it. A store that can only be
 * read, such as a replica of a database or one without room, lets nobody log in.
 *
 * @throws {GatewayError} `temporarily_unavailable`, or what a verb of the storage throws
 */
export async function checkStorage(storage: Storage): Promise<unknown> {
  return storage.check === undefined ? checkByWriting(storage) : storage.check()
}

/**
 * The check of storages over a store that may go away, by their own verbs.
 *
 * @throws {GatewayError} `temporarily_unavailable`, or what a verb of the storage throws
 */
export async function checkByWriting(storage: Pick<Storage, 'get' | 'set'>): Promise<void> {
  await storage.set('readiness', 'ok', { ttl: 60 })
  if ((await storage.get('readiness')) !== undefined) return
  throw new GatewayError('temporarily_unavailable', 'The storage does not give back what was written')
}
