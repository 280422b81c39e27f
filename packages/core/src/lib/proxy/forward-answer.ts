import type { Context } from '../contract/handler.js'
import { recordRefusal } from '../contract/request-record.js'
import { guardStream } from '../http/guard-stream.js'
import { jsonRpcError, jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { readStart } from '../http/read-start.js'
import { respond } from '../http/respond.js'
import { writeEvent } from '../http/write-event.js'
import { loggedUrl } from '../text/logged-url.js'
import { accepted } from './accepted.js'
import { type Answer, release } from './ask.js'
import { toClient } from './proxy-headers.js'
import type { UpstreamResponse } from './upstream-response.js'

/** What decides how an answer goes to the client. */
export interface ForwardOptions {
  readonly request: Request
  readonly context: Context
  /** In seconds, `null` for none. */
  readonly idleTimeout: number | null
  /** The session id that the client gets. */
  readonly sessionId?: string
}

/** Up to this size an answer of known length is cheaper as a whole than as a stream. */
const wholeUpTo = 65_536
const encoder = new TextEncoder()

/** Turns an upstream's answer into the client's. */
export async function forwardAnswer(answer: Answer, options: ForwardOptions): Promise<Response> {
  const { response, abort, done } = answer
  const { request, context, sessionId } = options
  const refused = refuse(response, context)
  if (refused !== undefined) {
    release(answer)
    return refused
  }
  const headers = toClient(response.headers)
  if (sessionId !== undefined) headers.set('mcp-session-id', sessionId)
  const { status } = response
  const isTaken = context.message !== undefined && context.message.kind !== 'request' && status < 300
  if (isTaken) return accepted(answer, headers)
  // The body is asked for where it is needed, since a stream costs more than most answers
  if ((response.begin === undefined && response.body === null) || request.method === 'HEAD') {
    done()
    return new Response(null, { status, headers })
  }
  const idleTimeout = request.method === 'GET' ? null : options.idleTimeout
  const guard = { idleTimeout, abort, onEnd: done, finalChunk: farewell(response, context) }
  const length = response.headers.get('content-length')
  const isJson = response.headers.get('content-type')?.toLowerCase().startsWith('application/json') ?? false
  if (!isJson || Number(length) > wholeUpTo) {
    // What fetch has unpacked is longer than the upstream said
    // and what is said when a stream breaks off was not counted
    const isExact = !response.headers.has('content-encoding') && guard.finalChunk === undefined
    if (length !== null && isExact) headers.set('content-length', length)
    return new Response(guardStream(bodyOf(response), guard), { status, headers })
  }
  const start = await (response.begin?.(guard, wholeUpTo) ?? readStart(bodyOf(response), guard, wholeUpTo))
  if (start === 'idle' || start === 'broken') return broken(start, context)
  return start instanceof Uint8Array ? respond(start, { status, headers }) : new Response(start, { status, headers })
}

function bodyOf({ body }: UpstreamResponse): ReadableStream<Uint8Array> {
  return body as ReadableStream<Uint8Array>
}

function broken(reason: 'idle' | 'broken', context: Context): Response {
  const { status, message } = failure[reason]
  return refusal(context, { status, code: `upstream_${reason}`, message })
}

/** Answers with an error of the proxy, and writes it down. */
export function refusal(
  { message: asked, record }: Context,
  { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
): Response {
  recordRefusal(record, { by: 'proxy', code, reason: message }, status >= 500 ? 'error' : 'deny')
  return jsonRpcError({ status, message, id: asked?.id })
}

const failure = {
  idle: { status: 504, message: 'The server was silent for too long' },
  broken: { status: 502, message: 'The connection to the server broke' },
}

/** What an upstream says to the gateway rather than to the client. */
function refuse({ status, headers }: UpstreamResponse, context: Context): Response | undefined {
  const broke = (code: string, message: string) => refusal(context, { status: 502, code, message })
  if (status === 401 || status === 407) {
    // Its challenge is not about the client's token, which the client would throw away
    context.logger?.error({ status }, 'an upstream refuses the credentials that the gateway has for it')
    return broke('upstream_refuses_credentials', 'The server refuses the credentials of the gateway')
  }
  if (status >= 300 && status < 400 && status !== 304) {
    context.logger?.error(
      { status, location: loggedUrl(headers.get('location') ?? '') },
      'an upstream redirects; configure the address it names',
    )
    return broke('upstream_redirects', 'The server answered with a redirect, which the gateway does not follow')
  }
  // Parsers let pass what is no status of HTTP (RFC 9110 section 15)
  if (status < 200 || status > 599) {
    context.logger?.error({ status }, 'an upstream answered with a status that HTTP does not have')
    return broke('upstream_status', 'The server answered with a status that HTTP does not have')
  }
  return undefined
}

/**
 * The end of a stream that broke, for clients of the modern era: an error for the request that waits. In the legacy era
 * a stream that ends without its response can be resumed, so there the break itself is the message.
 */
function farewell(
  response: UpstreamResponse,
  { message }: Context,
): ((reason: 'idle' | 'broken') => Uint8Array) | undefined {
  const isStream = response.headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false
  if (!isStream || message?.era !== 'modern' || message.kind !== 'request') return undefined
  return (reason) => {
    const error = jsonRpcErrorBody({ ...failure[reason], id: message.id })
    // The line feeds end the event that was under way, if there was one
    return new Uint8Array([0x0a, 0x0a, ...writeEvent(encoder.encode(JSON.stringify(error)))])
  }
}
