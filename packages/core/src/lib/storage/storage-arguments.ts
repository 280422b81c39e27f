const encoder = new TextEncoder()

/**
 * Checks that a key, or the name of a list, fits every storage. It does not look at what the key says.
 *
 * @throws {RangeError} when it is longer than 1024 bytes in UTF-8; hash what others may make that long
 */
export function assertStorageKey(key: string): void {
  // One UTF-16 unit is at most three bytes, so short keys need no encoding.
  if (key.length > 341 && encoder.encode(key).length > 1024) {
    throw new RangeError('A storage key holds at most 1024 bytes; hash longer ones')
  }
}

/**
 * Reads a lifetime in seconds as whole milliseconds, at least one and at most a thousand years: no store then meets a
 * time that it cannot hold.
 *
 * @throws {RangeError} when it is not a finite number
 */
export function lifetimeInMilliseconds(ttl: number | null): number | null {
  if (ttl === null) return null
  if (!Number.isFinite(ttl)) throw new RangeError(`A lifetime is a number of seconds, or null for none, not ${ttl}`)
  return Math.min(Math.max(1, Math.round(ttl * 1000)), 1000 * 365 * 86_400_000)
}

/**
 * Checks the number of keys that a page may hold.
 *
 * @throws {RangeError} when it is not a whole number from 1 on
 */
export function assertPageLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`A page holds one key or more, not ${limit}`)
}
