import type { Context, Message } from '@mcp-gateway/core'
import { errorCodes, type Owner } from '@mcp-gateway/core/internal'
import type { Peer, Pending, Waiter } from '../connection/peer.js'
import type { SessionConnection } from '../connection/session-connection.js'
import { OutStream, type StreamHost } from '../http/out-stream.js'
import type { Handshake } from '../sessions/handshake.js'
import { retryOnRefusal } from '../sessions/retry-on-refusal.js'
import { type QuestionLimits, SessionQuestions } from '../sessions/session-questions.js'
import { newSessionId } from '../sessions/session-registry.js'
import type { ChildMessage } from '../wire/child-message.js'
import { ownNumber } from '../wire/own-number.js'

/** What a session is made of. */
export interface SseSessionOptions {
  readonly owner: Owner
  readonly connection: SessionConnection
  readonly context: Context
  readonly onEnd: (session: SseSession) => void
  /** Begins the time limit of an `initialize` that this child gets. */
  readonly handshake: (child: SessionConnection['child'], giveUp: () => void) => Handshake
}

/** One client of the transport of 2024-11-05: everything for it goes out on the one stream that it opened. */
export class SseSession implements Peer, StreamHost {
  readonly id: string
  readonly owner: Owner
  connection: SessionConnection
  readonly subscriptions: ReadonlySet<string> = new Set()
  readonly history = undefined
  readonly priming = false
  readonly retry = 1000
  readonly highWaterMark = 1_048_576
  readonly stream: OutStream
  usedAt: number = performance.now()
  readonly #onEnd: (session: SseSession) => void
  readonly #handshake: (child: SessionConnection['child'], giveUp: () => void) => Handshake
  readonly #questions: SessionQuestions = new SessionQuestions((ask, why) => {
    this.connection.serverRequests.refuse(ask, errorCodes.internalError, why)
  })
  #isSeeking = false
  #ended = false

  constructor({ owner, connection, context, onEnd, handshake }: SseSessionOptions) {
    const id = newSessionId()
    this.id = id
    this.owner = owner
    this.connection = connection
    this.#onEnd = onEnd
    this.#handshake = handshake
    this.stream = new OutStream(0, this, context)
    connection.peers.add(this)
    // A relative reference: the path that clients see is not ours to know
    this.stream.open(Buffer.from(`event: endpoint\ndata: ?sessionId=${id}\n\n`))
  }

  get openedAt(): number {
    return this.stream.openedAt
  }

  get inFlight(): number {
    return this.connection.pending.size
  }

  get isAsking(): boolean {
    return this.#questions.isOpen
  }

  /** Takes what the client posted; its answer comes on the stream, past the transforms of this POST. */
  take(message: Message, context: Context): void {
    this.usedAt = performance.now()
    if (message.kind === 'response') {
      const ask = ownNumber(String(message.id))
      if (this.#questions.answered(ask)) this.connection.serverRequests.reply(message, ask, this)
    } else if (message.kind === 'notification') {
      if (message.method === 'notifications/cancelled') this.connection.cancelled(message, this)
      else this.connection.notify(message.bytes, this.owner)
    } else {
      const send = (bytes: Buffer | undefined) => {
        if (bytes !== undefined) this.stream.send(bytes, undefined, context)
      }
      const waiter = { related: send, answer: send }
      if (message.method === 'initialize') this.#initialize(message, waiter)
      else this.#ask(message, waiter)
    }
  }

  /** Refuses what the client does not answer in time. */
  expire(now: number, limits: QuestionLimits): void {
    this.#questions.expire(now, limits, () => this.stream)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.connection.leave(this)
    this.stream.finish(undefined)
    this.#onEnd(this)
  }

  notified({ bytes }: ChildMessage): void {
    this.stream.send(bytes)
  }

  asked({ bytes }: ChildMessage, ask: number): void {
    this.#questions.ask(this.stream, bytes, ask)
  }

  withdrawn(bytes: Buffer, ask: number): void {
    this.#questions.withdraw(bytes, ask, () => this.stream)
  }

  ended(): void {
    if (!this.#isSeeking) this.end()
  }

  /** The stream is the session: this revision has no way to come back to it. */
  left(): void {
    this.end()
  }

  finished(): void {
    this.end()
  }

  pressed(): void {
    if (this.stream.isFull) this.connection.child.pause()
    else this.connection.child.resume()
  }

  #ask(message: Message, waiter: Waiter): Pending {
    const { owner } = this
    return this.connection.request(message, { waiter, peer: this, principal: owner.principal, owner })
  }

  #initialize(message: Message, waiter: Waiter): void {
    let pending: Pending | undefined
    const handshake = this.#handshake(this.connection.child, () => {
      if (pending !== undefined) this.connection.fail(pending, 'timeout')
    })
    const answer = (bytes: Buffer | undefined, code?: number) => {
      handshake.done()
      waiter.answer(bytes, code)
      // The child that refused has been stopped
      if (this.connection.isOver) this.end()
    }
    const own = { ...waiter, answer }
    const again = () => void this.#ask(message, own)
    pending = this.#ask(
      message,
      retryOnRefusal(own, () => this.#seek(handshake), again),
    )
  }

  async #seek(handshake: Handshake): Promise<boolean> {
    if (this.#ended) return false
    this.#isSeeking = true
    const found = await handshake.instead().finally(() => {
      this.#isSeeking = false
    })
    if (found === undefined || this.#ended) {
      void found?.child.stop()
      return false
    }
    this.connection.leave(this)
    this.connection = found
    found.peers.add(this)
    return true
  }
}
