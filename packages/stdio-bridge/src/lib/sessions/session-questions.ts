import { rawNotification } from '@mcp-gateway/core/internal'
import type { OutStream } from '../http/out-stream.js'
import { asBuffer } from '../wire/client-message.js'
import { Outbox } from './outbox.js'

/** Questions that one client may have open at once. */
const maxOpen = 64

/** How long a question waits; both in ms. */
export interface QuestionLimits {
  /** For a stream on which it can be asked. */
  readonly askTimeout: number
  /** For the client's answer. */
  readonly answerTimeout: number
}

interface Question {
  /** The stream on which it was asked; none while it waits for one. */
  readonly stream?: OutStream
  readonly since: number
}

/**
 * What a client was asked and has not answered, on which stream; and what was said while no stream was open. Each question
 * comes to an end: by the client's answer, or by an error for the child where the client cannot be asked or is silent.
 */
export class SessionQuestions {
  readonly #open: Map<number, Question> = new Map()
  readonly #outbox: Outbox = new Outbox()
  readonly #refuse: (ask: number, why: string) => void

  /** @param refuse answers a question with an error, because no client will */
  constructor(refuse: (ask: number, why: string) => void) {
    this.#refuse = refuse
  }

  get isOpen(): boolean {
    return this.#open.size > 0
  }

  /** Asks on this stream, or on the next one that opens. */
  ask(stream: OutStream | undefined, bytes: Buffer, ask: number): void {
    if (this.#open.size >= maxOpen) {
      this.#refuse(ask, `${maxOpen} requests wait for this client already; wait for its answers`)
      return
    }
    this.#open.set(ask, { stream, since: performance.now() })
    if (stream === undefined) this.#keep(bytes, ask)
    else this.#send(stream, bytes, ask)
  }

  /** Says whether the question was open, and closes it. */
  answered(ask: number): boolean {
    return this.#open.delete(ask)
  }

  /** Takes a question back: silently where it was never sent. */
  withdraw(bytes: Buffer, ask: number, route: () => OutStream | undefined): void {
    const stream = this.#open.get(ask)?.stream
    this.#open.delete(ask)
    if (this.#outbox.remove(ask)) return
    const taker = stream?.isEnded === false ? stream : route()
    taker?.send(bytes)
  }

  /** Sends what is no question, on this stream or the next one that opens. */
  tell(stream: OutStream | undefined, bytes: Buffer): void {
    if (stream === undefined) this.#keep(bytes)
    else stream.send(bytes)
  }

  /** Sends what was kept. */
  flush(stream: OutStream): void {
    for (const { bytes, ask } of this.#outbox.take()) {
      if (ask === undefined) {
        stream.send(bytes)
      } else if (this.#open.has(ask)) {
        this.#open.set(ask, { stream, since: performance.now() })
        this.#send(stream, bytes, ask)
      }
    }
  }

  /** Refuses what has waited too long; the client is told that its answer is not wanted any more. */
  expire(now: number, { askTimeout, answerTimeout }: QuestionLimits, route: () => OutStream | undefined): void {
    for (const [ask, { stream, since }] of this.#open) {
      if (now - since <= (stream === undefined ? askTimeout : answerTimeout)) continue
      const why = stream === undefined ? 'No client to ask' : 'The client did not answer in time'
      const params = JSON.stringify({ requestId: ask, reason: 'The answer took too long' })
      this.withdraw(asBuffer(rawNotification('notifications/cancelled', params)), ask, route)
      this.#refuse(ask, why)
    }
  }

  clear(): void {
    this.#open.clear()
  }

  #send(stream: OutStream, bytes: Buffer, ask: number): void {
    const withheld = () => this.#giveUp(ask, 'The request was withheld by policy')
    stream.send(bytes, withheld, undefined, () => this.#giveUp(ask, 'No client to ask'))
  }

  #keep(bytes: Buffer, ask?: number): void {
    for (const fallen of this.#outbox.add(bytes, ask)) this.#giveUp(fallen, 'Too much waits for the client to listen')
  }

  #giveUp(ask: number, why: string): void {
    if (this.#open.delete(ask)) this.#refuse(ask, why)
  }
}
