import type { Logger } from '../contract/logger.js'
import { inTime } from '../runtime/in-time.js'
import type { AuditEvent } from './audit-event.js'
import type { AuditSink } from './audit-sink.js'

/** How a batch is written. */
export interface WriteBatchOptions {
  /** Milliseconds that the sink may take for each write. */
  readonly timeout: number
  readonly logger: Logger
  /** Counted up as events are kept or refused. */
  readonly counts: { written: number; refused: number }
}

/**
 * Writes a batch. One that the sink refuses because of what is in it is halved, until what it refuses stands alone: that is
 * kept without the texts that strangers may have written into it.
 *
 * @throws what the sink throws for any other reason: the batch is to be tried again
 */
export async function writeBatch(
  sink: AuditSink,
  events: readonly AuditEvent[],
  options: WriteBatchOptions,
): Promise<void> {
  try {
    await write(sink, events, options)
    options.counts.written += events.length
    return
  } catch (error) {
    if (sink.isRefused?.(error) !== true) throw error
    const [only] = events
    if (events.length === 1 && only !== undefined) return writeWithoutTexts(sink, only, error, options)
  }
  const half = Math.ceil(events.length / 2)
  await writeBatch(sink, events.slice(0, half), options)
  await writeBatch(sink, events.slice(half), options)
}

async function writeWithoutTexts(
  sink: AuditSink,
  event: AuditEvent,
  why: unknown,
  options: WriteBatchOptions,
): Promise<void> {
  const { logger, counts } = options
  const about = { sink: sink.name, id: event.id, type: event.type }
  try {
    await write(sink, [withoutTexts(event)], options)
    counts.written++
    logger.warn({ ...about, err: why }, 'an audit event was kept without its texts')
  } catch (error) {
    if (sink.isRefused?.(error) !== true) throw error
    counts.refused++
    logger.error({ ...about, err: error }, 'an audit event was refused by its sink')
  }
}

async function write(sink: AuditSink, events: readonly AuditEvent[], { timeout }: WriteBatchOptions): Promise<void> {
  await inTime<unknown>(
    () => sink.write(events),
    timeout,
    () => {
      throw new Error(`no answer within ${timeout / 1000} s`)
    },
  )
}

const replaced = '[not kept: the store refused it]'

/** The event without what strangers may have written into it. */
function withoutTexts(event: AuditEvent): AuditEvent {
  const {
    argumentKeys,
    arguments: _arguments,
    result,
    clientName,
    clientVersion,
    userAgent,
    advertised,
    ...rest
  } = event
  return {
    ...rest,
    truncated: true,
    ...(event.target !== undefined && { target: replaced }),
    ...(event.reason !== undefined && { reason: replaced }),
    ...(event.method !== undefined && !/^[\w/-]{1,64}$/.test(event.method) && { method: replaced }),
    ...(event.jsonrpcId !== undefined && { jsonrpcId: replaced }),
  }
}
