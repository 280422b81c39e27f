import type { Context, Handler } from '../../contract/handler.js'
import type { Message } from '../../contract/message.js'
import { jsonRpcError } from '../../http/json-rpc-error.js'
import { rawNotification, rawResponse } from '../../json/json-rpc.js'
import { at, parseSpan } from '../../json/raw-json.js'
import { knownMembers, named } from '../../message/known-members.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { isSameOwner, type Owner, ownerOf } from '../../tokens/owner.js'
import { type LegacyClient, type LegacyClientCall, legacyClient } from '../legacy-client/legacy-client.js'
import { listTools } from '../list-tools.js'
import { membersOf } from '../members-of.js'
import { modernServer } from '../modern-server/modern-server.js'
import { ToolHeaders } from '../tool-headers.js'
import { HttpLink, withoutClient } from './http-link.js'
import { Reply } from './reply.js'

/** How many legacy clients may have sessions here, and for how long. */
export interface LegacySessionLimits {
  readonly maxSessions: number
  readonly maxSessionsPerPrincipal: number
  readonly maxRequestsInFlight: number
  /** Seconds. */
  readonly idleTimeout: number
  readonly requestTimeout: number
  readonly maxRequestTime: number
}

interface Session {
  readonly id: string
  readonly owner: Owner
  readonly link: HttpLink
  readonly client: LegacyClient
  /** The requests under way, each with the client's id. */
  readonly calls: Map<Reply, { readonly id: string; readonly cancel: () => void; readonly method: string }>
  /** What the client was asked, on which stream and when. */
  readonly questions: Map<number, { readonly stream: Reply; readonly since: number }>
  /** The GET stream, and what was said while there was none. */
  standalone?: Reply
  readonly unsent: Uint8Array[]
  unsentBytes: number
  usedAt: number
}

const prefix = 'era-'
const maxUnsent = 256
const maxUnsentBytes = 1_048_576
/** Bytes of notifications that a server may leave untaken. */
const maxQueued = 8_388_608
/** Questions that one client may have open at once, and how long each waits for the answer, in ms. */
const maxQuestions = 64
const answerTimeout = 300_000
const decoder = new TextDecoder()

/** The sessions of legacy clients in front of a modern server over HTTP. */
export class LegacySessions {
  readonly #upstream: Handler
  readonly #limits: LegacySessionLimits
  readonly #sessions: Map<string, Session> = new Map()
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(upstream: Handler, limits: LegacySessionLimits) {
    this.#upstream = upstream
    this.#limits = limits
  }

  /** Whether a session id is one of these; others are the upstream's own. */
  static isOurs(id: string): boolean {
    return id.startsWith(prefix)
  }

  /** Opens a session with this `initialize`. */
  async open(request: Request, context: Context, message: Message): Promise<Response> {
    const { maxSessions, maxSessionsPerPrincipal } = this.#limits
    const owner = ownerOf(context)
    const mine = [...this.#sessions.values()].filter((one) => one.owner.principal === owner.principal).length
    if (this.#sessions.size >= maxSessions) return refuse(503, 'The server has all the sessions it may have', message)
    if (owner.principal !== '' && mine >= maxSessionsPerPrincipal) {
      return refuse(429, 'You have too many sessions; end one with DELETE', message)
    }
    const link = new HttpLink({
      upstream: this.#upstream,
      url: request.url,
      context: withoutClient(context),
      era: 'modern',
      time: this.#limits,
    })
    const server = modernServer(link)
    let toolsChanged: () => void = () => undefined
    link.tools = new ToolHeaders({
      page: listTools(server, owner.principal).page,
      // The client is told already: that one subscription serves both
      onChange: (changed) => {
        toolsChanged = changed
      },
    })
    const session: Session = {
      id: `${prefix}${crypto.randomUUID()}`,
      owner,
      link,
      client: legacyClient(server, {
        principal: owner.principal,
        notified: (notification) => {
          if (methodOf(notification) === 'notifications/tools/list_changed') toolsChanged()
          tell(session, notification)
        },
      }),
      calls: new Map(),
      questions: new Map(),
      unsent: [],
      unsentBytes: 0,
      usedAt: performance.now(),
    }
    this.#sessions.set(session.id, session)
    this.#timer ??= setInterval(() => this.#sweep(), 1000)
    ;(this.#timer as { unref?: () => void }).unref?.()
    const reply = new Reply(context, () => undefined)
    session.client.request(message.bytes, {
      related: () => undefined,
      asked: () => undefined,
      withdrawn: () => undefined,
      answered: (answer, code) => {
        if (code !== undefined) this.#end(session)
        reply.finish(answer, 200, code === undefined ? { 'Mcp-Session-Id': session.id } : {})
      },
    })
    return reply.response
  }

  /** Serves whatever a client sends in its session. */
  handle(request: Request, context: Context, id: string): Promise<Response> | Response {
    const { message } = context
    const session = this.#sessions.get(id)
    // MCP L9: for another user there is no such session
    if (session === undefined || !isSameOwner(session.owner, ownerOf(context))) {
      return refuse(404, 'There is no such session; send initialize again', message)
    }
    session.usedAt = performance.now()
    session.link.context = withoutClient(context)
    if (request.method === 'DELETE') {
      this.#end(session)
      return new Response(null, { status: 204 })
    }
    if (request.method === 'GET') return listen(session, context)
    if (message === undefined) return refuse(405, 'Use POST, GET or DELETE', message)
    if (message.kind === 'request') return this.#request(session, context, message)
    if (message.method === 'notifications/cancelled') {
      cancel(session, message)
      return new Response(null, { status: 202 })
    }
    if (session.link.queued > maxQueued) return refuse(503, 'The server does not keep up with its input', message)
    if (message.kind === 'response') {
      if (typeof message.id === 'number' && session.questions.delete(message.id)) {
        session.client.reply(message.id, message.bytes)
      }
    } else session.client.notify(message.bytes)
    // MCP L2
    return new Response(null, { status: 202 })
  }

  #request(session: Session, context: Context, message: Message): Promise<Response> | Response {
    if (message.method === 'initialize') return refuse(400, 'A session is initialized once', message)
    if (session.calls.size >= this.#limits.maxRequestsInFlight) {
      return refuse(429, 'Too many requests of this session wait for their answers', message)
    }
    // A disconnect is no cancellation (MCP L3)
    const reply = new Reply(context, () => undefined)
    const members = knownMembers(message)
    const id = named(members, 'id')
    let isOver = false
    const call: LegacyClientCall = {
      related: (notification) => reply.send(notification),
      asked: (question, number) => ask(session, reply, question, number),
      withdrawn: (notice, number) => {
        session.questions.delete(number)
        reply.send(notice)
      },
      answered: (answer) => {
        isOver = true
        session.calls.delete(reply)
        reply.finish(answer)
      },
    }
    const cancelCall = session.client.request(message.bytes, call, members)
    const rawId = id === undefined ? '' : decoder.decode(at(message.bytes, id))
    if (!isOver) session.calls.set(reply, { id: rawId, cancel: cancelCall, method: message.method ?? '' })
    return reply.response
  }

  #end(session: Session): void {
    this.#sessions.delete(session.id)
    session.client.close()
    for (const [reply, call] of session.calls) {
      call.cancel()
      const error = `{"code":${errorCodes.internalError},"message":"The session was closed before the server answered"}`
      reply.finish(rawResponse(call.id, { error }))
    }
    session.calls.clear()
    session.standalone?.finish()
    session.link.close()
    if (this.#sessions.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #sweep(): void {
    const now = performance.now()
    for (const session of this.#sessions.values()) {
      if (session.calls.size > 0 || session.standalone?.isOpen === true) session.usedAt = now
      if (now - session.usedAt > this.#limits.idleTimeout * 1000) this.#end(session)
      else expire(session, now)
    }
  }
}

function methodOf(message: Uint8Array): unknown {
  return parseSpan(message, membersOf(message, ['method']).method)
}

function listen(session: Session, context: Context): Promise<Response> {
  // MCP L5: one stream for each message, so the newer takes over
  session.standalone?.finish()
  const reply: Reply = new Reply(context, () => {
    if (session.standalone === reply) session.standalone = undefined
  })
  session.standalone = reply
  reply.open()
  session.unsentBytes = 0
  for (const message of session.unsent.splice(0)) reply.send(message)
  return reply.response
}

/** Asks on the stream of the call, or on the one that the client listens on where it has left the other. */
function ask(session: Session, reply: Reply, question: Uint8Array, number: number): void {
  const { questions, standalone, client } = session
  const listening = standalone?.isOpen === true ? standalone : undefined
  const stream = reply.isAttached ? reply : listening
  if (stream === undefined) {
    client.refuse(number, 'No client was there to ask')
  } else if (questions.size >= maxQuestions) {
    client.refuse(number, `${maxQuestions} requests wait for this client already; wait for its answers`)
  } else {
    questions.set(number, { stream, since: performance.now() })
    stream.send(question, () => {
      if (questions.delete(number)) client.refuse(number, 'The request was withheld by policy')
    })
  }
}

/** Refuses what the client has not answered in time, and tells it that its answer is not wanted any more. */
function expire({ questions, client }: Session, now: number): void {
  for (const [number, { stream, since }] of questions) {
    if (now - since <= answerTimeout) continue
    questions.delete(number)
    const params = `{"requestId":${number},"reason":"The answer took too long"}`
    if (stream.isOpen) stream.send(rawNotification('notifications/cancelled', params))
    client.refuse(number, 'The client did not answer in time')
  }
}

/** Gives a notification that belongs to no request to the client, now or when it listens. */
function tell(session: Session, notification: Uint8Array): void {
  if (session.standalone?.isOpen === true) {
    session.standalone.send(notification)
    return
  }
  session.unsent.push(notification.slice())
  session.unsentBytes += notification.length
  while (session.unsent.length > maxUnsent || session.unsentBytes > maxUnsentBytes) {
    session.unsentBytes -= session.unsent.shift()?.length ?? 0
  }
}

function cancel(session: Session, message: Message): void {
  const { params } = membersOf(message.bytes, ['params'])
  const raw = params && at(message.bytes, params)
  const span = raw && membersOf(raw, ['requestId']).requestId
  if (raw === undefined || span === undefined) return
  const id = decoder.decode(at(raw, span))
  const found = [...session.calls].findLast(([, call]) => call.id === id)
  if (found === undefined) return
  const [reply, call] = found
  session.calls.delete(reply)
  call.cancel()
  reply.finish()
}

function refuse(status: number, message: string, request: Message | undefined): Response {
  const id = request?.kind === 'request' ? request.id : null
  return jsonRpcError({ status, message, id }, status === 429 || status === 503 ? { 'Retry-After': '30' } : {})
}
