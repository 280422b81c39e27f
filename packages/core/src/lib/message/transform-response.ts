import type { Context } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import { BytesResponse } from '../http/bytes-response.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { readStream } from '../http/read-body.js'
import { readEvents, type SseEvent } from '../http/read-events.js'
import { respond } from '../http/respond.js'
import { writeEvent } from '../http/write-event.js'
import { hasMoreValues } from '../json/has-more-values.js'
import { maxParsedValues } from '../json/raw-json.js'
import { joinArray, splitArray } from '../json/split-array.js'
import { errorCodes } from '../protocol/error-codes.js'
import { applyTransforms } from './apply-transforms.js'
import { MessageError } from './message-error.js'
import { parseMessage } from './parse-message.js'

const maxJson = 67_108_864
const json = 'application/json'
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Messages in a batch of a server. */
const maxMessages = 1000

/**
 * Applies the context's transforms to a whole response, JSON or SSE, for handlers that answer with a `Response` rather than
 * with messages. Without transforms the response passes untouched. What a transform does not change keeps its bytes. A body that
 * is not JSON-RPC cannot be looked at, so with transforms it is replaced by an error.
 */
export async function transformResponse(context: Context, response: Response): Promise<Response> {
  if (context.transforms === undefined || context.transforms.length === 0) return response
  // A body that is known as a whole needs no stream, which would cost more than the rest
  const content = BytesResponse.contentOf(response)
  if (content === undefined && response.body === null) return response
  const type = response.headers.get('content-type')?.toLowerCase() ?? ''
  if ((response.headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
    await response.body?.cancel()
    return unreadable(context, 'The server answered with a compressed body, which cannot be looked at')
  }
  if (type.startsWith('text/event-stream')) {
    return transformStream(context, response, response.body as ReadableStream<Uint8Array>)
  }
  const bytes = content === undefined ? await readStream(response.body, maxJson) : bytesOf(content)
  if (bytes === 'too-large') {
    return unreadable(context, `The answer is larger than ${maxJson} bytes, which is too much to look at`)
  }
  if (bytes.length === 0) return withBody(response, null, json)
  const transformed = await transformBytes(context, bytes)
  if (transformed !== 'unreadable') return withBody(response, transformed ?? null, json)
  // An error of HTTP without JSON-RPC, such as a 404 page, says nothing that a transform could filter
  if (response.status >= 400 && !type.startsWith(json)) {
    return jsonRpcError({ status: response.status, message: 'The server refused the request', id: context.message?.id })
  }
  return unreadable(context, 'The server did not answer with a JSON-RPC message')
}

function unreadable(context: Context, message: string): Response {
  return jsonRpcError({ status: 502, message, id: context.message?.id })
}

/** One message or a batch of them; `undefined` when nothing is left of it. */
async function transformBytes(context: Context, bytes: Uint8Array): Promise<Uint8Array | undefined | 'unreadable'> {
  let messages: Message[]
  const isBatch = isArray(bytes)
  try {
    messages = isBatch ? splitBatch(bytes) : [parseMessage(bytes)]
  } catch {
    return 'unreadable'
  }
  const transformed = (await Promise.all(messages.map((message) => applyTransforms(context, message)))).filter(
    (message) => message !== undefined,
  )
  if (transformed.length === 0) return undefined
  if (!isBatch) return transformed[0]?.bytes
  const isSame =
    transformed.length === messages.length && transformed.every((message, index) => message === messages[index])
  if (isSame) return bytes
  return joinArray(transformed.map(({ bytes }) => bytes))
}

function isArray(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte > 0x20)
  return first === 0x5b
}

/** The messages of a batch as they were written; a parsed batch would take up to a hundred times its bytes. */
function splitBatch(bytes: Uint8Array): Message[] {
  if (hasMoreValues(bytes, maxParsedValues)) {
    throw new MessageError(errorCodes.invalidRequest, `The batch has more than ${maxParsedValues} values`)
  }
  // A reader that looks for items without parsing must be given JSON
  JSON.parse(decoder.decode(bytes))
  return splitArray(bytes, maxMessages).map((item) => parseMessage(item))
}

function transformStream(context: Context, response: Response, body: ReadableStream<Uint8Array>): Response {
  const reader = body.getReader()
  const events = readEvents(reader)
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const { done, value } = await events.next()
        if (done) {
          controller.close()
          return
        }
        const bytes = await tapEvent(context, value)
        if (bytes === undefined) continue
        controller.enqueue(bytes)
        return
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return withBody(response, stream, 'text/event-stream')
}

/** The event to send; `undefined` when its message is held back. Events without data (priming, comments) pass. */
async function tapEvent(context: Context, event: SseEvent): Promise<Uint8Array | undefined> {
  if (event.data === undefined || event.data.length === 0) return event.bytes
  const transformed = await transformBytes(context, event.data)
  if (transformed === undefined || transformed === 'unreadable') {
    context.logger?.debug(
      { reason: transformed ?? 'held back by a transform' },
      'an event of the server was not passed on',
    )
    return undefined
  }
  return transformed === event.data ? event.bytes : writeEvent(transformed, event.rest)
}

const encoder = new TextEncoder()

function bytesOf(content: string | Uint8Array): Uint8Array | 'too-large' {
  const bytes = typeof content === 'string' ? encoder.encode(content) : content
  return bytes.length > maxJson ? 'too-large' : bytes
}

// The client must read it in the charset in which the transforms did
function withBody(response: Response, body: Uint8Array | ReadableStream<Uint8Array> | null, type: string): Response {
  const headers = new Headers(response.headers)
  headers.delete('content-length')
  if (body !== null) headers.set('content-type', type)
  const init = { status: response.status, statusText: response.statusText, headers }
  return body instanceof Uint8Array ? respond(body, init) : new Response(body as BodyInit | null, init)
}
