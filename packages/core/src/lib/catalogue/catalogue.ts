import { isWithin } from '../cache/is-within.js'
import { SizedMap } from '../cache/sized-map.js'
import { isObject } from '../json/is-object.js'
import { parseSpan } from '../json/raw-json.js'
import { sharesPromises } from '../runtime/shares-promises.js'
import type { ListedItem, ScannedLists } from './scan-lists.js'

/** What a server lists: its tools or its prompts. */
export type CatalogueKind = 'tool' | 'prompt'

/** A tool or prompt as its server describes it. */
export interface CatalogueItem {
  /** The page of the list on which it is. */
  readonly page: Uint8Array
  /** Where its description is on the page, and the hints that it gives, which may lie. */
  readonly item: ListedItem
}

/** All tools or prompts of a server, as they were listed for one class of callers. */
export interface Listing {
  readonly items: ReadonlyMap<string, CatalogueItem>
  /** The names that the list had more than once. */
  readonly repeated: ReadonlySet<string>
  /** Whether it was listed for everybody (MCP M19). */
  readonly isPublic: boolean
  /** Bytes that it holds. */
  readonly size: number
  /** How long the server says that it holds, in milliseconds; of those that do not say it, none. */
  readonly ttlMs: number | undefined
}

/** Whose list it is. */
export interface CatalogueKey {
  readonly kind: CatalogueKind
  /** The server, as its resource URL. */
  readonly server: string
  /** Who is alike for the server: the same caller in the same session. */
  readonly caller: string
}

/** How a {@link Catalogue} keeps what servers list. */
export interface CatalogueOptions {
  /**
   * Seconds after which a list is read again, where its server does not say or says more.
   *
   * @default 60
   */
  readonly maxAge?: number
  /**
   * Seconds in which a list is read at most once, whatever its server says.
   *
   * @default 5
   */
  readonly cooldown?: number
  /**
   * Bytes that all lists may take in memory; those that were not used lately go first.
   *
   * @default 67_108_864
   */
  readonly maxBytes?: number
}

/** Reads a whole list; `undefined` where the server does not tell all of it. */
export type ReadListing = () => Promise<Listing | undefined>

interface Kept {
  readonly listing: Listing | undefined
  /** On the clock of `performance.now()`, in seconds. */
  readonly readAt: number
  isStale: boolean
}

/**
 * Keeps what servers list, for each class of callers: a list is read when it is first needed, again when its time is over or
 * the server tells of a change, and never more often than `cooldown` allows. It asks nobody by itself.
 */
export class Catalogue {
  readonly #maxAge: number
  readonly #cooldown: number
  readonly #kept: SizedMap<Kept>
  readonly #reading = new Map<string, Promise<Listing | undefined>>()

  constructor({ maxAge = 60, cooldown = 5, maxBytes = 67_108_864 }: CatalogueOptions = {}) {
    this.#maxAge = maxAge
    this.#cooldown = Math.min(cooldown, maxAge)
    this.#kept = new SizedMap(maxBytes)
  }

  /** The list, read anew where that is due; `undefined` where the server does not tell it. */
  get(key: CatalogueKey, read: ReadListing): Listing | undefined | Promise<Listing | undefined> {
    const kept = this.#find(key)
    if (kept !== undefined && !this.#isDue(kept)) return kept.listing
    return this.#read(key, read)
  }

  /**
   * The list, read anew unless that was done within `cooldown`: for a name that is not in it, and for one that is told not to
   * be, which must take the same time.
   */
  newest(key: CatalogueKey, read: ReadListing): Listing | undefined | Promise<Listing | undefined> {
    const kept = this.#find(key)
    if (kept !== undefined && isWithin(seconds(), kept.readAt, this.#cooldown)) return kept.listing
    return this.#read(key, read)
  }

  /** Keeps a list that was read on its way to a client. */
  learn(key: CatalogueKey, listing: Listing): void {
    this.#keep(key, listing)
  }

  /** The server says that the list has changed. */
  changed(key: CatalogueKey): void {
    for (const text of [textOf(key), textOf({ ...key, caller: '' })]) {
      const kept = this.#kept.get(text)
      if (kept !== undefined) kept.isStale = true
    }
  }

  #find(key: CatalogueKey): Kept | undefined {
    return this.#kept.get(textOf(key)) ?? this.#kept.get(textOf({ ...key, caller: '' }))
  }

  #isDue({ listing, readAt, isStale }: Kept): boolean {
    if (isStale) return true
    const told = listing?.ttlMs === undefined ? this.#maxAge : Math.min(listing.ttlMs / 1000, this.#maxAge)
    const lifetime = listing === undefined ? this.#cooldown : Math.max(told, this.#cooldown)
    return !isWithin(seconds(), readAt, lifetime)
  }

  #read(key: CatalogueKey, read: ReadListing): Promise<Listing | undefined> {
    const text = textOf(key)
    const pending = this.#reading.get(text)
    if (pending !== undefined && sharesPromises()) return pending
    const reading = read()
      .catch(() => undefined)
      .then((listing) => {
        this.#keep(key, listing)
        return listing
      })
      .finally(() => {
        if (this.#reading.get(text) === reading) this.#reading.delete(text)
      })
    this.#reading.set(text, reading)
    return reading
  }

  #keep(key: CatalogueKey, listing: Listing | undefined): void {
    const text = textOf(listing?.isPublic ? { ...key, caller: '' } : key)
    const size = listing === undefined ? 0 : listing.size + listing.items.size * bytesPerItem
    this.#kept.set(text, { listing, readAt: seconds(), isStale: false }, size)
  }
}

/** What an item takes beside its text. */
const bytesPerItem = 300

/** Makes a listing of the pages of a list. */
export function listingOf(
  kind: CatalogueKind,
  pages: readonly { readonly bytes: Uint8Array; readonly scanned: ScannedLists }[],
): Listing {
  const items = new Map<string, CatalogueItem>()
  const repeated = new Set<string>()
  let size = 0
  let ttlMs: number | undefined
  let isPublic = true
  for (const { bytes, scanned } of pages) {
    size += bytes.length
    const told = parseSpan(bytes, scanned.ttlMs)
    if (typeof told === 'number') ttlMs = Math.min(ttlMs ?? told, told)
    isPublic &&= parseSpan(bytes, scanned.cacheScope) === 'public'
    for (const list of scanned.lists) {
      if (list.kind !== kind) continue
      for (const item of list.items) {
        if (item.name === undefined) continue
        if (items.has(item.name)) repeated.add(item.name)
        else items.set(item.name, { page: bytes, item })
      }
    }
  }
  return { items, repeated, isPublic, size, ttlMs }
}

/** What a tool says about itself, where that is an object. */
export function annotationsOf({ page, item }: CatalogueItem): Readonly<Record<string, unknown>> | undefined {
  const value = parseSpan(page, item.annotations)
  return isObject(value) ? value : undefined
}

function textOf({ kind, server, caller }: CatalogueKey): string {
  return `${kind} ${server} ${caller}`
}

function seconds(): number {
  return performance.now() / 1000
}
