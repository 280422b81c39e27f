import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, filledText, notNegative, optional, text, withMethods } from '../contract/option-types.js'
import { storageType } from '../contract/shared-option-types.js'
import type { Storage } from '../contract/storage.js'
import { hmacSha256, sha256AtOnce } from '../text/hmac-sha256.js'
import { randomToken } from '../text/random-token.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditSink, AuditStore } from './audit-sink.js'
import { toRow } from './columns.js'

/** How events are chained. */
export interface ChainOptions {
  /** Where the heads of chains are kept: a place that who can change the events cannot change. */
  readonly storage: Storage
  /**
   * Makes the hashes HMACs, which nobody can make without it; at least 32 characters. Without it, who can change events and heads
   * can make a chain anew.
   */
  readonly key?: string
  /**
   * The name of this process in the names of its chains.
   *
   * @default random
   */
  readonly replica?: string
}

/** What was found in one chain. */
export interface ChainReport {
  readonly chain: string
  /** Events that were read. */
  readonly events: number
  /** What is wrong; empty where nothing is. */
  readonly faults: readonly ChainFault[]
  /** Events behind the last head that was stored: of a process that was killed, one batch at most. */
  readonly unconfirmed: number
}

/** Something that is wrong in a chain. */
export interface ChainFault {
  /** `changed`: the event is not what was hashed. `missing`: there is none. `unlinked`: it does not follow the one before. */
  readonly kind: 'changed' | 'missing' | 'unlinked'
  readonly seq: number
  /** Of `missing`, how many in a row. */
  readonly count?: number
}

interface Head {
  readonly seq: number
  readonly hash: string
}

const list = 'audit:chains'
const first = '0'.repeat(64)

/**
 * Chains the events of a sink: each has the hash of the one before it, so that `verifyAudit` finds what was changed, removed or put
 * in. Each process has a chain for each day (UTC); the head of each is in a storage, so that the removal of its last events is
 * found too. It prevents nothing, and finds nothing of a chain whose head was removed as well.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const audit = createAudit({ sink: chainedAudit(postgresAudit(pool), { storage, key }) })
 * ```
 */
export function chainedAudit(sink: AuditSink, options: ChainOptions): AuditSink {
  withMethods('a sink such as postgresAudit(pool)', 'write')(sink, 'The sink of chainedAudit')
  checkOptions('chainedAudit', options, { storage: storageType, key: optional(text), replica: optional(filledText) })
  const { storage, key, replica = randomToken(6) } = options
  checkKey(key, 'chainedAudit')
  // A process that starts again begins a chain of its own: it does not know what its forerunner had still to write
  const start = randomToken(6)
  let current: (Head & { readonly chain: string }) | undefined

  return {
    ...sink,
    name: sink.name,
    async write(events) {
      const day = new Date().toISOString().slice(0, 10)
      const chain = `${day}/${replica}/${start}`
      // What failed and comes again gets the same place, since only what is kept moves the head
      let head: Head = current?.chain === chain ? current : { seq: 0, hash: first }
      const chained = events.map((event) => {
        const linked = { ...event, chain, seq: head.seq + 1, prev: head.hash }
        head = { seq: linked.seq, hash: hashOf(linked, key) }
        return { ...linked, hash: head.hash }
      })
      await sink.write(chained)
      current = { ...head, chain }
      await storage.set(`audit:chain:${chain}`, JSON.stringify(head), { ttl: null, lists: [list] })
    },
  }
}

/** Which chains are looked at. */
export interface VerifyOptions extends Pick<ChainOptions, 'storage' | 'key'> {
  /** Chains of days before this one are left out, in milliseconds since the epoch: those whose events are over. */
  readonly from?: number
}

/**
 * Looks at all chains of which a head is stored, and tells of each what was changed, removed or put in. It reads every event, and
 * keeps two hashes of each event of one chain in memory.
 *
 * @throws {GatewayError} `invalid_configuration` for a key of fewer than 32 characters
 * @example
 * ```ts
 * const broken = (await verifyAudit(store, { storage, key })).filter(({ faults }) => faults.length > 0)
 * ```
 */
export async function verifyAudit(store: Pick<AuditStore, 'read'>, options: VerifyOptions): Promise<ChainReport[]> {
  withMethods('a store such as postgresAudit(pool)', 'read')(store, 'The store of verifyAudit')
  checkOptions('verifyAudit', options, { storage: storageType, key: optional(text), from: optional(notNegative) })
  const { storage, key, from } = options
  checkKey(key, 'verifyAudit')
  const earliest = from === undefined ? '' : new Date(from).toISOString().slice(0, 10)
  const reports: ChainReport[] = []
  let cursor: string | undefined
  do {
    const page = await storage.list(list, cursor === undefined ? {} : { cursor })
    for (const name of page.keys) {
      const chain = name.slice('audit:chain:'.length)
      const entry = await storage.get(name)
      if (entry === undefined || chain < earliest) continue
      reports.push(await verifyChain(store, chain, { head: JSON.parse(entry.value) as Head, key }))
    }
    cursor = page.cursor
  } while (cursor !== undefined)
  return reports
}

async function verifyChain(
  store: Pick<AuditStore, 'read'>,
  chain: string,
  { head, key }: { readonly head: Head; readonly key: string | undefined },
): Promise<ChainReport> {
  const links: { readonly seq: number; readonly prev: string; readonly hash: string; readonly isIntact: boolean }[] = []
  let before: { ts: number; id: string } | undefined
  for (;;) {
    const page = await store.read({ chain, limit: 1000, ...(before && { before }) })
    for (const event of page) {
      const { seq = 0, prev = '', hash = '' } = event
      links.push({ seq, prev, hash, isIntact: hashOf(event, key) === hash })
    }
    const last = page.at(-1)
    if (last === undefined || page.length < 1000) break
    before = { ts: last.ts, id: last.id }
  }
  links.sort((one, other) => one.seq - other.seq)
  const faults: ChainFault[] = []
  let last: Head = { seq: 0, hash: first }
  for (const { seq, prev, hash, isIntact } of links) {
    if (seq > last.seq + 1) faults.push({ kind: 'missing', seq: last.seq + 1, count: seq - last.seq - 1 })
    else if (prev !== last.hash) faults.push({ kind: 'unlinked', seq })
    if (!isIntact) faults.push({ kind: 'changed', seq })
    if (seq === head.seq && hash !== head.hash) faults.push({ kind: 'changed', seq })
    last = { seq, hash }
  }
  if (last.seq < head.seq) faults.push({ kind: 'missing', seq: last.seq + 1, count: head.seq - last.seq })
  return { chain, events: links.length, faults, unconfirmed: Math.max(0, last.seq - head.seq) }
}

/** The hash of an event without its own, in the canonical form of JSON (RFC 8785): it has the hash of the one before it. */
function hashOf(event: AuditEvent, key: string | undefined): string {
  const row = toRow(event)
  delete row.hash
  const canonical = JSON.stringify(
    Object.fromEntries(Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1))),
  )
  // Node's own is ten times as fast as ours, which runs everywhere
  const node = globalThis.process?.getBuiltinModule?.('node:crypto')
  if (node !== undefined) {
    return (key === undefined ? node.createHash('sha256') : node.createHmac('sha256', key))
      .update(canonical)
      .digest('hex')
  }
  return key === undefined ? sha256AtOnce(canonical) : hmacSha256(new TextEncoder().encode(key), canonical)
}

function checkKey(key: string | undefined, where: string): void {
  if (key !== undefined && key.length < 32) throw invalidConfiguration(`${where}: key must have 32 characters or more`)
}
