import type { Context } from '../contract/handler.js'
import { recordRefusal } from '../contract/request-record.js'
import { EventFrames } from '../http/event-frames.js'
import { guardStream } from '../http/guard-stream.js'
import { jsonRpcError, jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { readStart } from '../http/read-start.js'
import { respond } from '../http/respond.js'
import { writeEvent } from '../http/write-event.js'
import { loggedUrl } from '../text/logged-url.js'
import { accepted } from './accepted.js'
import { bodyFault, codingFault, headFault, typeOf } from './answer-fault.js'
import { type Answer, release } from './ask.js'
import { toClient } from './proxy-headers.js'
import type { UpstreamResponse } from './upstream-response.js'

/** What decides how an answer goes to the client. */
export interface ForwardOptions {
  readonly request: Request
  readonly context: Context
  /** In seconds, `null` for none. */
  readonly idleTimeout: number | null
  /** In seconds. */
  readonly keepAlive: number
  /** The session id that the client gets. */
  readonly sessionId?: string
}

/** Up to this size an answer of known length is cheaper as a whole than as a stream. */
const wholeUpTo = 65_536
const encoder = new TextEncoder()
/** A page of an upstream, such as one about an error, must not run as one of the gateway, where others' servers are too. */
const asDocument = [
  ['content-security-policy', "sandbox; default-src 'none'"],
  ['x-content-type-options', 'nosniff'],
] as const

/** Turns an upstream's answer into the client's. */
export async function forwardAnswer(answer: Answer, options: ForwardOptions): Promise<Response> {
  const { response, abort, done } = answer
  const { request, context, sessionId } = options
  const refused = refuse(answer, context)
  if (refused !== undefined) {
    release(answer)
    return refused
  }
  const headers = toClient(response.headers)
  if (sessionId !== undefined) headers.set('mcp-session-id', sessionId)
  const { status } = response
  const isTaken = context.message !== undefined && context.message.kind !== 'request' && status < 300
  if (isTaken) return accepted(answer, headers)
  const isAwaited = context.message !== undefined && status < 300
  const hasBody = response.begin !== undefined || response.body !== null
  const wrong = headFault(response, isAwaited, hasBody)
  if (wrong !== undefined) {
    release(answer)
    return unreadable(wrong, response, context)
  }
  // The body is asked for where it is needed, since a stream costs more than most answers
  if (!hasBody || request.method === 'HEAD') {
    done()
    return new Response(null, { status, headers })
  }
  const idleTimeout = request.method === 'GET' ? null : options.idleTimeout
  const isEvents = typeOf(response) === 'text/event-stream' && status < 300
  const onItsWay = isEvents ? { events: new EventFrames(), keepAlive: options.keepAlive } : undefined
  const guard = {
    idleTimeout,
    abort,
    onEnd: done,
    finalChunk: farewell(response, context, onItsWay?.events),
    ...onItsWay,
  }
  const length = response.headers.get('content-length')
  const isJson = typeOf(response) === 'application/json'
  const isMessage = isJson || typeOf(response) === 'text/event-stream'
  const isUnsure = isAwaited && !isMessage
  if (!isUnsure && (!isJson || Number(length) > wholeUpTo)) {
    // What fetch has unpacked is longer than the upstream said, and so is an event stream to which something is added
    const isExact = !response.headers.has('content-encoding') && !isEvents
    if (length !== null && isExact) headers.set('content-length', length)
    if (!isMessage) for (const [name, value] of asDocument) headers.set(name, value)
    return new Response(guardStream(bodyOf(response), guard), { status, headers })
  }
  const start = await (response.begin?.(guard, wholeUpTo) ?? readStart(bodyOf(response), guard, wholeUpTo))
  if (start === 'idle' || start === 'broken') return broken(start, response, context)
  const fault = isAwaited ? bodyFault(start, response) : undefined
  if (fault !== undefined) {
    if (!(start instanceof Uint8Array)) await start.cancel().catch(() => {})
    return unreadable(fault, response, context)
  }
  // Clients go by the type
  if (isUnsure) headers.set('content-type', 'application/json')
  return start instanceof Uint8Array ? respond(start, { status, headers }) : new Response(start, { status, headers })
}

function bodyOf({ body }: UpstreamResponse): ReadableStream<Uint8Array> {
  return body as ReadableStream<Uint8Array>
}

function broken(reason: 'idle' | 'broken', response: UpstreamResponse, context: Context): Response {
  const coding = reason === 'broken' ? codingFault(response) : undefined
  if (coding !== undefined) return unreadable(coding, response, context)
  const { status, message } = failure[reason]
  return refusal(context, { status, code: `upstream_${reason}`, message })
}

function unreadable(message: string, response: UpstreamResponse, context: Context): Response {
  logFault(message, response, context)
  return refusal(context, { status: 502, code: 'upstream_unreadable', message })
}

function logFault(why: string, { status, headers }: UpstreamResponse, { logger, message }: Context): void {
  const type = headers.get('content-type') ?? undefined
  const coding = headers.get('content-encoding') ?? undefined
  logger?.error(
    { status, type, coding, method: message?.method, why },
    'an upstream answered with what is no MCP message',
  )
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
  empty: { status: 502, message: 'The server answered with an event stream without a message' },
}

/** What an upstream says to the gateway rather than to the client. */
function refuse({ response: { status, headers }, redirects }: Answer, context: Context): Response | undefined {
  const broke = (code: string, message: string) => refusal(context, { status: 502, code, message })
  if (status === 401 || status === 407) {
    // Its challenge is not about the client's token, which the client would throw away
    context.logger?.error({ status }, 'an upstream refuses the credentials that the gateway has for it')
    return broke('upstream_refuses_credentials', 'The server refuses the credentials of the gateway')
  }
  if (redirects !== undefined) {
    const text = redirects === 'loop' ? 'an upstream redirects in a loop' : 'an upstream redirects too often in a row'
    context.logger?.error({ status, location: loggedUrl(headers.get('location') ?? '') }, text)
    return broke(`upstream_redirect_${redirects}`, text.replace('an upstream', 'The server'))
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
 * a client resumes a stream that ends without its response by the id of the last event (L6), so there the break itself is
 * the message where an event with an id has come.
 */
function farewell(
  response: UpstreamResponse,
  context: Context,
  events: EventFrames | undefined,
): ((reason: 'idle' | 'broken' | 'empty') => Uint8Array | undefined) | undefined {
  const { message } = context
  if (events === undefined || message?.kind !== 'request') return undefined
  return (reason) => {
    if (message.era !== 'modern' && events.canResume) return undefined
    const coding = reason === 'broken' ? codingFault(response) : undefined
    const what = coding === undefined ? failure[reason] : { status: 502, message: coding }
    logFault(what.message, response, context)
    const error = jsonRpcErrorBody({ ...what, id: message.id })
    // The line feeds end the event that was under way, if there was one
    return new Uint8Array([0x0a, 0x0a, ...writeEvent(encoder.encode(JSON.stringify(error)))])
  }
}
