import type { Storage } from '@mcp-gateway/core'

/** A stored record and the version to compare when it is written again. */
export interface Stored<T> {
  readonly value: T
  readonly version: string
}

/** Reads a record that this package wrote. */
export async function readRecord<T>(storage: Storage, key: string): Promise<Stored<T> | undefined> {
  const entry = await storage.get(key)
  return entry && { value: JSON.parse(entry.value) as T, version: entry.version }
}
