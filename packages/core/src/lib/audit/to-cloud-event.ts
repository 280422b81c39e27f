import type { AuditEvent } from './audit-event.js'
import { toRow } from './columns.js'

/** An event as CloudEvents 1.0 has it, in its JSON format. */
export interface CloudEvent {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  readonly time: string
  readonly subject?: string
  readonly datacontenttype: 'application/json'
  readonly traceparent?: string
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Makes of an event a CloudEvent of the type `mcp-gateway.<type>.v1`, whose data are the columns of the event.
 *
 * @param source the URI of the gateway
 * @see CloudEvents 1.0.2
 * @example
 * ```ts
 * const audit = createAudit({
 *   sink: async (events) => bus.send(events.map((event) => toCloudEvent(event, 'https://mcp.example.com'))),
 * })
 * ```
 */
export function toCloudEvent(event: AuditEvent, source: string): CloudEvent {
  const { server, target, traceId, spanId } = event
  const subject = [server, target].filter((part) => part !== undefined).join('/')
  return {
    specversion: '1.0',
    id: event.id,
    source,
    type: `mcp-gateway.${event.type}.v1`,
    time: new Date(event.ts).toISOString(),
    ...(subject !== '' && { subject }),
    datacontenttype: 'application/json',
    ...(traceId !== undefined && spanId !== undefined && { traceparent: `00-${traceId}-${spanId}-00` }),
    data: toRow(event),
  }
}
