import { type Context, jsonRpcError, type Message } from '@mcp-gateway/core'
import { Connection, type Traffic } from '../mux/connection.js'
import type { Settings } from '../options.js'
import type { Child } from '../process/child.js'
import type { Nursery } from '../process/nursery.js'
import { LegacySession } from './legacy-session.js'
import { newSessionId, ownerOf, SessionRegistry } from './session-registry.js'

/** Opens, finds and ends legacy sessions. */
export class SessionSource {
  readonly sessions: SessionRegistry = new SessionRegistry()
  readonly #settings: Settings
  readonly #nursery: Nursery
  readonly #traffic: Traffic

  constructor(settings: Settings, nursery: Nursery, traffic: Traffic) {
    this.#settings = settings
    this.#nursery = nursery
    this.#traffic = traffic
  }

  /** Opens a session on a child of its own and passes `initialize` on as it is. */
  async open(message: Message, context: Context): Promise<Response> {
    const { id } = message
    const { maxSessions, maxSessionsPerPrincipal, historyBytes, logger } = this.#settings
    const owner = ownerOf(context)
    if (this.sessions.size >= maxSessions) {
      return jsonRpcError(
        { status: 503, message: 'The server has all the sessions it may have; try again later', id },
        { 'Retry-After': '30' },
      )
    }
    if (this.sessions.countOf(owner.principal) >= maxSessionsPerPrincipal) {
      return jsonRpcError(
        { status: 429, message: 'You have too many sessions; end one, or try again later', id },
        { 'Retry-After': '30' },
      )
    }
    const child = this.#nursery.spawn()
    const connection = new Connection(child, logger, this.#traffic)
    const settings = { historyBytes, highWaterMark: 1_048_576, retry: 1000 }
    const session = new LegacySession(newSessionId(), owner, connection, settings, (ended) =>
      this.sessions.delete(ended),
    )
    this.sessions.add(session)
    return this.#initialize(session, child, message, context)
  }

  /** What has to be looked at every now and then: time limits and signs of life. */
  tick(now: number, keepAlive: boolean): void {
    const { requestTimeout, maxRequestTime, idleTimeout, maxSessionAge } = this.#settings
    for (const session of [...this.sessions]) {
      if (session.isBusy) session.usedAt = now
      const idle = now - session.usedAt > idleTimeout * 1000
      if (idle || now - session.openedAt > maxSessionAge * 1000) {
        this.end(session)
        continue
      }
      session.tick(now, { openAfter: 10_000, keepAlive, askTimeout: requestTimeout * 1000 })
      for (const pending of session.connection.pending.values()) {
        const silent = now - pending.activeAt > requestTimeout * 1000 && !session.isAsking
        if (silent || now - pending.startedAt > maxRequestTime * 1000) session.connection.giveUp(pending)
      }
    }
  }

  /** Ends a session and its child. */
  end(session: LegacySession): void {
    session.end()
    void session.connection.child.stop()
  }

  /** Refuses a request that would be one too many. */
  admit(session: LegacySession, { id }: Message): Response | undefined {
    const { maxRequestsInFlight, maxQueuedBytes } = this.#settings
    if (session.inFlight >= maxRequestsInFlight) {
      return jsonRpcError(
        { status: 429, message: 'Too many requests of this session wait for their answers', id },
        { 'Retry-After': '1' },
      )
    }
    if (session.connection.child.queued > maxQueuedBytes) {
      return jsonRpcError(
        { status: 503, message: 'The MCP server does not keep up with its input', id },
        { 'Retry-After': '1' },
      )
    }
    return undefined
  }

  async #initialize(session: LegacySession, child: Child, message: Message, context: Context): Promise<Response> {
    let initialized = false
    const headers = { 'Mcp-Session-Id': session.id }
    const response = session.request(message, context, (bytes) => {
      const version = agreedVersion(bytes)
      initialized = version !== undefined
      session.protocolVersion = version
      if (!initialized) queueMicrotask(() => this.end(session))
      return initialized ? headers : {}
    })
    const timer = setTimeout(() => {
      if (initialized) return
      this.#nursery.failedStart()
      session.failAll('timeout')
      this.end(session)
    }, this.#settings.handshakeTimeout * 1000)
    try {
      const answer = await response
      if (initialized || child.ending === undefined) return answer
      this.#nursery.failedStart()
      const text = 'The MCP server could not be started; its operator finds the reason in the log'
      return jsonRpcError({ status: 502, code: -32603, message: text, id: message.id }, { 'Retry-After': '5' })
    } finally {
      clearTimeout(timer)
    }
  }
}

function agreedVersion(bytes: Buffer): string | undefined {
  try {
    const { result } = JSON.parse(bytes.toString('utf8'))
    return typeof result?.protocolVersion === 'string' ? result.protocolVersion : undefined
  } catch {
    return undefined
  }
}
