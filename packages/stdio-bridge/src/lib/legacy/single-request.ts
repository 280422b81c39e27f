import { type Context, type Message, parseMessage } from '@mcp-gateway/core'
import type { Connection } from '../mux/connection.js'
import { isRefusal, type Refusal, refuse } from '../refusal.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { LegacySession } from './legacy-session.js'
import { newSessionId, ownerOf } from './session-registry.js'
import { SharedChild } from './shared-child.js'

/** What one request on a process of its own needs. */
export interface SingleRequestHost {
  readonly connect: () => Promise<Connection | Refusal>
  /** Seconds. */
  readonly handshakeTimeout: number
  /** Looks after the request while it lasts. */
  readonly keep: (session: LegacySession) => void
  readonly drop: (session: LegacySession) => void
}

const settings = { historyBytes: 0, highWaterMark: 1_048_576, retry: 1000 }

/**
 * Serves one message of a legacy client with a process of its own, which is initialized for it and stopped behind it.
 * The client gets no session: there is nothing that could be kept between its requests.
 */
export async function singleRequest(
  message: Message,
  request: Request,
  context: Context,
  host: SingleRequestHost,
): Promise<Response> {
  // What is no request is about something that is over
  if (message.kind !== 'request') return new Response(null, { status: 202 })
  const isInitialize = message.method === 'initialize'
  const initialize = isInitialize ? message : ownInitialize(request)
  const started = await new SharedChild(initialize, host.connect, host.handshakeTimeout).get()
  if (isRefusal(started)) return refuse(started, message)
  const { connection } = started
  const session = new LegacySession(newSessionId(), ownerOf(context), connection, settings, () => end())
  const end = () => {
    host.drop(session)
    session.end()
    void connection.child.stop()
  }
  host.keep(session)
  if (isInitialize || started.isError) {
    const bytes = asBuffer(message.bytes)
    const { id } = clientSpans(bytes)
    const raw = id === undefined ? Buffer.from('null') : bytes.subarray(id.start, id.end)
    const response = await session.answer(started.answerTo(raw), context, {})
    end()
    return response
  }
  connection.notify(Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'))
  // Without a session nobody can come back for the answer
  request.signal.addEventListener('abort', end, { once: true })
  const answered = () => {
    setImmediate(end)
    return {}
  }
  return session.request(message, context, answered)
}

function ownInitialize(request: Request): Message {
  const params = {
    protocolVersion: request.headers.get('mcp-protocol-version') ?? '2025-03-26',
    capabilities: {},
    clientInfo: { name: 'mcp-gateway', version: '0' },
  }
  return parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })))
}
