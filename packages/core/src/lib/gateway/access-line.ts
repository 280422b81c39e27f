import type { Context } from '../handler.js'

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
  const { auth, message, client } = context
  const { status } = response
  const parent = traceParent(request.headers.get('traceparent'))
  return {
    method: request.method,
    path,
    status,
    latency_ms: Math.round(milliseconds * 10) / 10,
    ...(client?.address === undefined ? {} : { client_address: client.address }),
    ...(auth === undefined ? {} : { user_sub: digest(auth.extra?.subject ?? auth.clientId), client_id: auth.clientId }),
    ...(context.resource === undefined ? {} : { resource: context.resource }),
    ...(message?.method === undefined ? {} : { action: message.method }),
    ...(message?.method === 'tools/call' && message.name !== undefined ? { tool: message.name } : {}),
    decision: status === 401 || status === 403 || status === 429 ? 'deny' : 'allow',
    ...(status >= 400 ? { error_code: status } : {}),
    ...parent,
  }
}

const parentPattern = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/

function traceParent(header: string | null): Record<string, string> {
  const match = header === null ? null : parentPattern.exec(header)
  return match?.[1] === undefined || match[2] === undefined ? {} : { trace_id: match[1], span_id: match[2] }
}

/** FNV-1a, 64 bits in two halves: enough to tell people apart in a log, and it has to be synchronous. */
function digest(value: unknown): string {
  let high = 0x811c9dc5
  let low = 0xcbf29ce4
  for (const char of String(value)) {
    const code = char.codePointAt(0) as number
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ (code + 0x9e37), 0x01000193)
  }
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
}
