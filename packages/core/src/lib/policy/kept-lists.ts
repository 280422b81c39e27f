import { SizedMap } from '../cache/sized-map.js'
import type { Listing } from '../catalogue/catalogue.js'
import type { Message } from '../contract/message.js'
import type { Decision } from '../contract/policy.js'
import { equalBytes } from '../json/equal-bytes.js'
import type { Span } from '../json/json-scan.js'
import { at } from '../json/raw-json.js'
import { splice } from '../json/splice.js'
import { messageParts } from '../message/message-parts.js'
import type { Asker } from './asker.js'
import { isUnavailable } from './read-decision.js'
import { subjectClass } from './subject-class.js'

/** A list as it came, and what was left of it. */
interface KeptList {
  readonly bytes: Uint8Array
  /** Where the id of the answer is, which differs each time. */
  readonly id: Span
  readonly filtered: Uint8Array
  readonly filteredId: Span
  readonly listing: Listing | undefined
  /** On the clock of `performance.now()`. */
  readonly until: number
}

/** What became of a list that is the same as before. */
export interface SameList {
  readonly filtered: Uint8Array
  readonly listing: Listing | undefined
}

const encoder = new TextEncoder()

/**
 * Keeps what was left of lists, for all who are alike in what the policy says that it depends on; of other policies nothing. It
 * is used again only for a list with the same bytes, so a server that lists something else is looked at anew.
 */
export class KeptLists {
  readonly #kept: SizedMap<KeptList>

  /** @param maxBytes of all lists together */
  constructor(maxBytes: number) {
    this.#kept = new SizedMap(maxBytes)
  }

  find(asker: Asker, asked: Message, { bytes, id }: Message): SameList | undefined {
    const key = keyOf(asker, asked)
    const kept = key === undefined ? undefined : this.#kept.get(key)
    if (kept === undefined || performance.now() >= kept.until) return undefined
    const own = encoder.encode(JSON.stringify(id))
    const end = kept.id.start + own.length
    const isSame =
      bytes.length - own.length === kept.bytes.length - (kept.id.end - kept.id.start) &&
      equalBytes(bytes.subarray(0, kept.id.start), kept.bytes.subarray(0, kept.id.start)) &&
      equalBytes(bytes.subarray(kept.id.start, end), own) &&
      equalBytes(bytes.subarray(end), kept.bytes.subarray(kept.id.end))
    if (!isSame) return undefined
    const { filtered, filteredId, listing } = kept
    const isSameId = equalBytes(own, at(filtered, filteredId))
    const edits = [{ ...filteredId, bytes: own }]
    return { filtered: isSameId ? filtered : splice(filtered, edits, (length) => new Uint8Array(length)), listing }
  }

  keep(
    asker: Asker,
    asked: Message,
    list: { readonly bytes: Uint8Array; readonly filtered: Uint8Array; readonly listing: Listing | undefined },
    decisions: readonly Decision[],
  ): void {
    const key = keyOf(asker, asked)
    const maxAge = decisions.reduce((least, decision) => Math.min(least, ageOf(decision)), Number.POSITIVE_INFINITY)
    if (key === undefined || maxAge <= 0) return
    const { bytes, filtered } = list
    const id = idOf(bytes)
    const filteredId = idOf(filtered)
    if (id === undefined || filteredId === undefined) return
    const until = performance.now() + maxAge * 1000
    const size = bytes.length + (filtered === bytes ? 0 : filtered.length)
    this.#kept.set(key, { ...list, id, filteredId, until }, size)
  }
}

/** Nothing where the policy may look at anything. */
function keyOf(asker: Asker, { method }: Message): string | undefined {
  const { dependsOn } = asker.rules
  return dependsOn && `${method} ${asker.server} ${subjectClass(asker, dependsOn)}`
}

function ageOf(decision: Decision): number {
  return isUnavailable(decision) ? 0 : (decision.maxAge ?? Number.POSITIVE_INFINITY)
}

function idOf(bytes: Uint8Array): Span | undefined {
  const parts = messageParts(bytes)
  return 'why' in parts ? undefined : parts.id
}
