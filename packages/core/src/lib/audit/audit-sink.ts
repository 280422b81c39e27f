import type { Check } from '../contract/check.js'
import type { AuditEvent, AuditEventType, AuditOutcome } from './audit-event.js'

/** Where events are kept. */
export interface AuditSink {
  /** What it is, in words of the log, such as `Postgres`. */
  readonly name: string
  /**
   * Keeps events, all or none. It is called with one batch at a time, and again with the same events after a failure: an event
   * whose id it has must not be kept twice. Resolves when they are kept.
   */
  write(events: readonly AuditEvent[]): Promise<unknown>
  /**
   * Events in one call.
   *
   * @default 100
   */
  readonly maxBatch?: number
  /** Whether a failure is because of what an event holds, so that trying again does not help. Default: never. */
  isRefused?(error: unknown): boolean
  /** Rejects where nothing can be kept now. */
  check?: Check
  /** Ends what the sink itself began. */
  close?(): Promise<void>
}

/** Which events are read. */
export interface AuditQuery {
  /** Those of one subject alone: the user, or the client that acts for itself. */
  readonly own?: { readonly issuer?: string; readonly id: string; readonly kind: 'user' | 'client' }
  readonly subjectId?: string
  /** Those of one chain of hashes. */
  readonly chain?: string
  readonly server?: string
  readonly target?: string
  readonly method?: string
  readonly type?: AuditEventType
  readonly outcome?: AuditOutcome
  /** In milliseconds since the epoch; included. */
  readonly from?: number
  /** In milliseconds since the epoch; not included. */
  readonly to?: number
  /** Where the page before ended. */
  readonly before?: { readonly ts: number; readonly id: string }
  readonly limit: number
}

/** A sink that events can be read from, the newest first. */
export interface AuditStore extends AuditSink {
  read(query: AuditQuery): Promise<readonly AuditEvent[]>
}
