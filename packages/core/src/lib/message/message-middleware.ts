import type { Context, Handler, Middleware } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import { checkOptions, type OptionTypes, optional, positive, textList } from '../contract/option-types.js'
import {
  joinParts,
  type RecordedMessage,
  type RequestRecord,
  recordParts,
  recordRefusal,
} from '../contract/request-record.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { isMediaType } from '../http/media-type.js'
import { onBodyEnd } from '../http/on-body-end.js'
import { readBody } from '../http/read-body.js'
import { publishedVersions } from '../protocol/revisions.js'
import { answerBatch } from './answer-batch.js'
import { MessageError } from './message-error.js'
import { readMessages } from './read-messages.js'
import { type CountedRequest, UnderWay } from './under-way.js'

/** Limits on what a client may post. */
export interface MessageOptions {
  /**
   * Size of a body in bytes.
   *
   * @default 4 MiB
   */
  readonly maxBytes?: number
  /**
   * Levels of nesting.
   *
   * @default 64
   */
  readonly maxDepth?: number
  /**
   * Messages in a batch (revision 2025-03-26 alone has batches).
   *
   * @default 50
   */
  readonly maxBatch?: number
  /**
   * Bytes that the answers to all messages of a batch may have together; an answer that does not fit is replaced by an
   * error. In a joined stream it is what waits for the client at one time.
   *
   * @default 16_777_216
   */
  readonly maxBatchAnswer?: number
  /**
   * JSON values in a body: a parsed value takes up to a hundred times its bytes. An empty list or object counts as two.
   *
   * @default 200_000
   */
  readonly maxValues?: number
  /**
   * Requests of one user that may be under way at a time, each message of a batch as one; more are refused with 429 and
   * `Retry-After`. A stream that answers a POST is under way until it ends. Answers to a server and cancellations pass
   * beyond it, since they end what is under way. A user is who stands behind the token, without a token the client's
   * address.
   *
   * @default 256
   */
  readonly maxConcurrent?: number
  /**
   * Bytes that the bodies of one user's requests under way may have together; more are refused with 429. A single
   * request is bounded by `maxBytes` alone.
   *
   * @default 67_108_864
   */
  readonly maxConcurrentBytes?: number
  /** The revisions that `MCP-Protocol-Version` may name; all published ones by default. */
  readonly protocolVersions?: readonly string[]
}

/** Answers and cancellations beyond `maxConcurrent` that one user may send at a time. */
const reserve = 16

export const messageTypes: OptionTypes<MessageOptions> = {
  maxBytes: optional(positive),
  maxDepth: optional(positive),
  maxBatch: optional(positive),
  maxBatchAnswer: optional(positive),
  maxValues: optional(positive),
  maxConcurrent: optional(positive),
  maxConcurrentBytes: optional(positive),
  protocolVersions: optional(textList),
}

/**
 * Reads the JSON-RPC message of a POST once, into `context.message`: from there on its bytes are the body, and
 * `request.body` is consumed. Refuses what two readers could understand differently: a charset other than UTF-8, bad
 * UTF-8, members of the same name, members and methods of the protocol that are spelt in other case or with a NUL, headers
 * that differ from the body (revision 2026-07-28). Refuses with -32602 a call whose tool, prompt, resource or task is not
 * told as a string, so that every rule behind sees what it is about. Splits batches, so that what follows never sees one,
 * and joins their answers. It bounds what one user's requests under way may hold: while they wait, the bytes of a message
 * are kept, and not what they were parsed to. Other methods than POST pass untouched. It does not verify tokens: put it
 * behind `bearerAuth`, so that strangers cannot make the gateway read bodies. Servers that share one `message()` share
 * its counters.
 *
 * @throws {GatewayError} `invalid_configuration` at construction, for limits that are not positive
 * @see MCP Streamable HTTP, rules M4 and M6 to M12, L1, L8
 * @example
 * ```ts
 * const guarded = compose([bearerAuth({ verifier, resource }), message({ maxBytes: 1_048_576 })], handler)
 * ```
 */
export function message(options: MessageOptions = {}): Middleware {
  checkOptions('message', options, messageTypes)
  const { maxBytes = 4_194_304, maxDepth = 64, maxBatch = 50, protocolVersions = publishedVersions } = options
  const { maxBatchAnswer = 16_777_216, maxValues = 200_000 } = options
  const { maxConcurrent = 256, maxConcurrentBytes = 67_108_864 } = options
  const limits = { maxDepth, maxBatch, maxValues, protocolVersions }
  const tooManyUnderWay = `${maxConcurrent} requests of yours are under way`
  const underWay = new UnderWay({ maxConcurrent, maxConcurrentBytes, reserve })

  return async (request, context, next) => {
    if (request.method !== 'POST') return next(request, context)
    const refused = checkContentHeaders(request.headers)
    if (refused !== undefined) {
      recordRefusal(context.record, { by: 'message', code: 'unsupported_media_type' })
      return refused
    }
    const counted = underWay.enter(context)
    if (counted === undefined) return tooMany(context, tooManyUnderWay)
    try {
      const bytes = await readBody(request, maxBytes, counted)
      const answer = handle(bytes, counted, { request, context, next })
      return onBodyEnd('then' in answer ? await answer : answer, () => counted.end())
    } catch (error) {
      counted.end()
      throw error
    }
  }

  function handle(
    bytes: Uint8Array | 'too-large',
    counted: CountedRequest,
    { request, context, next }: Received,
  ): Response | Promise<Response> {
    if (bytes === 'too-large') {
      if (counted.isRefused) return tooMany(context, `Your requests under way hold ${maxConcurrentBytes} bytes`)
      const why = `The body is larger than ${maxBytes} bytes`
      recordRefusal(context.record, { by: 'message', code: 'too_large', reason: why })
      return jsonRpcError({ status: 413, message: why })
    }
    const { record } = context
    if (record !== undefined) record.requestBytes = bytes.length
    let incoming: Message | readonly Message[]
    try {
      incoming = readMessages(bytes, request.headers, limits)
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      const { httpStatus: status, rpcCode: code, id, data } = error
      recordRefusal(record, { by: 'message', code, reason: error.message })
      return jsonRpcError({ status, code, message: error.message, id, data })
    }
    const pass = (one: Message): Response | Promise<Response> => {
      if (record !== undefined) note(record, one)
      return next(request, { ...context, message: one })
    }
    if ('bytes' in incoming) {
      if (!counted.isSurplus || endsAnother(incoming)) return pass(incoming)
      if (record !== undefined) note(record, incoming)
      return tooMany(context, tooManyUnderWay, incoming.id)
    }
    if (!counted.add(incoming.length - 1)) return tooMany(context, `At most ${maxConcurrent} requests may be under way`)
    if (record === undefined) return answerBatch(incoming, pass, maxBatchAnswer)
    const parts = recordParts(record, incoming.map(noted))
    const passPart = (one: Message, index: number) =>
      next(request, { ...context, record: parts[index] ?? record, message: one })
    return answerBatch(incoming, passPart, maxBatchAnswer).finally(() => joinParts(record))
  }
}

interface Received {
  readonly request: Request
  readonly context: Context
  readonly next: Handler
}

/** Whether a message may end a request that is under way: the answer that it waits for, or its cancellation. */
function endsAnother({ kind, method }: Message): boolean {
  return kind === 'response' || method === 'notifications/cancelled'
}

function note(record: RequestRecord, message: Message): void {
  record.message = noted(message)
}

function noted({ era, method, id, name }: Message): RecordedMessage {
  return { era, method, id, target: name }
}

// RFC 6585 section 4
function tooMany({ record }: Context, why: string, id: Message['id'] = null): Response {
  recordRefusal(record, { by: 'message', code: 'too_many_requests', reason: why })
  return jsonRpcError(
    { status: 429, message: `${why}; wait until one of them has been answered`, id },
    { 'Retry-After': '1' },
  )
}

function checkContentHeaders(headers: Headers): Response | undefined {
  if (!isMediaType(headers.get('content-type'), 'application/json')) {
    return jsonRpcError(
      { status: 415, message: 'Content-Type must be application/json, and its charset utf-8 if it names one' },
      { Accept: 'application/json' },
    )
  }
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    return jsonRpcError(
      { status: 415, message: 'A compressed body is not accepted; send it as it is' },
      { 'Accept-Encoding': 'identity' },
    )
  }
  return undefined
}
