import type { RequestRecord } from '../contract/request-record.js'
import { loggedUrl } from '../text/logged-url.js'
import { actorOf } from '../tokens/principal.js'

/**
 * Makes the fields of a request's one line in the log. Who it was is a short keyed hash, so that one person's lines can be
 * found together without the log naming them; bodies, arguments and query strings are not in it.
 *
 * @param userHash makes of a user's id what stands in the log
 */
export function accessFields(record: RequestRecord, userHash: (userId: string) => string): Record<string, unknown> {
  const { auth, message, clientAddress, resource, status = 0, times, traceparent } = record
  const fields: Record<string, unknown> = {
    request_id: record.requestId,
    method: record.method,
    path: record.path,
    status,
    latency_ms: Math.round(((times.firstByte ?? performance.now()) - times.start) * 10) / 10,
    decision: record.decision,
  }
  if (status >= 400) fields.error_code = status
  if (clientAddress !== undefined) fields.client_address = clientAddress
  if (resource !== undefined) fields.resource = loggedUrl(resource)
  if (auth !== undefined) {
    const actor = actorOf(auth)
    if (actor?.kind === 'user') fields.user_sub = userHash(actor.id)
    fields.client_id = auth.clientId.includes('://') ? loggedUrl(auth.clientId) : auth.clientId
  }
  if (message?.method !== undefined) {
    fields.action = message.method
    if (message.method === 'tools/call') fields.tool = message.target
  }
  if (traceparent !== undefined) addTrace(fields, traceparent)
  return fields
}

const parentPattern = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/

/** @see W3C Trace Context section 3.2 */
function addTrace(fields: Record<string, unknown>, header: string): void {
  const match = parentPattern.exec(header)
  if (match === null) return
  fields.trace_id = match[1]
  fields.span_id = match[2]
}
