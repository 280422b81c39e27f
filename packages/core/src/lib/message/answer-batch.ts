import type { Message } from '../contract/message.js'
import { type ByteBudget, byteBudget } from '../http/byte-budget.js'
import { BytesResponse } from '../http/bytes-response.js'
import { jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { readStream } from '../http/read-body.js'
import { readEvents } from '../http/read-events.js'
import { writeEvent } from '../http/write-event.js'
import { joinArray } from '../json/split-array.js'
import { parseMessage } from './parse-message.js'

const encoder = new TextEncoder()

/**
 * Answers the messages of a batch one by one, all at the same time, and joins the answers (MCP 2025-03-26): nothing but
 * accepted notifications is 202; JSON answers become one array, as they were written; if one of them streams, all go
 * into one stream.
 *
 * @param maxBytes what all answers together may take in memory; each is read when it comes, and one that does not fit is
 *   replaced by an error
 */
export async function answerBatch(
  messages: readonly Message[],
  answer: (message: Message, index: number) => Response | Promise<Response>,
  maxBytes: number,
): Promise<Response> {
  const budget = byteBudget(maxBytes)
  const answers = await allOrNone(
    messages.map(async (message, index) => toAnswer(message, await answer(message, index), budget)),
  )
  const headers = new Headers()
  const session = answers.find((one) => one.session !== null)?.session
  if (session) headers.set('Mcp-Session-Id', session)
  if (answers.some((one) => one.stream !== undefined)) return stream(answers, headers, { maxBytes, budget })
  const parts = answers.flatMap(({ json }) => (json === undefined ? [] : [json]))
  if (parts.length === 0) return new Response(null, { status: 202, headers })
  headers.set('Content-Type', 'application/json')
  return new Response(joinArray(parts), { headers })
}

interface Answer {
  readonly message: Message
  readonly session: string | null
  /** Of these two, one at most. */
  readonly json?: Uint8Array
  readonly stream?: ReadableStream<Uint8Array>
}

/** Where one of them fails, nobody reads the answers of the others: they are cancelled. */
async function allOrNone(pending: readonly Promise<Answer>[]): Promise<Answer[]> {
  const settled = await Promise.allSettled(pending)
  const failed = settled.find((one) => one.status === 'rejected')
  const answers = settled.filter((one) => one.status === 'fulfilled').map(({ value }) => value)
  if (failed === undefined) return answers
  await Promise.all(answers.map((one) => one.stream?.cancel(failed.reason).catch(() => {})))
  throw failed.reason
}

/** Reads an answer that is no stream at once: whole ones that wait for the others would not be counted. */
async function toAnswer(message: Message, response: Response, budget: ByteBudget): Promise<Answer> {
  const session = response.headers.get('mcp-session-id')
  if (isStream(response)) return { message, session, stream: response.body ?? undefined }
  if (message.kind !== 'request') {
    await response.body?.cancel()
    return { message, session }
  }
  const bytes = await readWhole(response, budget)
  return { message, session, json: bytes === 'too-large' ? tooLarge(message) : toJson(message, response.status, bytes) }
}

function isStream(response: Response): boolean {
  return response.headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false
}

async function readWhole(response: Response, budget: ByteBudget): Promise<Uint8Array | 'too-large'> {
  const content = BytesResponse.contentOf(response)
  if (content === undefined) return readStream(response.body, Number.POSITIVE_INFINITY, budget)
  const bytes = typeof content === 'string' ? encoder.encode(content) : content
  return budget.take(bytes.length) ? bytes : 'too-large'
}

/** The JSON of one answer; a refusal without JSON-RPC in its body becomes an error of the same status. */
function toJson(message: Message, answered: number, bytes: Uint8Array): Uint8Array {
  if (isAnswer(bytes)) return bytes
  const status = answered >= 400 ? answered : 502
  const text = status === answered ? `The request was refused with HTTP status ${status}` : 'No JSON-RPC answer'
  return encoder.encode(JSON.stringify(jsonRpcErrorBody({ status, message: text, id: message.id })))
}

function tooLarge({ id }: Message): Uint8Array {
  const text = 'The answers of the batch are too large together; send this request in a batch of its own, or alone'
  return encoder.encode(JSON.stringify(jsonRpcErrorBody({ status: 502, message: text, id })))
}

/** A refusal of another layer may be OAuth's JSON, or no JSON at all. */
function isAnswer(bytes: Uint8Array): boolean {
  try {
    return parseMessage(bytes).kind === 'response'
  } catch {
    return false
  }
}

/** All answers as events of one stream. It takes from none of them more than one event ahead of the client. */
function stream(
  answers: readonly Answer[],
  headers: Headers,
  { maxBytes, budget }: { readonly maxBytes: number; readonly budget: ByteBudget },
): Response {
  const readers = new Set<ReadableStreamDefaultReader<Uint8Array>>()
  let cancelled = false
  let waiting: (() => void)[] = []
  const goOn = () => {
    const ready = waiting
    waiting = []
    for (const resume of ready) resume()
  }
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const put = async (bytes: Uint8Array) => {
        while (!cancelled && (controller.desiredSize ?? 0) <= 0) {
          await new Promise<void>((resolve) => waiting.push(resolve))
        }
        if (!cancelled) controller.enqueue(bytes)
      }
      const copy = async ({ message, json, stream }: Answer) => {
        if (json !== undefined) await put(writeEvent(json))
        if (stream === undefined) return
        const reader = stream.getReader()
        readers.add(reader)
        try {
          for await (const { bytes } of readEvents(reader, maxBytes, budget)) {
            await put(bytes)
            budget.giveBack(bytes.length)
          }
        } catch (error) {
          if ((error as { code?: unknown }).code !== 'outbound_refused' || message.kind !== 'request') throw error
          await reader.cancel(error).catch(() => {})
          await put(writeEvent(tooLarge(message)))
        }
      }
      Promise.all(answers.map(copy)).then(
        () => {
          if (!cancelled) controller.close()
        },
        (error) => {
          cancelled = true
          goOn()
          for (const reader of readers) reader.cancel(error).catch(() => {})
          controller.error(error)
        },
      )
    },
    pull: goOn,
    async cancel(reason) {
      cancelled = true
      goOn()
      await Promise.all([...readers].map((reader) => reader.cancel(reason)))
    },
  })
  headers.set('Content-Type', 'text/event-stream')
  headers.set('Cache-Control', 'no-cache')
  headers.set('X-Accel-Buffering', 'no')
  return new Response(body, { headers })
}
