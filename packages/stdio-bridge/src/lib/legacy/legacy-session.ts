import type { Context, Message } from '@mcp-gateway/core'
import { History } from '../http/history.js'
import { OutStream, type StreamHost } from '../http/out-stream.js'
import type { Connection, Pending } from '../mux/connection.js'
import type { FailureReason, Peer, Waiter } from '../mux/peer.js'
import type { Ending } from '../process/child.js'
import type { ChildMessage } from '../wire/child-message.js'
import { Outbox } from './outbox.js'

/** What a session takes from the options of its bridge. */
export interface SessionSettings {
  readonly historyBytes: number
  readonly highWaterMark: number
  /** In ms. */
  readonly retry: number
}

/** Whose session it is: another's token finds nothing (MCP L9). */
export interface SessionOwner {
  readonly principal: string
  readonly audience: string
  readonly scopes: readonly string[]
}

interface Call {
  readonly stream: OutStream
  readonly method: string
  pending?: Pending
}

/** Methods during which a server may ask its client something. */
const askingMethods = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** One client of the legacy era, from its `initialize` on: its streams, and which of them each message takes. */
export class LegacySession implements Peer, StreamHost {
  readonly id: string
  readonly owner: SessionOwner
  readonly connection: Connection
  readonly history: History
  readonly retry: number
  readonly highWaterMark: number
  /** What the server agreed to speak; known once `initialize` was answered. */
  protocolVersion: string | undefined
  /** When the client last sent something, in ms since the epoch. */
  usedAt: number = Date.now()
  readonly openedAt: number = Date.now()
  readonly #onEnd: (session: LegacySession) => void
  readonly #streams: Map<number, OutStream> = new Map()
  readonly #calls: Set<Call> = new Set()
  readonly #standalone: Set<OutStream> = new Set()
  readonly #asks: Map<number, OutStream | undefined> = new Map()
  readonly #outbox: Outbox = new Outbox()
  #lastStream = 0
  #ended = false

  constructor(
    id: string,
    owner: SessionOwner,
    connection: Connection,
    settings: SessionSettings,
    onEnd: (session: LegacySession) => void,
  ) {
    this.id = id
    this.owner = owner
    this.connection = connection
    this.history = new History(settings.historyBytes)
    this.retry = settings.retry
    this.highWaterMark = settings.highWaterMark
    this.#onEnd = onEnd
    connection.peers.add(this)
  }

  /** An event without content breaks clients older than the revision that has it (MCP L3). */
  get priming(): boolean {
    return this.protocolVersion !== undefined && this.protocolVersion >= '2025-11-25'
  }

  get isEnded(): boolean {
    return this.#ended
  }

  /** Whether a request waits or a stream is open. */
  get isBusy(): boolean {
    if (this.#calls.size > 0) return true
    for (const stream of this.#standalone) if (stream.isAttached) return true
    return false
  }

  /** Whether the client has been asked something and has not answered: a person may be thinking. */
  get isAsking(): boolean {
    return this.#asks.size > 0
  }

  get inFlight(): number {
    return this.#calls.size
  }

  /** Passes a request on and answers its POST. `answered` may replace the answer on its way. */
  request(message: Message, context: Context, answered?: (bytes: Buffer) => Record<string, string>): Promise<Response> {
    const stream = this.#newStream(context)
    const call: Call = { stream, method: message.method ?? '' }
    const waiter: Waiter = {
      progress: (bytes) => stream.send(bytes),
      answer: (bytes) => {
        this.#calls.delete(call)
        if (bytes !== undefined && answered !== undefined) stream.addHeaders(answered(bytes))
        stream.finish(bytes)
        this.#forget(stream)
      },
    }
    this.#calls.add(call)
    call.pending = this.connection.request(message, this, waiter)
    return stream.response
  }

  notify(message: Message): void {
    if (message.method === 'notifications/cancelled') this.connection.cancelled(message, this)
    else this.connection.notify(message.bytes)
  }

  /** The client's answer to something that the server asked. */
  reply(message: Message): void {
    if (typeof message.id !== 'number' || !this.#asks.has(message.id)) return
    this.#asks.delete(message.id)
    this.connection.reply(message, message.id, this)
  }

  /** Opens a GET stream. */
  listen(context: Context): Promise<Response> {
    const stream = this.#newStream(context)
    this.#standalone.add(stream)
    stream.open()
    this.#flush(stream)
    return stream.response
  }

  /** Gives a client what followed the event that it saw last; `undefined` when that is not here. */
  resume(lastEventId: string): Response | undefined {
    const match = /^(\d{1,9})-(\d{1,9})$/.exec(lastEventId)
    const stream = match === null ? undefined : this.#streams.get(Number(match[1]))
    const response = stream?.resume(Number(match?.[2]))
    if (stream !== undefined && this.#standalone.has(stream)) this.#flush(stream)
    return response
  }

  /** Tells every waiting request why it gets no answer. */
  failAll(reason: FailureReason): void {
    for (const { pending } of [...this.#calls]) if (pending !== undefined) this.connection.fail(pending, reason)
  }

  /** Ends the session for its client; the child is the caller's to stop. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.connection.leave(this)
    this.#closeStreams()
    this.#onEnd(this)
  }

  notified({ bytes }: ChildMessage): void {
    const stream = this.#route()
    if (stream === undefined) this.#outbox.add(bytes)
    else stream.send(bytes)
  }

  asked({ bytes }: ChildMessage, ask: number): void {
    const stream = this.#route()
    this.#asks.set(ask, stream)
    if (stream === undefined) this.#outbox.add(bytes, ask)
    else stream.send(bytes, () => this.#refuse(ask, 'The request was withheld by policy'))
  }

  withdrawn(bytes: Buffer, ask: number): void {
    const stream = this.#asks.get(ask)
    this.#asks.delete(ask)
    if (this.#outbox.remove(ask)) return
    const taker = stream?.isEnded === false ? stream : this.#route()
    taker?.send(bytes)
  }

  ended(_ending: Ending): void {
    if (this.#ended) return
    this.#ended = true
    this.#closeStreams()
    this.#onEnd(this)
  }

  left(stream: OutStream): void {
    if (this.#standalone.has(stream)) return
    // A disconnect is no cancellation (MCP L3): the answer waits in the history for a client that comes back
  }

  pressed(): void {
    const { child } = this.connection
    if ([...this.#streams.values()].some((stream) => stream.isFull)) child.pause()
    else child.resume()
  }

  /** What every second or so has to be looked at. */
  tick(
    now: number,
    limits: { readonly openAfter: number; readonly keepAlive: boolean; readonly askTimeout: number },
  ): void {
    for (const { stream } of this.#calls) if (now - stream.openedAt >= limits.openAfter) stream.open()
    if (limits.keepAlive) for (const stream of this.#streams.values()) stream.keepAlive()
    for (const ask of this.#outbox.expired(now - limits.askTimeout)) this.#refuse(ask, 'No client was there to ask')
  }

  #refuse(ask: number, why: string): void {
    if (this.#asks.delete(ask)) this.connection.refuse(ask, -32603, why)
  }

  /** The one stream for a message that names no request (MCP L5). */
  #route(): OutStream | undefined {
    const live = [...this.#calls].filter(({ stream }) => stream.isAttached || stream.isStream)
    if (live.length === 1) return live[0]?.stream
    const listening = [...this.#standalone].findLast((stream) => stream.isAttached)
    return listening ?? live.findLast(({ method }) => askingMethods.has(method))?.stream
  }

  #flush(stream: OutStream): void {
    for (const { bytes, ask } of this.#outbox.take()) {
      if (ask === undefined) stream.send(bytes)
      else {
        this.#asks.set(ask, stream)
        stream.send(bytes, () => this.#refuse(ask, 'The request was withheld by policy'))
      }
    }
  }

  #newStream(context: Context): OutStream {
    const stream = new OutStream(++this.#lastStream, this, context)
    this.#streams.set(stream.id, stream)
    return stream
  }

  /** A finished stream stays known while its client may come back for its end. */
  #forget(stream: OutStream): void {
    if (!stream.isStream) this.#streams.delete(stream.id)
    if (this.#streams.size <= maxStreams) return
    for (const [id, old] of this.#streams) {
      if (this.#streams.size <= maxStreams) return
      if (old.isEnded || (this.#standalone.has(old) && !old.isAttached)) {
        this.#streams.delete(id)
        this.#standalone.delete(old)
      }
    }
  }

  #closeStreams(): void {
    for (const stream of this.#streams.values()) {
      if (!stream.isEnded) stream.finish(undefined)
    }
    this.#streams.clear()
    this.#standalone.clear()
    this.#asks.clear()
  }
}

const maxStreams = 64
