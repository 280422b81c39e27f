import type { Check } from './check.js'

/** How long a record lives and which lists it is on. */
export interface StorageWriteOptions {
  /**
   * Lifetime in seconds, or `null` for none: always explicit. Fractions are allowed, and anything below a millisecond
   * counts as one.
   */
  readonly ttl: number | null
  /** Names of the lists this key is on, such as `user:alice`. A later write replaces the set. */
  readonly lists?: readonly string[]
}

/** A value and the version that `compareAndSet` compares. */
export interface StorageEntry {
  readonly value: string
  /** Opaque; changed by every write and never used again for this key, not even after a delete. */
  readonly version: string
}

/** One page of a list. */
export interface StoragePage {
  /** May be fewer than the limit, or none at all, on any page. */
  readonly keys: readonly string[]
  /** Pass it to the next call; absent on the last page, and only there. */
  readonly cursor?: string
}

/** Where to go on in a list, and how far. */
export interface StorageListOptions {
  /** The cursor of the page before; absent for the first page. */
  readonly cursor?: string
  /**
   * The most keys on this page.
   *
   * @default 100
   */
  readonly limit?: number
}

/**
 * The one contract that codes, refresh tokens, replay checks, sessions, rate limits and keys stand on.
 *
 * Every adapter guarantees:
 * - each verb is atomic across every process that shares the store;
 * - an expired key is never returned, and is absent for `add`, `compareAndSet` and `increment`;
 * - a read sees the caller's own earlier writes;
 * - keys and values come back exactly as they went in: any string, up to 1 kB for keys and names of lists.
 *
 * It does not promise what happened when a reply is lost: a verb that rejects may or may not have been applied, and
 * the caller must read before it assumes either. Verbs reject with a `GatewayError` of code `temporarily_unavailable`
 * when the store cannot be reached or has no room, and with a `RangeError` when a key, a lifetime or a limit is not
 * one. A record that was acknowledged is lost only where the store itself may lose it.
 *
 * @see `testStorage` in `@mcp-gateway/core/testing`, the suite that checks all of this
 */
export interface Storage {
  /**
   * Present where this process alone has all of this: others see none of the records, or reach them without the guarantees. A
   * single-use code is then unknown to a second process, or single-use per process: who serves the public must refuse such
   * a storage.
   */
  readonly singleProcess?: true
  get(key: string): Promise<StorageEntry | undefined>
  set(key: string, value: string, options: StorageWriteOptions): Promise<void>
  /** Stores only if the key is absent; says whether it did. */
  add(key: string, value: string, options: StorageWriteOptions): Promise<boolean>
  /** Reads and deletes in one step: of any number of callers exactly one gets the value. */
  take(key: string): Promise<string | undefined>
  /** Writes only if the key still has this version (`undefined`: is absent); says whether it did. */
  compareAndSet(key: string, version: string | undefined, value: string, options: StorageWriteOptions): Promise<boolean>
  /** Says whether there was something to delete. */
  delete(key: string): Promise<boolean>
  /**
   * Pages through the keys on a list, in no promised order, at a cost that grows with its members alone. A key that is
   * on the list all the while is returned exactly once over the pages; one that comes or goes meanwhile may be missed.
   */
  list(name: string, options?: StorageListOptions): Promise<StoragePage>
  /**
   * Adds one to a counter and returns its new value; the lifetime is set only when this call creates it. `get` reads a
   * counter as decimal digits; on a key that `set`, `add` or `compareAndSet` wrote this rejects.
   */
  increment(key: string, options: { readonly ttl: number | null }): Promise<number>
  /**
   * Whether the store can be read and written now; every adapter of this repository has it. Readiness probes of a storage
   * without it write a record `readiness` and read it.
   */
  readonly check?: Check
  /** Ends what the adapter itself opened; a client object that was handed in stays open. */
  close(): Promise<void>
}
