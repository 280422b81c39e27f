import { concat, readStream } from '../body/read-body.js'
import { jsonRpcErrorBody } from '../json-rpc-error.js'
import type { Message } from '../message.js'
import { readEvents } from '../sse/read-events.js'
import { writeEvent } from '../sse/write-event.js'
import { parseMessage } from './parse-message.js'

const encoder = new TextEncoder()
const maxAnswer = 16_777_216

/**
 * Answers the messages of a batch one by one, all at the same time, and joins the answers (MCP 2025-03-26): nothing but
 * accepted notifications is 202; JSON answers become one array, as they were written; if one of them streams, all go
 * into one stream.
 */
export async function answerBatch(
  messages: readonly Message[],
  answer: (message: Message) => Response | Promise<Response>,
): Promise<Response> {
  const answers = await allOrNone(messages.map(async (message) => ({ message, response: await answer(message) })))
  const streams = answers.some(({ response }) => isStream(response))
  const headers = new Headers()
  const session = answers.map(({ response }) => response.headers.get('mcp-session-id')).find((id) => id !== null)
  if (session) headers.set('Mcp-Session-Id', session)
  if (streams) return stream(answers, headers)
  const parts = (await Promise.all(answers.map(toJson))).filter((part) => part !== undefined)
  if (parts.length === 0) return new Response(null, { status: 202, headers })
  headers.set('Content-Type', 'application/json')
  return new Response(join(parts), { headers })
}

interface Answer {
  readonly message: Message
  readonly response: Response
}

/** Where one of them fails, nobody reads the answers of the others: they are cancelled. */
async function allOrNone(pending: readonly Promise<Answer>[]): Promise<Answer[]> {
  const settled = await Promise.allSettled(pending)
  const failed = settled.find((one) => one.status === 'rejected')
  const answers = settled.filter((one) => one.status === 'fulfilled').map(({ value }) => value)
  if (failed === undefined) return answers
  await Promise.all(answers.map(({ response }) => response.body?.cancel(failed.reason).catch(() => {})))
  throw failed.reason
}

function isStream(response: Response): boolean {
  return response.headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false
}

/** The JSON of one answer; a refusal without JSON-RPC in its body becomes an error of the same status. */
async function toJson({ message, response }: Answer): Promise<Uint8Array | undefined> {
  if (message.kind !== 'request') {
    await response.body?.cancel()
    return undefined
  }
  const bytes = await readStream(response.body, maxAnswer)
  if (bytes !== 'too-large' && isAnswer(bytes)) return bytes
  const status = response.status >= 400 ? response.status : 502
  const text = status === response.status ? `The request was refused with HTTP status ${status}` : 'No JSON-RPC answer'
  return encoder.encode(JSON.stringify(jsonRpcErrorBody({ status, message: text, id: message.id })))
}

/** A refusal of another layer may be OAuth's JSON, or no JSON at all. */
function isAnswer(bytes: Uint8Array): boolean {
  try {
    return parseMessage(bytes).kind === 'response'
  } catch {
    return false
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = []
  for (const part of parts) pieces.push(encoder.encode(pieces.length === 0 ? '[' : ','), part)
  pieces.push(encoder.encode(']'))
  return concat(
    pieces,
    pieces.reduce((sum, piece) => sum + piece.length, 0),
  ) as Uint8Array<ArrayBuffer>
}

/** All answers as events of one stream. It takes from none of them more than one event ahead of the client. */
function stream(answers: readonly Answer[], headers: Headers): Response {
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
      const copy = async (answer: Answer) => {
        if (!isStream(answer.response)) {
          const json = await toJson(answer)
          if (json !== undefined) await put(writeEvent(json))
          return
        }
        if (answer.response.body === null) return
        const reader = answer.response.body.getReader()
        readers.add(reader)
        for await (const event of readEvents(reader)) await put(event.bytes)
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
