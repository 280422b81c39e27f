/** What is used of a storage of unstorage to keep items. */
export interface UnstorageItems {
  getItem(key: string): Promise<unknown>
  setItem(key: string, value: never, options?: { ttl?: number }): Promise<void>
  removeItem(key: string): Promise<void>
  getKeys(base?: string): Promise<string[]>
}

/** One record as an item. An object, because unstorage reads a text such as `12345` back as a number. */
export interface RecordItem {
  readonly key: string
  readonly value: string
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null
  readonly lists: readonly string[]
}

/** The items of one storage, under names that no driver can merge: unstorage drops a `?` and what follows it. */
export interface Items {
  record(key: string): Promise<RecordItem | undefined>
  setRecord(record: RecordItem, ttl: number | null): Promise<void>
  removeRecord(key: string): Promise<void>
  /** Reads every record, whatever it costs. */
  allRecords(): AsyncIterable<RecordItem>
  /** The keys on a list, sorted; some may be on it no more. */
  members(list: string): Promise<string[]>
  setMembers(list: string, keys: readonly string[]): Promise<void>
}

export function unstorageItems(storage: UnstorageItems, base: string): Items {
  const setItem = storage.setItem as (key: string, value: unknown, options?: { ttl?: number }) => Promise<void>
  const path = async (kind: 'record' | 'list', name: string) => `${base}:${kind}:${await digest(name)}`
  return {
    async record(key) {
      return ((await storage.getItem(await path('record', key))) as RecordItem | null) ?? undefined
    },
    async setRecord(record, ttl) {
      const options = ttl === null ? {} : { ttl: Math.max(1, Math.ceil(ttl)) }
      await setItem.call(storage, await path('record', record.key), record, options)
    },
    async removeRecord(key) {
      await storage.removeItem(await path('record', key))
    },
    async *allRecords() {
      for (const item of await storage.getKeys(`${base}:record`)) {
        const record = (await storage.getItem(item)) as RecordItem | null
        if (record !== null) yield record
      }
    },
    async members(list) {
      const item = (await storage.getItem(await path('list', list))) as { keys: string[] } | null
      return item?.keys ?? []
    },
    async setMembers(list, keys) {
      if (keys.length === 0) await storage.removeItem(await path('list', list))
      else await setItem.call(storage, await path('list', list), { name: list, keys })
    },
  }
}

/** Hexadecimal, so that a file system that knows no upper case keeps names apart. */
async function digest(name: string): Promise<string> {
  // JSON, because UTF-8 would merge the lone surrogates.
  const bytes = new TextEncoder().encode(JSON.stringify(name))
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
