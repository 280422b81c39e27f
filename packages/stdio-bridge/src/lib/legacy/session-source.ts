import type { Context, Message } from '@mcp-gateway/core'
import { knownMembers, ownerOf } from '@mcp-gateway/core/internal'
import { eitherEra } from '../children/either-era.js'
import { mayBeOtherEra, type SharedChild } from '../children/shared-child.js'
import { SharedChildren } from '../children/shared-children.js'
import type { Connect } from '../connection/connection.js'
import { exclusive, sharedByAll, sharedByUser, sharedWithoutTokens } from '../connection/routing.js'
import type { SessionConnection } from '../connection/session-connection.js'
import type { Settings } from '../options/options.js'
import { deadline, silenceBefore } from '../process/deadline.js'
import {
  cannotStart,
  notKeepingUp,
  tooManyRequests,
  tooManySessions,
  tooManySessionsOfYours,
  tooSlowToStart,
} from '../refusals/refusals.js'
import { Handshake } from '../sessions/handshake.js'
import { SessionRegistry } from '../sessions/session-registry.js'
import { TranslatedConnection } from '../translation/translated-connection.js'
import type { Translation } from '../translation/translation.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { LegacySession } from './legacy-session.js'
import { unwatch, watch, watchAgain } from './shared-subscriptions.js'
import { singleRequest } from './single-request.js'

/** How long a silent answer waits before it becomes a stream: proxies wait a hundred seconds for a first byte. */
const openAfter = 10_000

/** How long clients wait before they come back to a server that shuts down, in ms. */
const comeBackAfter = 5000

/** Opens, finds and ends legacy sessions, and gives each its child. */
export class SessionSource {
  readonly sessions: SessionRegistry<LegacySession> = new SessionRegistry()
  readonly #settings: Settings
  readonly #connect: Connect
  readonly #shared: SharedChildren
  readonly #translation: Translation
  readonly #sharedOf: WeakMap<LegacySession, SharedChild> = new WeakMap()
  /** Those that last for one request. */
  readonly #single: Set<LegacySession> = new Set()
  #opening = 0
  /** Whether the server has ever answered `initialize`: then its silence means no other era. */
  #isLegacy = false

  constructor(settings: Settings, connect: Connect, translation: Translation) {
    this.#settings = settings
    this.#connect = connect
    this.#translation = translation
    this.#shared = new SharedChildren(settings, (principal, until) => {
      const ofOne = principal === '' ? sharedWithoutTokens : sharedByUser
      return connect(principal, settings.isolation === 'pool' ? sharedByAll : ofOne, { until })
    })
  }

  /**
   * Opens a session.
   *
   * @throws {Refusal} when there are too many, or the server cannot be started now
   */
  async open(message: Message, context: Context): Promise<Response> {
    const owner = ownerOf(context)
    const { maxSessions, isolation } = this.#settings
    if (this.sessions.size + this.#opening >= maxSessions) throw tooManySessions
    if (this.#hasAll(owner.principal)) throw tooManySessionsOfYours
    // Those that open together are counted again when their child is there
    this.#opening++
    try {
      const translated = this.#translation.isKnown ? await this.#openTranslated(message, context) : undefined
      if (translated !== undefined) return translated
      const shared = isolation === 'principal' || isolation === 'pool'
      return shared ? await this.#openShared(message, context) : await this.#openExclusive(message, context)
    } finally {
      this.#opening--
    }
  }

  /**
   * Serves one message with a process of its own.
   *
   * @throws {Refusal} when it cannot be served now
   */
  async single(message: Message, request: Request, context: Context): Promise<Response> {
    const { maxSessions, handshakeTimeout } = this.#settings
    if (this.#single.size >= maxSessions) throw tooManySessions
    return singleRequest(message, request, context, {
      connect: (until) => this.#connect(ownerOf(context).principal, exclusive, { until }),
      translation: this.#translation,
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
    const shared = this.#sharedOf.get(session)
    if (shared === undefined) {
      void session.connection.child.stop()
    } else if (this.#sharedOf.delete(session)) {
      shared.sessions--
      unwatch(session)
    }
  }

  /** @throws {Refusal} for a message that would be one too many, or that the child has no room for */
  admit(session: LegacySession, { kind, method }: Message): void {
    const { maxRequestsInFlight, maxQueuedBytes } = this.#settings
    if (kind === 'request' && session.inFlight >= maxRequestsInFlight) throw tooManyRequests
    // A cancellation makes room; what the child gets of it is short then
    if (method === 'notifications/cancelled') return
    if (session.connection.child.queued > maxQueuedBytes) throw notKeepingUp
  }

  /**
   * Passes a request or notification on, to a new child where the old one of a stateless server is gone.
   *
   * @throws {Refusal} when that child cannot be started now, or for a subscription too many
   */
  async pass(session: LegacySession, message: Message, context: Context): Promise<Response> {
    const shared = this.#sharedOf.get(session)
    if (shared !== undefined && session.connection.isOver) {
      const started = await shared.get()
      session.attach(started.connection)
      watchAgain(session)
    }
    if (message.kind === 'notification') {
      if (shared?.takes(message) !== false) session.notify(message)
      return new Response(null, { status: 202 })
    }
    if (shared === undefined) return session.request(message, context)
    shared.takes(message)
    const known = watch(session, message)
    return known === undefined ? session.request(message, context) : session.answer(known, context, {})
  }

  /** What has to be looked at every now and then: time limits and signs of life. */
  tick(now: number, keepAlive: boolean): void {
    const { requestTimeout, maxRequestTime, idleTimeout, maxSessionAge } = this.#settings
    const care = { askTimeout: requestTimeout * 1000, answerTimeout: maxRequestTime * 1000 }
    for (const session of [...this.sessions, ...this.#single]) {
      if (session.isBusy) session.usedAt = now
      const isIdle = now - session.usedAt > idleTimeout * 1000
      const isOld = session.protocolVersion !== undefined && now - session.openedAt > maxSessionAge * 1000
      if (isIdle || isOld) {
        this.end(session)
        continue
      }
      session.tick(now, { ...care, openAfter, keepAlive, stallTimeout: 60_000 })
      for (const pending of session.connection.pending.values()) {
        // The handshake has a limit of its own
        if (pending.peer !== session || pending.method === 'initialize') continue
        if (session.isAsking) pending.activeAt = now
        const silent = now - pending.activeAt > requestTimeout * 1000
        if (silent || now - pending.startedAt > maxRequestTime * 1000) session.connection.giveUp(pending)
      }
    }
    this.#shared.tick(now)
  }

  /** Ends every session. */
  close(): void {
    for (const session of [...this.sessions, ...this.#single]) {
      session.hint(comeBackAfter)
      this.end(session)
    }
  }

  #hasAll(principal: string): boolean {
    return this.sessions.countOf(principal) >= this.#settings.maxSessionsPerPrincipal
  }

  async #openExclusive(message: Message, context: Context): Promise<Response> {
    const owner = ownerOf(context)
    const until = deadline(this.#settings.handshakeTimeout)
    const connection = await this.#connect(owner.principal, exclusive, { until })
    const { child } = connection
    if (this.#hasAll(owner.principal)) {
      void child.stop()
      throw tooManySessionsOfYours
    }
    const session = this.#newSession(context, connection)
    const handshake = new Handshake({
      child,
      until,
      isDoubtful: !this.#isLegacy,
      seek: (until) => this.#translation.connect(owner, undefined, until),
      giveUp: () => session.failInitialize('timeout'),
    })
    const response = await this.#initialize(session, message, context, handshake)
    // An event stream has begun already where the child took its time
    const isAnswered = child.hasAnswered || session.protocolVersion !== undefined
    if (isAnswered || response.headers.get('content-type') !== 'application/json') return response
    throw handshake.isLate ? tooSlowToStart : cannotStart
  }

  /** Opens a session at a server that refuses `initialize`; `undefined` when it does so no longer. */
  async #openTranslated(message: Message, context: Context): Promise<Response | undefined> {
    const connection = await this.#translation.connect(ownerOf(context))
    return connection && this.#openWith(connection, message, context)
  }

  #openWith(connection: TranslatedConnection, message: Message, context: Context): Promise<Response> {
    const owner = ownerOf(context)
    if (this.#hasAll(owner.principal)) {
      void connection.child.stop()
      throw tooManySessionsOfYours
    }
    return this.#initialize(this.#newSession(context, connection), message, context)
  }

  #initialize(session: LegacySession, message: Message, context: Context, handshake?: Handshake): Promise<Response> {
    const passedOn = session.connection
    const instead = handshake && (() => handshake.instead())
    const answered = (bytes: Buffer): Record<string, string> => {
      handshake?.done()
      session.protocolVersion = agreedVersion(bytes)
      this.#isLegacy ||=
        session.protocolVersion !== undefined && session.connection === passedOn && instead !== undefined
      if (session.protocolVersion !== undefined) return { 'Mcp-Session-Id': session.id }
      queueMicrotask(() => this.end(session))
      return {}
    }
    // MCP L7: what comes before the answer may be a question, to which a client can reply in its session alone
    const streamHeaders = { 'Mcp-Session-Id': session.id }
    return session.request(message, context, { answered, instead, streamHeaders })
  }

  async #openShared(message: Message, context: Context): Promise<Response> {
    const owner = ownerOf(context)
    const until = deadline(this.#settings.handshakeTimeout)
    const opened = await eitherEra(this.#shared.open(message, owner), {
      refuses: (outcome) => ('error' in outcome ? mayBeOtherEra(outcome.error) : outcome.answer.started.isError),
      ask: () => this.#translation.connect(owner, undefined, until),
      drop: ({ child }) => void child.stop(),
      after: this.#isLegacy ? Number.POSITIVE_INFINITY : silenceBefore(until),
    })
    if (opened instanceof TranslatedConnection) return this.#openWith(opened, message, context)
    const { shared, started } = opened
    this.#isLegacy ||= !started.isError
    if (this.#hasAll(owner.principal)) throw tooManySessionsOfYours
    const session = this.#newSession(context, started.connection)
    const bytes = asBuffer(message.bytes)
    const { id } = clientSpans(bytes, knownMembers(message))
    const answer = started.answerTo(id === undefined ? Buffer.from('null') : bytes.subarray(id.start, id.end))
    session.protocolVersion = agreedVersion(answer)
    const headers: Record<string, string> = started.isError ? {} : { 'Mcp-Session-Id': session.id }
    const response = session.answer(answer, context, headers)
    if (started.isError) {
      this.end(session)
    } else {
      shared.sessions++
      this.#sharedOf.set(session, shared)
    }
    return response
  }

  #newSession(context: Context, connection: SessionConnection): LegacySession {
    const { historyBytes, isolation } = this.#settings
    const settings = { historyBytes, highWaterMark: 1_048_576, retry: 1000 }
    const session = new LegacySession({
      ...{ owner: ownerOf(context), connection, settings },
      onLost: (lost) => {
        // A stateless server has lost nothing with its child; every other one has, and its client must begin anew
        if (isolation !== 'pool') this.end(lost)
      },
    })
    this.sessions.add(session)
    return session
  }
}

/** The revision that a server agreed to in its answer to `initialize`; `undefined` for an error. */
function agreedVersion(bytes: Buffer): string | undefined {
  try {
    const { result } = JSON.parse(bytes.toString('utf8'))
    return typeof result?.protocolVersion === 'string' ? result.protocolVersion : undefined
  } catch {
    return undefined
  }
}
