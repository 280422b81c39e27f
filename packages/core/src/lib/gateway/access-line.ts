import { BoundedMap } from '../cache/bounded-map.js'
import type { Context } from '../contract/handler.js'
import { loggedUrl } from '../text/logged-url.js'
import { actorOf } from '../tokens/principal.js'

/**
 * The fields of a request's one line in the log. Who it was is a short digest, so that one person's lines can be found
 * together without the log naming them; bodies, arguments and query strings are not in it.
 */
export function accessFields(
  request: Request,
  path: string,
  response: Response,
  context: Context,
  milliseconds: number,
): Record<string, unknown> {
  const { auth, message, client, resource, requestId } = context
  const { status } = response
  const fields: Record<string, unknown> = {
    request_id: requestId,
    method: request.method,
    path,
    status,
    latency_ms: Math.round(milliseconds * 10) / 10,
    decision: status === 401 || status === 403 || status === 429 ? 'deny' : 'allow',
  }
  if (status >= 400) fields.error_code = status
  if (client?.address !== undefined) fields.client_address = client.address
  if (resource !== undefined) fields.resource = loggedUrl(resource)
  if (auth !== undefined) {
    const actor = actorOf(auth)
    if (actor?.kind === 'user') fields.user_sub = digestOf(actor.id)
    fields.client_id = auth.clientId.includes('://') ? loggedUrl(auth.clientId) : auth.clientId
  }
  if (message?.method !== undefined) {
    fields.action = message.method
    if (message.method === 'tools/call') fields.tool = message.name
  }
  const parent = request.headers.get('traceparent')
  if (parent !== null) addTrace(fields, parent)
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

const digests = new BoundedMap<string>(1000)

function digestOf(value: string): string {
  const known = digests.get(value)
  if (known !== undefined) return known
  const made = digest(value)
  digests.set(value, made)
  return made
}

/** FNV-1a, 64 bits in two halves: enough to tell people apart in a log, and it has to be synchronous. */
function digest(value: string): string {
  let high = 0x811c9dc5
  let low = 0xcbf29ce4
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ (code + 0x9e37), 0x01000193)
  }
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
}
