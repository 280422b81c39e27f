import { isWithin } from '../cache/is-within.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Storage } from '../contract/storage.js'

/** How the keys of an owner are counted. */
export interface OwnerSlotsOptions {
  readonly storage: Storage
  /** The most living keys that an owner may have. */
  readonly limit: number
  /** Whether the key of an id can still be used. */
  readonly isAlive: (id: string) => Promise<boolean>
}

/** A key that counts. */
interface Slot {
  readonly id: string
  /** When it was taken, in seconds since the epoch. */
  readonly at: number
}

/** For how many seconds a slot counts whose key is not there yet: it is just being written. */
const writing = 60
const maxTries = 10

/** Counts the keys of owners, over all replicas. */
export interface OwnerSlots {
  /**
   * Takes a slot for a new key.
   *
   * @throws {GatewayError} `conflict` where the owner has as many as may be
   */
  take(record: string, id: string): Promise<void>
  /** Gives it back. What is not given back is found out when the owner has used up all. */
  free(record: string, id: string): Promise<void>
}

/** One record for each owner has the ids of the keys that count, since a list and a counter would not be read and written as one. */
export function ownerSlots({ storage, limit, isAlive }: OwnerSlotsOptions): OwnerSlots {
  const change = async (record: string, to: (slots: readonly Slot[]) => Promise<readonly Slot[]>): Promise<void> => {
    for (let tries = 0; tries < maxTries; tries++) {
      const entry = await storage.get(record)
      const slots: readonly Slot[] = entry === undefined ? [] : JSON.parse(entry.value)
      const changed = await to(slots)
      if (changed === slots) return
      if (await storage.compareAndSet(record, entry?.version, JSON.stringify(changed), { ttl: null })) return
    }
    throw new GatewayError('temporarily_unavailable', 'The keys of this owner are changed too often at the moment')
  }

  const living = async (slots: readonly Slot[], now: number): Promise<readonly Slot[]> => {
    const alive = await Promise.all(slots.map(async ({ id, at }) => (await isAlive(id)) || isWithin(now, at, writing)))
    return slots.filter((_, index) => alive[index])
  }

  return {
    take: (record, id) =>
      change(record, async (slots) => {
        const now = Date.now() / 1000
        const counted = slots.length < limit ? slots : await living(slots, now)
        if (counted.length < limit) return [...counted, { id, at: now }]
        throw new GatewayError('conflict', `The owner has ${limit} keys, which is the most; revoke one first`)
      }),
    free: (record, id) =>
      change(record, async (slots) =>
        slots.some((slot) => slot.id === id) ? slots.filter((slot) => slot.id !== id) : slots,
      ),
  }
}
