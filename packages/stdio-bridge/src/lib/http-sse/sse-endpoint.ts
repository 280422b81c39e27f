import type { Context, Message } from '@mcp-gateway/core'
import { accepts, jsonRpcError, type Owner, ownerOf } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import type { SessionConnection } from '../connection/session-connection.js'
import type { Settings } from '../options/options.js'
import { deadline } from '../process/deadline.js'
import { notKeepingUp, temporary } from '../refusals/refusals.js'
import { Handshake } from '../sessions/handshake.js'
import { SessionRegistry } from '../sessions/session-registry.js'
import type { Translation } from '../translation/translation.js'
import { SseSession } from './sse-session.js'

/** The HTTP+SSE transport of 2024-11-05, for clients that know nothing newer. */
export class SseEndpoint {
  readonly sessions: SessionRegistry<SseSession> = new SessionRegistry()
  readonly #settings: Settings
  readonly #connect: (principal: string) => Promise<Connection>
  readonly #translation: Translation

  constructor(settings: Settings, connect: (principal: string) => Promise<Connection>, translation: Translation) {
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
    const { requestTimeout, maxRequestTime, maxSessionAge } = this.#settings
    const limits = { askTimeout: requestTimeout * 1000, answerTimeout: maxRequestTime * 1000 }
    for (const session of [...this.sessions]) {
      if (now - session.openedAt > maxSessionAge * 1000) {
        session.end()
        continue
      }
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
    this.#admit(owner.principal)
    const connection = await this.#connectFor(owner)
    try {
      // Others were opened while this one started
      this.#admit(owner.principal)
    } catch (refusal) {
      void connection.child.stop()
      throw refusal
    }
    if (request.signal.aborted) {
      void connection.child.stop()
      return new Response(null, { status: 499 })
    }
    const session = new SseSession({
      ...{ owner, connection, context },
      onEnd: (over) => {
        this.sessions.delete(over)
        void over.connection.child.stop()
      },
      handshake: (child, giveUp) => {
        const until = deadline(this.#settings.handshakeTimeout)
        const seek = (until: number) => this.#translation.connect(owner, undefined, until)
        return new Handshake({ child, until, isDoubtful: !this.#translation.isKnown, seek, giveUp })
      },
    })
    this.sessions.add(session)
    request.signal.addEventListener('abort', () => session.end(), { once: true })
    return session.stream.response
  }

  async #connectFor(owner: Owner): Promise<SessionConnection> {
    const translated = this.#translation.isKnown ? await this.#translation.connect(owner) : undefined
    if (translated !== undefined) return translated
    const connection = await this.#connect(owner.principal)
    // A client that never initializes must not keep others from their start
    connection.child.yieldTurn()
    return connection
  }

  #admit(principal: string): void {
    const { maxSessions, maxSessionsPerPrincipal } = this.#settings
    if (this.sessions.size >= maxSessions) throw tooMany
    if (this.sessions.countOf(principal) >= maxSessionsPerPrincipal) throw tooManyOfYours
  }

  #post(request: Request, context: Context, message: Message): Response {
    const id = message.kind === 'request' ? message.id : null
    const session = this.sessions.find(sessionIdOf(request) ?? '', context)
    if (session === undefined)
      return jsonRpcError({ status: 404, message: 'There is no such session; open it again', id })
    const { maxRequestsInFlight, maxQueuedBytes } = this.#settings
    if (message.kind === 'request' && session.inFlight >= maxRequestsInFlight) throw tooManyOfYours
    // A cancellation makes room; what the child gets of it is short then
    const isBehind = session.connection.child.queued > maxQueuedBytes
    if (isBehind && message.method !== 'notifications/cancelled') throw notKeepingUp
    session.take(message, context)
    return new Response(null, { status: 202 })
  }
}

function sessionIdOf(request: Request): string | null {
  const at = request.url.indexOf('?')
  return at === -1 ? null : new URLSearchParams(request.url.slice(at)).get('sessionId')
}

const tooManyText = 'Too many sessions or requests are open; try again later'
const tooMany = temporary(503, tooManyText, 30)
const tooManyOfYours = temporary(429, tooManyText, 30)
