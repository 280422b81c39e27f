import type { Context, Message } from '@mcp-gateway/core'
import { errorCodes, type Owner } from '@mcp-gateway/core/internal'
import type { Peer, Waiter } from '../connection/peer.js'
import type { SessionConnection } from '../connection/session-connection.js'
import { OutStream, type StreamHost } from '../http/out-stream.js'
import { retryOnRefusal } from '../sessions/retry-on-refusal.js'
import { type QuestionLimits, SessionQuestions } from '../sessions/session-questions.js'
import type { ChildMessage } from '../wire/child-message.js'
import { ownNumber } from '../wire/own-number.js'

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
  readonly #instead: (refusing: SessionConnection) => Promise<SessionConnection | undefined>
  readonly #questions: SessionQuestions = new SessionQuestions((ask, why) => {
    this.connection.serverRequests.refuse(ask, errorCodes.internalError, why)
  })
  #isSeeking = false
  #ended = false

  /** @param instead finds something else to speak with, where the child refuses `initialize` */
  constructor(
    id: string,
    owner: Owner,
    connection: SessionConnection,
    context: Context,
    onEnd: (session: SseSession) => void,
    instead: (refusing: SessionConnection) => Promise<SessionConnection | undefined>,
  ) {
    this.id = id
    this.owner = owner
    this.connection = connection
    this.#onEnd = onEnd
    this.#instead = instead
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
      const ask = (waiter: Waiter) => {
        const { owner } = this
        this.connection.request(message, { waiter, peer: this, principal: owner.principal, owner })
      }
      ask(message.method === 'initialize' ? this.#orElse(waiter, () => ask(waiter)) : waiter)
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

  #orElse(waiter: Waiter, again: () => void): Waiter {
    const answer = (bytes: Buffer | undefined, code?: number) => {
      waiter.answer(bytes, code)
      // The child that refused has been stopped
      if (this.connection.isOver) this.end()
    }
    return retryOnRefusal({ ...waiter, answer }, () => this.#seek(), again)
  }

  async #seek(): Promise<boolean> {
    this.#isSeeking = true
    const found = await this.#instead(this.connection).finally(() => {
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
