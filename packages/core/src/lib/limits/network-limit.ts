import { BoundedMap } from '../cache/bounded-map.js'
import { callable, checkOptions, type OptionTypes, optional, positive } from '../contract/option-types.js'
import { storageType } from '../contract/shared-option-types.js'
import type { Storage } from '../contract/storage.js'
import type { ClientNetwork } from '../http/client-networks.js'

/** How often clients may do something, and where that is counted. */
export interface NetworkLimitOptions {
  /** Where it counts; shared by every replica that shares the store. */
  readonly storage: Storage
  /** Makes the key of a counter from the name of what it counts and the number of the window. */
  readonly key: (name: string, turn: number) => string | Promise<string>
  /** Times per window for one client; a wider network has as many times more as its `share` says. */
  readonly limit: number
  /** Length of the window in seconds. */
  readonly window: number
  /**
   * Times per window over all clients. Half of them are kept for networks that have asked for little in this window: who
   * has many networks then cannot take all. No such limit by default.
   */
  readonly total?: number
}

const types: OptionTypes<NetworkLimitOptions> = {
  storage: storageType,
  key: callable,
  limit: positive,
  window: positive,
  total: optional(positive),
}

/** Whether it may be done, and if not, in how many seconds to try again. */
export type NetworkVerdict =
  | {
      readonly admitted: true
      /** Whether it came out of what is kept for the quiet. */
      readonly reserved: boolean
    }
  | { readonly admitted: false; readonly retryAfter: number }

/** How many networks are remembered that have used their limit up. */
const mostRefused = 10_000
/** The most that a network may have asked for in a window and still be quiet. */
const mostQuiet = 5

/**
 * Counts what clients do in fixed windows, by each network that they are in and over all. What one network is refused
 * is not counted for the wider ones, so that no neighbour uses up their part; and nothing is written any more for a
 * network that is known to have used up its own.
 *
 * The counter rejects as the storage does: with `temporarily_unavailable` when that does not answer.
 *
 * @returns the counter. Its networks go from the narrowest to the widest; without any only the limit over all holds. Its
 *   time is in seconds since the epoch
 * @see `clientNetworks`
 */
export function createNetworkLimit(
  options: NetworkLimitOptions,
): (networks: readonly ClientNetwork[], now: number) => Promise<NetworkVerdict> {
  checkOptions('createNetworkLimit', options, types)
  const { storage, key, limit, window, total } = options
  const quiet = Math.max(2, Math.min(mostQuiet, Math.ceil(limit / 10)))
  const reserve = total === undefined ? 0 : Math.floor(total / 2)
  const usedUp = new BoundedMap<number>(mostRefused)

  return async (networks, now) => {
    const turn = Math.floor(now / window)
    const refused = { admitted: false, retryAfter: Math.max(1, Math.ceil((turn + 1) * window - now)) } as const
    const count = async (name: string): Promise<number> => storage.increment(await key(name, turn), { ttl: window })

    if (networks.some(({ name }) => usedUp.get(name) === turn)) return refused
    let ofWidest = 0
    for (const { name, share } of networks) {
      ofWidest = await count(name)
      if (ofWidest <= limit * share) continue
      usedUp.set(name, turn)
      return refused
    }
    if (total === undefined || (await count('all')) <= total - reserve) return { admitted: true, reserved: false }
    if (ofWidest > quiet || (await count('quiet')) > reserve) return refused
    return { admitted: true, reserved: true }
  }
}
