import type { Context, Message } from '@mcp-gateway/core'
import { errorCodes, factsOf, mayRequireInput, type Owner } from '@mcp-gateway/core/internal'
import type { FailureReason, Peer, Pending, Waiter } from '../connection/peer.js'
import type { SessionConnection } from '../connection/session-connection.js'
import { History } from '../http/history.js'
import { OutStream, type StreamHost } from '../http/out-stream.js'
import { retryOnRefusal } from '../sessions/retry-on-refusal.js'
import { SessionQuestions } from '../sessions/session-questions.js'
import { newSessionId } from '../sessions/session-registry.js'
import type { ChildMessage } from '../wire/child-message.js'
import { ownNumber } from '../wire/own-number.js'

/** A request of a client that waits for its answer. */
interface Call {
  readonly stream: OutStream
  readonly method: string
}

/** Streams of a session whose end may be asked for again. */
const maxStreams = 64

/** What a session takes from the options of its bridge. */
export interface SessionSettings {
  readonly historyBytes: number
  readonly highWaterMark: number
  /** In ms. */
  readonly retry: number
}

/** What a session is looked after for; all in ms. */
export interface SessionCare {
  /** How long an undecided answer waits before it becomes a stream. */
  readonly openAfter: number
  /** Whether it is time for a sign of life. */
  readonly keepAlive: boolean
  /** How long a request of the child waits for a client to ask. */
  readonly askTimeout: number
  /** How long a client may think about what it was asked. */
  readonly answerTimeout: number
  /** How long a reader may take nothing before its connection is given up. */
  readonly stallTimeout: number
}

/** What else is to be done with a request. */
export interface RequestHooks {
  /** Sees the answer first, and may add headers. */
  readonly answered?: (bytes: Buffer) => Record<string, string>
  /** Headers of its event stream, where one begins before the answer is known. */
  readonly streamHeaders?: Readonly<Record<string, string>>
  /** Finds something else to ask, where the first answer is an error, or there is none. */
  readonly instead?: () => Promise<SessionConnection | undefined>
}

/** What a session is made of. */
export interface LegacySessionOptions {
  readonly owner: Owner
  readonly connection: SessionConnection
  readonly settings: SessionSettings
  /** Hears when the child is gone; the session goes on only if it gives it another. */
  readonly onLost: (session: LegacySession) => void
}

/** One client of the legacy era, from its `initialize` on: its streams, and which of them each message takes. */
export class LegacySession implements Peer, StreamHost {
  readonly id: string
  readonly owner: Owner
  connection: SessionConnection
  readonly history: History
  readonly retry: number
  readonly highWaterMark: number
  readonly subscriptions: Set<string> = new Set()
  /** What the server agreed to speak; known once `initialize` was answered. */
  protocolVersion: string | undefined
  /** When the client last sent something, by `performance.now()`. */
  usedAt: number = performance.now()
  readonly openedAt: number = performance.now()
  readonly #onLost: (session: LegacySession) => void
  readonly #streams: Map<number, OutStream> = new Map()
  readonly #calls: Set<Call & { pending?: Pending }> = new Set()
  readonly #standalone: Set<OutStream> = new Set()
  readonly #questions: SessionQuestions = new SessionQuestions((ask, why) => {
    this.connection.serverRequests.refuse(ask, errorCodes.internalError, why)
  })
  #lastStream = 0
  #isSeeking = false
  #ended = false

  constructor({ owner, connection, settings, onLost }: LegacySessionOptions) {
    this.id = newSessionId()
    this.owner = owner
    this.connection = connection
    this.history = new History(settings.historyBytes)
    this.retry = settings.retry
    this.highWaterMark = settings.highWaterMark
    this.#onLost = onLost
    connection.peers.add(this)
  }

  /** An event without content breaks clients older than the revision that has it (MCP L3). */
  get priming(): boolean {
    return this.protocolVersion !== undefined && factsOf(this.protocolVersion).hasEmptyEvents
  }

  /** Whether a request waits or a stream is open. */
  get isBusy(): boolean {
    return this.#calls.size > 0 || [...this.#standalone].some((stream) => stream.isAttached)
  }

  /** Whether the client has been asked something and has not answered: a person may be thinking. */
  get isAsking(): boolean {
    return this.#questions.isOpen
  }

  get inFlight(): number {
    return this.#calls.size
  }

  /** Passes a request on and answers its POST. */
  request(
    message: Message,
    context: Context,
    { answered, instead, streamHeaders }: RequestHooks = {},
  ): Promise<Response> {
    const stream = this.#newStream(context, streamHeaders)
    const call: Call & { pending?: Pending } = { stream, method: message.method ?? '' }
    const waiter: Waiter = {
      related: (bytes) => stream.send(bytes),
      asked: (bytes, ask) => this.#questions.ask(stream, bytes, ask),
      answer: (bytes) => {
        this.#calls.delete(call)
        if (bytes !== undefined && answered !== undefined) stream.addHeaders(answered(bytes))
        stream.finish(bytes)
      },
    }
    const ask = (waiter: Waiter) => {
      const { owner } = this
      call.pending = this.connection.request(message, { waiter, peer: this, principal: owner.principal, owner })
    }
    this.#calls.add(call)
    ask(
      instead === undefined
        ? waiter
        : retryOnRefusal(
            waiter,
            () => this.#seek(instead),
            () => ask(waiter),
          ),
    )
    return stream.response
  }

  /** Answers a POST with bytes that are known already. */
  answer(bytes: Buffer, context: Context, headers: Record<string, string>): Promise<Response> {
    const stream = this.#newStream(context)
    stream.addHeaders(headers)
    stream.finish(bytes)
    return stream.response
  }

  notify(message: Message): void {
    if (message.method === 'notifications/cancelled') this.connection.cancelled(message, this)
    else this.connection.notify(message.bytes, this.owner)
  }

  /** The client's answer to something that the server asked. */
  reply(message: Message): void {
    const ask = ownNumber(String(message.id))
    if (this.#questions.answered(ask)) this.connection.serverRequests.reply(message, ask, this)
  }

  /** Opens a GET stream. */
  listen(context: Context): Promise<Response> {
    const stream = this.#newStream(context)
    this.#standalone.add(stream)
    trimStreams(this.#streams, this.#standalone)
    stream.open()
    this.#questions.flush(stream)
    return stream.response
  }

  /** Gives a client what followed the event that it saw last; `undefined` when that is not here. */
  resume(lastEventId: string): Response | undefined {
    const match = /^(\d{1,9})-(\d{1,9})$/.exec(lastEventId)
    const stream = match === null ? undefined : this.#streams.get(Number(match[1]))
    const response = stream?.resume(Number(match?.[2]))
    if (response !== undefined && stream !== undefined && this.#standalone.has(stream)) this.#questions.flush(stream)
    return response
  }

  /** The answer to `initialize` is not waited for any longer. */
  failInitialize(reason: FailureReason): void {
    for (const { pending, method } of [...this.#calls]) {
      if (pending !== undefined && method === 'initialize') this.connection.fail(pending, reason)
    }
  }

  /** Gives the session something else to speak with. */
  attach(connection: SessionConnection): void {
    this.connection.leave(this)
    this.connection = connection
    connection.peers.add(this)
    this.#questions.clear()
  }

  /** The server is about to close what is open: clients that understand it are told when to come back. */
  hint(retry: number): void {
    if (this.priming) for (const stream of this.#streams.values()) if (!stream.isEnded) stream.hint(retry)
  }

  /** Ends the session for its client; the child is the caller's to stop. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.connection.leave(this)
    for (const stream of this.#streams.values()) if (!stream.isEnded) stream.finish(undefined)
    this.#streams.clear()
    this.#standalone.clear()
    this.#questions.clear()
  }

  notified({ bytes }: ChildMessage): void {
    this.#questions.tell(this.#route(), bytes)
  }

  asked({ bytes }: ChildMessage, ask: number): void {
    this.#questions.ask(this.#route(), bytes, ask)
  }

  withdrawn(bytes: Buffer, ask: number): void {
    this.#questions.withdraw(bytes, ask, () => this.#route())
  }

  ended(): void {
    this.#questions.clear()
    if (!this.#ended && !this.#isSeeking) this.#onLost(this)
  }

  /** A disconnect is no cancellation (MCP L3): what is to come waits in the history for a client that comes back. */
  left(): void {
    this.pressed()
  }

  /** A finished stream stays known while its client may come back for its end. */
  finished(stream: OutStream): void {
    if (!stream.isStream) this.#streams.delete(stream.id)
    trimStreams(this.#streams, this.#standalone)
  }

  /**
   * A child of one client alone is paused while that client reads too slowly. One that is shared never is: the slow
   * client loses its connection instead, and can come back for the rest.
   */
  pressed(): void {
    const { child, isShared } = this.connection
    const streams = [...this.#streams.values()]
    if (isShared) {
      for (const stream of streams) if (stream.isOverfull) stream.detach()
    } else if (streams.some((stream) => stream.isFull)) child.pause()
    else child.resume()
  }

  /** What every second or so has to be looked at. */
  tick(now: number, { openAfter, keepAlive, stallTimeout, ...limits }: SessionCare): void {
    for (const { stream } of this.#calls) if (now - stream.openedAt >= openAfter) stream.open()
    for (const stream of this.#streams.values()) {
      if (keepAlive) stream.keepAlive()
      if (stream.isFull && now - stream.readAt > stallTimeout) stream.detach()
    }
    this.#questions.expire(now, limits, () => this.#route())
  }

  /** Looks for something else to speak with; the child that is given up for it may end meanwhile. */
  async #seek(find: () => Promise<SessionConnection | undefined>): Promise<boolean> {
    if (this.#ended) return false
    this.#isSeeking = true
    const found = await find().finally(() => {
      this.#isSeeking = false
    })
    if (found === undefined) return false
    if (this.#ended) {
      void found.child.stop()
      return false
    }
    this.attach(found)
    return true
  }

  #route(): OutStream | undefined {
    return chooseStream(this.#calls, this.#standalone)
  }

  #newStream(context: Context, headers?: Readonly<Record<string, string>>): OutStream {
    const stream = new OutStream(++this.#lastStream, this, context, headers)
    this.#streams.set(stream.id, stream)
    return stream
  }
}

/**
 * The one stream for a message that names no request (MCP L5): that of the only request under way, or else the GET
 * stream that was opened last, or else that of the newest request during which a server may ask something.
 */
function chooseStream(calls: Iterable<Call>, standalone: Iterable<OutStream>): OutStream | undefined {
  const reachable = [...calls].filter(({ stream }) => stream.isAttached || stream.isStream)
  if (reachable.length === 1) return reachable[0]?.stream
  const listening = [...standalone].findLast((stream) => stream.isAttached)
  return listening ?? reachable.findLast(({ method }) => mayRequireInput(method))?.stream
}

/** Forgets the oldest streams that are over, and the oldest GET streams, where a session has too many. */
function trimStreams(streams: Map<number, OutStream>, standalone: Set<OutStream>): void {
  if (streams.size <= maxStreams) return
  for (const [id, old] of streams) {
    if (streams.size <= maxStreams) return
    if (!old.isEnded && !standalone.has(old)) continue
    streams.delete(id)
    standalone.delete(old)
    if (!old.isEnded) old.finish(undefined)
  }
}
