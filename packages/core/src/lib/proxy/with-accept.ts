import type { Context, Handler } from '../contract/handler.js'
import { accepts } from '../http/accepts.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { readStream } from '../http/read-body.js'
import { readEvents } from '../http/read-events.js'
import { respond } from '../http/respond.js'
import { writeEvent } from '../http/write-event.js'
import { parseMessage } from '../message/parse-message.js'

const json = 'application/json'
const stream = 'text/event-stream'
const maxAnswer = 67_108_864

/**
 * Serves clients that accept only JSON or only event streams, whichever the upstream answers with. Of a stream, JSON has the
 * answer alone: what is said before it is left out, and where the server asks its client something in it, which only a
 * client of streams can answer, the request fails with 406.
 *
 * @see RFC 9110 section 12.5.1
 */
export function withAccept(handler: Handler): Handler {
  return (request, context) => {
    const { message } = context
    if (message?.kind !== 'request') return handler(request, context)
    const takesJson = accepts(request.headers, json)
    const takesStream = accepts(request.headers, stream)
    if (takesJson && takesStream) return handler(request, context)
    if (!takesJson && !takesStream) return notAcceptable(context, `Accept ${json} or ${stream}`)
    if (!takesStream && message.method === 'subscriptions/listen') {
      return notAcceptable(context, `The answer to subscriptions/listen is an event stream; accept ${stream}`)
    }
    return adapted(handler, request, context, takesJson)
  }
}

async function adapted(handler: Handler, request: Request, context: Context, toJson: boolean): Promise<Response> {
  const response = await handler(request, context)
  const type = response.headers.get('content-type')?.toLowerCase() ?? ''
  if (response.status >= 300 || response.body === null) return response
  if (toJson) return type.startsWith(stream) ? answerOf(response, response.body, context) : response
  if (!type.startsWith(json)) return response
  const bytes = await readStream(response.body, maxAnswer)
  if (bytes === 'too-large') return failed(context, 'The answer is too large for one event')
  return respond(writeEvent(bytes), { status: response.status, headers: headersOf(response, stream) })
}

async function answerOf(response: Response, body: ReadableStream<Uint8Array>, context: Context): Promise<Response> {
  const reader = body.getReader()
  try {
    for await (const { data } of readEvents(reader, maxAnswer)) {
      if (data === undefined || data.length === 0) continue
      const { kind, id, bytes } = parseMessage(data)
      if (kind === 'request') {
        return notAcceptable(context, `The server asks its client something in its answer; accept ${stream}`)
      }
      if (kind === 'response' && id === context.message?.id) {
        return respond(bytes, { status: response.status, headers: headersOf(response, json) })
      }
    }
    return failed(context, 'The server ended its event stream without an answer')
  } catch {
    return failed(context, 'The event stream of the server broke before its answer')
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function headersOf({ headers }: Response, type: string): Headers {
  const own = new Headers(headers)
  own.delete('content-length')
  own.set('content-type', type)
  return own
}

function notAcceptable({ message }: Context, text: string): Response {
  return jsonRpcError({ status: 406, message: text, id: message?.id })
}

function failed({ message }: Context, text: string): Response {
  return jsonRpcError({ status: 502, message: text, id: message?.id })
}
