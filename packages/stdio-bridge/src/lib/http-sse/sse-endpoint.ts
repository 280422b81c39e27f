import { type Context, jsonRpcError, type Message } from '@mcp-gateway/core'
import type { Connection } from '../connection/connection.js'
import type { SessionConnection } from '../connection/session-connection.js'
import { accepts } from '../http/accepts.js'
import type { SessionOwner } from '../legacy/session-types.js'
import type { Settings } from '../options/options.js'
import { isRefusal, type Refusal, refuse } from '../refusal.js'
import { notKeepingUp } from '../sessions/session-limits.js'
import { newSessionId, ownerOf, SessionRegistry } from '../sessions/session-registry.js'
import type { Translation } from '../translation/translation.js'
import { SseSession } from './sse-session.js'

/** The HTTP+SSE transport of 2024-11-05, for clients that know nothing newer. */
export class SseEndpoint {
  readonly sessions: SessionRegistry<SseSession> = new SessionRegistry()
  readonly #settings: Settings
  readonly #connect: (principal: string) => Promise<Connection | Refusal>
  readonly #translation: Translation

  constructor(
    settings: Settings,
    connect: (principal: string) => Promise<Connection | Refusal>,
    translation: Translation,
  ) {
    this.#settings = settings
    this.#connect = connect
    this.#translation = translation
  }

  /** Whether a request is one of this transport: a GET without a session, or a POST to the address that it was told. */
  takes(request: Request): boolean {
    if (request.headers.has('mcp-session-id') || request.headers.has('mcp-protocol-version')) {
      return sessionIdOf(request) !== null
    }
    if (request.method === 'GET') return accepts(request.headers, 'text/event-stream')
    return sessionIdOf(request) !== null
  }

  async handle(request: Request, context: Context): Promise<Response> {
    const { message } = context
    return message === undefined ? this.#open(request, context) : this.#post(request, context, message)
  }

  tick(now: number, keepAlive: boolean): void {
    const { requestTimeout, maxRequestTime } = this.#settings
    const limits = { askTimeout: requestTimeout * 1000, answerTimeout: maxRequestTime * 1000 }
    for (const session of [...this.sessions]) {
      if (keepAlive) session.stream.keepAlive()
      session.expire(now, limits)
      if (session.stream.isFull && now - session.stream.readAt > 60_000) session.end()
      for (const pending of session.connection.pending.values()) {
        if (session.isAsking) pending.activeAt = now
        const silent = now - pending.activeAt > requestTimeout * 1000
        if (silent || now - pending.startedAt > maxRequestTime * 1000) session.connection.giveUp(pending)
      }
    }
  }

  close(): void {
    for (const session of [...this.sessions]) session.end()
  }

  async #open(request: Request, context: Context): Promise<Response> {
    const owner = ownerOf(context)
    const early = this.#refused(owner.principal)
    if (early !== undefined) return refuse(early)
    const connection = await this.#connectFor(owner)
    if (isRefusal(connection)) return refuse(connection)
    // Others were opened while this one started
    const late = this.#refused(owner.principal)
    if (late !== undefined || request.signal.aborted) {
      void connection.child.stop()
      return late === undefined ? new Response(null, { status: 499 }) : refuse(late)
    }
    const end = (over: SseSession) => {
      this.sessions.delete(over)
      void over.connection.child.stop()
    }
    const session = new SseSession(newSessionId(), owner, connection, context, end, async (refusing) => {
      void refusing.child.stop()
      const found = await this.#translation.connect(owner)
      return found === undefined || isRefusal(found) ? undefined : found
    })
    this.sessions.add(session)
    request.signal.addEventListener('abort', () => session.end(), { once: true })
    return session.stream.response
  }

  async #connectFor(owner: SessionOwner): Promise<SessionConnection | Refusal> {
    const translated = this.#translation.isKnown ? await this.#translation.connect(owner) : undefined
    if (translated !== undefined) return translated
    const connection = await this.#connect(owner.principal)
    // A client that never initializes must not keep others from their start
    if (!isRefusal(connection)) connection.child.yieldTurn()
    return connection
  }

  #refused(principal: string): Refusal | undefined {
    const { maxSessions, maxSessionsPerPrincipal } = this.#settings
    if (this.sessions.size >= maxSessions) return tooMany(503)
    return this.sessions.countOf(principal) >= maxSessionsPerPrincipal ? tooMany(429) : undefined
  }

  #post(request: Request, context: Context, message: Message): Response {
    const id = message.kind === 'request' ? message.id : null
    const session = this.sessions.find(sessionIdOf(request) ?? '', context)
    if (session === undefined)
      return jsonRpcError({ status: 404, message: 'There is no such session; open it again', id })
    const { maxRequestsInFlight, maxQueuedBytes } = this.#settings
    if (message.kind === 'request' && session.inFlight >= maxRequestsInFlight) return refuse(tooMany(429), message)
    // A cancellation makes room; what the child gets of it is short then
    const isBehind = session.connection.child.queued > maxQueuedBytes
    if (isBehind && message.method !== 'notifications/cancelled') return refuse(notKeepingUp, message)
    session.take(message, context)
    return new Response(null, { status: 202 })
  }
}

function sessionIdOf(request: Request): string | null {
  const at = request.url.indexOf('?')
  return at === -1 ? null : new URLSearchParams(request.url.slice(at)).get('sessionId')
}

function tooMany(status: 429 | 503): Refusal {
  return { status, message: 'Too many sessions or requests are open; try again later', retryAfter: 30 }
}
