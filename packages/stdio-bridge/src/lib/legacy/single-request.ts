import type { Context, Message } from '@mcp-gateway/core'
import { parseMessage } from '@mcp-gateway/core/gateway'
import {
  assumedVersion,
  gatewayInfo,
  knownMembers,
  ownerOf,
  rawNotification,
  rawRequest,
} from '@mcp-gateway/core/internal'
import { eitherEra } from '../children/either-era.js'
import { mayBeOtherEra, SharedChild } from '../children/shared-child.js'
import type { Connection } from '../connection/connection.js'
import type { SessionConnection } from '../connection/session-connection.js'
import { deadline, silenceBefore } from '../process/deadline.js'
import { TranslatedConnection } from '../translation/translated-connection.js'
import type { Translation } from '../translation/translation.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { LegacySession } from './legacy-session.js'

/** What one request on a process of its own needs. */
export interface SingleRequestHost {
  readonly connect: (until: number) => Promise<Connection>
  readonly translation: Translation
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
 *
 * @throws {Refusal} when the process cannot be started now
 */
export async function singleRequest(
  message: Message,
  request: Request,
  context: Context,
  host: SingleRequestHost,
): Promise<Response> {
  // What is no request is about something that is over
  if (message.kind !== 'request') return new Response(null, { status: 202 })
  if (host.translation.isKnown) {
    const translated = await translatedRequest(message, request, context, host)
    if (translated !== undefined) return translated
  }
  const isInitialize = message.method === 'initialize'
  const initialize = isInitialize ? message : ownInitialize(request)
  let child: Connection['child'] | undefined
  const connect = async (until: number) => {
    const connection = await host.connect(until)
    child = connection.child
    // Without a session nobody can come back for the answer
    if (request.signal.aborted) void child.stop()
    return connection
  }
  const leave = () => void child?.stop()
  request.signal.addEventListener('abort', leave, { once: true })
  const until = deadline(host.handshakeTimeout)
  const started = await eitherEra(new SharedChild(initialize, connect, host.handshakeTimeout).get(), {
    refuses: (outcome) => ('error' in outcome ? mayBeOtherEra(outcome.error) : outcome.answer.isError),
    ask: async () => (request.signal.aborted ? undefined : await translatedConnection(request, context, host, until)),
    dropFirst: ({ connection }) => void connection.child.stop(),
    drop: ({ child }) => void child.stop(),
    after: silenceBefore(until),
  }).finally(() => request.signal.removeEventListener('abort', leave))
  if (started instanceof TranslatedConnection) {
    void child?.stop()
    return run(begin(started, context, host), message, request, context)
  }
  const { connection } = started
  const { session, end } = begin(connection, context, host)
  if (isInitialize || started.isError) {
    const bytes = asBuffer(message.bytes)
    const { id } = clientSpans(bytes, knownMembers(message))
    const raw = id === undefined ? Buffer.from('null') : bytes.subarray(id.start, id.end)
    const response = await session.answer(started.answerTo(raw), context, {})
    end()
    return response
  }
  connection.notify(asBuffer(rawNotification('notifications/initialized')))
  return run({ session, end }, message, request, context)
}

/** The same at a server that refuses `initialize`; `undefined` when it speaks no modern revision either. */
async function translatedRequest(
  message: Message,
  request: Request,
  context: Context,
  host: SingleRequestHost,
): Promise<Response | undefined> {
  const connection = await translatedConnection(request, context, host)
  return connection && run(begin(connection, context, host), message, request, context)
}

function translatedConnection(
  request: Request,
  context: Context,
  host: SingleRequestHost,
  until?: number,
): Promise<TranslatedConnection | undefined> {
  const protocolVersion = versionOf(request)
  return host.translation.connect(ownerOf(context), { listens: false, protocolVersion }, until)
}

/** A session for one request, and what ends it. */
interface SingleSession {
  readonly session: LegacySession
  readonly end: () => void
}

function begin(connection: SessionConnection, context: Context, host: SingleRequestHost): SingleSession {
  const session = new LegacySession({ owner: ownerOf(context), connection, settings, onLost: () => end() })
  const end = () => {
    host.drop(session)
    session.end()
    void connection.child.stop()
  }
  host.keep(session)
  return { session, end }
}

function run({ session, end }: SingleSession, message: Message, request: Request, context: Context): Promise<Response> {
  if (request.signal.aborted) end()
  else request.signal.addEventListener('abort', end, { once: true })
  const answered = () => {
    setImmediate(end)
    return {}
  }
  return session.request(message, context, { answered })
}

function versionOf(request: Request): string {
  return request.headers.get('mcp-protocol-version') ?? assumedVersion
}

function ownInitialize(request: Request): Message {
  const params = {
    protocolVersion: versionOf(request),
    capabilities: {},
    clientInfo: gatewayInfo,
  }
  return parseMessage(rawRequest(0, 'initialize', JSON.stringify(params)))
}
