import { createHash } from 'node:crypto'
import type { Context, Message } from '@mcp-gateway/core'
import { Connection } from '../mux/connection.js'
import { exclusive, type Routing, sharedByAll, sharedByUser } from '../mux/routing.js'
import type { Traffic } from '../mux/traffic.js'
import type { Settings } from '../options.js'
import type { Starter } from '../process/starter.js'
import { cannotStart, isRefusal, type Refusal, refuse, tooSlowToStart } from '../refusal.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { agreedVersion, withoutCapabilities } from './initialize-message.js'
import { LegacySession } from './legacy-session.js'
import { notKeepingUp, tooMany, tooManyOfYours, tooManyRequests } from './session-limits.js'
import { newSessionId, ownerOf, SessionRegistry } from './session-registry.js'
import { SharedChild, tellSubscription } from './shared-child.js'
import { singleRequest } from './single-request.js'

/** How long a silent answer waits before it becomes a stream: proxies wait a hundred seconds for a first byte. */
const openAfter = 10_000

/** Opens, finds and ends legacy sessions, and gives each its child. */
export class SessionSource {
  readonly sessions: SessionRegistry<LegacySession> = new SessionRegistry()
  readonly #settings: Settings
  readonly #starter: Starter
  readonly #traffic: Traffic
  readonly #shared: Map<string, SharedChild> = new Map()
  readonly #sharedOf: WeakMap<LegacySession, SharedChild> = new WeakMap()
  /** Those that last for one request. */
  readonly #single: Set<LegacySession> = new Set()
  #opening = 0

  constructor(settings: Settings, starter: Starter, traffic: Traffic) {
    this.#settings = settings
    this.#starter = starter
    this.#traffic = traffic
  }

  /** A connection to a new child. */
  async connect(principal: string, routing: Routing = exclusive): Promise<Connection | Refusal> {
    const child = await this.#starter.start(principal)
    return isRefusal(child) ? child : new Connection(child, routing, this.#settings.logger, this.#traffic)
  }

  /** Opens a session. */
  async open(message: Message, context: Context): Promise<Response> {
    const owner = ownerOf(context)
    const { maxSessions, isolation } = this.#settings
    if (this.sessions.size + this.#opening >= maxSessions) return refuse(tooMany, message)
    if (this.#hasAll(owner.principal)) return refuse(tooManyOfYours, message)
    // Those that open together are counted again when their child is there
    this.#opening++
    try {
      const shared = isolation === 'principal' || isolation === 'pool'
      return shared ? await this.#openShared(message, context) : await this.#openExclusive(message, context)
    } finally {
      this.#opening--
    }
  }

  /** Serves one message with a process of its own. */
  single(message: Message, request: Request, context: Context): Promise<Response> {
    const { maxSessions, handshakeTimeout } = this.#settings
    if (this.#single.size >= maxSessions) return Promise.resolve(refuse(tooMany, message))
    return singleRequest(message, request, context, {
      connect: () => this.connect(ownerOf(context).principal),
      handshakeTimeout,
      keep: (session) => this.#single.add(session),
      drop: (session) => this.#single.delete(session),
    })
  }

  /** Requests of all sessions that wait for an answer. */
  get inFlight(): number {
    return [...this.sessions, ...this.#single].reduce((sum, session) => sum + session.inFlight, 0)
  }

  /** Ends a session, and its child where that is its own. */
  end(session: LegacySession): void {
    this.sessions.delete(session)
    session.end()
    if (!session.connection.isShared) void session.connection.child.stop()
    else for (const uri of session.subscriptions) this.#unsubscribe(session, uri)
  }

  /** Refuses a request that would be one too many. */
  admit(session: LegacySession): Refusal | undefined {
    const { maxRequestsInFlight, maxQueuedBytes } = this.#settings
    if (session.inFlight >= maxRequestsInFlight) return tooManyRequests
    return session.connection.child.queued > maxQueuedBytes ? notKeepingUp : undefined
  }

  /** Passes a request or notification on, to a new child where the old one of a stateless server is gone. */
  async pass(session: LegacySession, message: Message, context: Context): Promise<Response> {
    const shared = this.#sharedOf.get(session)
    if (shared !== undefined && session.connection.isOver) {
      const started = await shared.get()
      if (isRefusal(started)) return refuse(started, message)
      session.attach(started.connection)
      for (const uri of session.subscriptions) tellSubscription(started.connection, 'resources/subscribe', uri)
    }
    if (message.kind === 'notification') {
      if (shared?.takes(message) !== false) session.notify(message)
      return new Response(null, { status: 202 })
    }
    shared?.takes(message)
    const local = this.#keepSubscriptions(session, message)
    return local === undefined ? session.request(message, context) : session.answer(local, context, {})
  }

  /** What has to be looked at every now and then: time limits and signs of life. */
  tick(now: number, keepAlive: boolean): void {
    const { requestTimeout, maxRequestTime, idleTimeout, maxSessionAge } = this.#settings
    for (const session of [...this.sessions, ...this.#single]) {
      if (session.isBusy) session.usedAt = now
      const isIdle = now - session.usedAt > idleTimeout * 1000
      const isOld = session.protocolVersion !== undefined && now - session.openedAt > maxSessionAge * 1000
      if (isIdle || isOld) {
        this.end(session)
        continue
      }
      session.tick(now, { openAfter, keepAlive, askTimeout: requestTimeout * 1000, stallTimeout: 60_000 })
      for (const pending of session.connection.pending.values()) {
        // The handshake has a limit of its own
        if (pending.peer !== session || pending.method === 'initialize') continue
        const silent = now - pending.activeAt > requestTimeout * 1000 && !session.isAsking
        if (silent || now - pending.startedAt > maxRequestTime * 1000) session.connection.giveUp(pending)
      }
    }
    this.#stopEmpty(now)
  }

  /** Ends every session. */
  close(): void {
    for (const session of [...this.sessions, ...this.#single]) this.end(session)
  }

  #hasAll(principal: string): boolean {
    return this.sessions.countOf(principal) >= this.#settings.maxSessionsPerPrincipal
  }

  async #openExclusive(message: Message, context: Context): Promise<Response> {
    const owner = ownerOf(context)
    const connection = await this.connect(owner.principal)
    if (isRefusal(connection)) return refuse(connection, message)
    const { child } = connection
    if (this.#hasAll(owner.principal)) {
      void child.stop()
      return refuse(tooManyOfYours, message)
    }
    const session = this.#newSession(context, connection)
    let failed: Refusal = cannotStart
    const answer = session.request(message, context, (bytes): Record<string, string> => {
      session.protocolVersion = agreedVersion(bytes)
      if (session.protocolVersion !== undefined) return { 'Mcp-Session-Id': session.id }
      queueMicrotask(() => this.end(session))
      return {}
    })
    const timer = setTimeout(() => {
      if (child.hasAnswered) return
      child.wasTooSlow = true
      failed = tooSlowToStart
      session.failAll('timeout')
      this.end(session)
    }, this.#settings.handshakeTimeout * 1000)
    const response = await answer
    if (session.protocolVersion !== undefined || child.hasAnswered) clearTimeout(timer)
    // An event stream has begun already where the child took its time
    if (child.hasAnswered || response.headers.get('content-type') !== 'application/json') return response
    clearTimeout(timer)
    return refuse(failed, message)
  }

  async #openShared(message: Message, context: Context): Promise<Response> {
    const shared = this.#sharedFor(message, context)
    const started = await shared.get()
    if (isRefusal(started)) return refuse(started, message)
    if (this.#hasAll(ownerOf(context).principal)) return refuse(tooManyOfYours, message)
    const session = this.#newSession(context, started.connection)
    this.#sharedOf.set(session, shared)
    const bytes = asBuffer(message.bytes)
    const { id } = clientSpans(bytes)
    const answer = started.answerTo(id === undefined ? Buffer.from('null') : bytes.subarray(id.start, id.end))
    session.protocolVersion = agreedVersion(answer)
    const headers: Record<string, string> = started.isError ? {} : { 'Mcp-Session-Id': session.id }
    const response = session.answer(answer, context, headers)
    if (started.isError) this.end(session)
    return response
  }

  /** A child knows what its client declared when it was initialized: those who declared something else get another. */
  #sharedFor(message: Message, context: Context): SharedChild {
    const { isolation, handshakeTimeout } = this.#settings
    const { principal, audience, scopes } = ownerOf(context)
    const { protocolVersion, capabilities } = message.json().params ?? {}
    const isPool = isolation === 'pool'
    const whose = isPool ? [protocolVersion] : [principal, audience, [...scopes].sort(), protocolVersion, capabilities]
    const key = createHash('sha256').update(JSON.stringify(whose)).digest('base64')
    const existing = this.#shared.get(key)
    if (existing !== undefined) return existing
    const initialize = isPool ? withoutCapabilities(message) : message
    const connect = () => this.connect(principal, isPool ? sharedByAll : sharedByUser)
    const shared = new SharedChild(initialize, connect, handshakeTimeout)
    this.#shared.set(key, shared)
    return shared
  }

  #newSession(context: Context, connection: Connection): LegacySession {
    const { historyBytes, isolation } = this.#settings
    const settings = { historyBytes, highWaterMark: 1_048_576, retry: 1000 }
    const session = new LegacySession(newSessionId(), ownerOf(context), connection, settings, (lost) => {
      // A stateless server has lost nothing with its child; every other one has, and its client must begin anew
      if (isolation !== 'pool') this.end(lost)
    })
    this.sessions.add(session)
    return session
  }

  /** Counts who wants to hear of a resource, so that one session's leaving does not silence the others. */
  #keepSubscriptions(session: LegacySession, message: Message): Buffer | undefined {
    if (!session.connection.isShared || message.method?.endsWith('subscribe') !== true) return undefined
    const uri = message.json().params?.uri
    if (typeof uri !== 'string') return undefined
    if (message.method === 'resources/subscribe') session.subscriptions.add(uri)
    if (message.method !== 'resources/unsubscribe') return undefined
    session.subscriptions.delete(uri)
    if (!this.#isWanted(session.connection, uri)) return undefined
    return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
  }

  #unsubscribe(session: LegacySession, uri: string): void {
    if (session.connection.isOver || this.#isWanted(session.connection, uri)) return
    tellSubscription(session.connection, 'resources/unsubscribe', uri)
  }

  #isWanted(connection: Connection, uri: string): boolean {
    return [...connection.peers].some((peer) => peer.subscriptions.has(uri))
  }

  #stopEmpty(now: number): void {
    const { idleTimeout } = this.#settings
    for (const [key, shared] of this.#shared) {
      const { connection } = shared
      if (connection !== undefined && connection.peers.size > 0) shared.emptySince = now
      if (now - shared.emptySince < idleTimeout * 1000) continue
      this.#shared.delete(key)
      void connection?.child.stop()
    }
  }
}
