import { checkOptions, optional, positive } from '../contract/option-types.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditQuery, AuditStore } from './audit-sink.js'

/** Settings of {@link memoryAudit}. */
export interface MemoryAuditOptions {
  /**
   * Events that are kept; the oldest go first.
   *
   * @default 10_000
   */
  readonly maxEvents?: number
}

/**
 * Keeps audit events in memory, for development and tests: they end with the process.
 *
 * @throws {GatewayError} `invalid_configuration` for a limit that is not positive
 * @example
 * ```ts
 * const store = memoryAudit()
 * const audit = createAudit({ sink: store })
 * ```
 */
export function memoryAudit(options: MemoryAuditOptions = {}): AuditStore & { readonly events: readonly AuditEvent[] } {
  checkOptions('memoryAudit', options, { maxEvents: optional(positive) })
  const { maxEvents = 10_000 } = options
  const events: AuditEvent[] = []
  return {
    name: 'memory',
    events,
    async write(batch: readonly AuditEvent[]) {
      const known = new Set(events.slice(-batch.length * 2).map(({ id }) => id))
      events.push(...batch.filter(({ id }) => !known.has(id)))
      if (events.length > maxEvents) events.splice(0, events.length - maxEvents)
    },
    async read(query: AuditQuery) {
      const found = events.filter((event) => matches(event, query))
      found.sort((one, other) => other.ts - one.ts || (one.id < other.id ? 1 : -1))
      return found.slice(0, query.limit)
    },
  }
}

function matches(event: AuditEvent, query: AuditQuery): boolean {
  const { own, before, from, to } = query
  if (own !== undefined) {
    const kind = event.clientId === event.subjectId ? 'client' : 'user'
    if (event.subjectId !== own.id || event.subjectIss !== own.issuer || kind !== own.kind) return false
  }
  for (const name of ['subjectId', 'chain', 'server', 'target', 'method', 'type', 'outcome'] as const) {
    if (query[name] !== undefined && event[name] !== query[name]) return false
  }
  if (from !== undefined && event.ts < from) return false
  if (to !== undefined && event.ts >= to) return false
  return before === undefined || event.ts < before.ts || (event.ts === before.ts && event.id < before.id)
}
