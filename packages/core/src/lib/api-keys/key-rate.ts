import { BoundedMap } from '../cache/bounded-map.js'
import type { Storage } from '../contract/storage.js'

/** Counts one use of a key; resolves with the seconds to wait, where it was used more often than its rate allows. */
export type CountUse = (id: string, limit: number, window: number) => Promise<number | undefined>

/** Windows that are used up are remembered for so many keys, so that nothing is written for them any more. */
const maxRemembered = 10_000

/**
 * Counts the uses of keys in fixed windows, in a storage that replicas share.
 *
 * @param base what the keys of the storage begin with
 */
export function keyRate(storage: Storage, base: string): CountUse {
  const usedUp = new BoundedMap<number>(maxRemembered)
  return async (id, limit, window) => {
    const now = Date.now() / 1000
    const turn = Math.floor(now / window)
    const left = Math.max(1, Math.ceil((turn + 1) * window - now))
    const place = `${id}:${limit}:${window}`
    if (usedUp.get(place) === turn) return left
    if ((await storage.increment(`${base}rate:${place}:${turn}`, { ttl: window })) <= limit) return undefined
    usedUp.set(place, turn)
    return left
  }
}
