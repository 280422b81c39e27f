import type { Storage } from '../../contract/storage.js'

/** What a case works on. */
export interface StorageSubject {
  readonly storage: Storage
  /** A second handle on the same records: another connection where the adapter has connections. */
  readonly other: Storage
  /** Makes a key, or the name of a list, that no other case uses. */
  name(text: string): string
  /** Lets so many seconds pass for the storage. */
  wait(seconds: number): Promise<void>
  /** How many callers a race has. */
  readonly callers: number
}

/** Cases by the behaviour that they check. */
export type StorageCases = Record<string, (subject: StorageSubject) => Promise<void>>
