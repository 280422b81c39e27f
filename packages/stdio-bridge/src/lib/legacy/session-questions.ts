import type { OutStream } from '../http/out-stream.js'
import { Outbox } from './outbox.js'

/** What a client was asked and has not answered, on which stream; and what was said while no stream was open. */
export class SessionQuestions {
  readonly #open: Map<number, OutStream | undefined> = new Map()
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
    this.#open.set(ask, stream)
    if (stream === undefined) this.#outbox.add(bytes, ask)
    else stream.send(bytes, () => this.#giveUp(ask, 'The request was withheld by policy'))
  }

  /** Says whether the question was open, and closes it. */
  answered(ask: number): boolean {
    return this.#open.delete(ask)
  }

  /** Takes a question back: silently where it was never sent. */
  withdraw(bytes: Buffer, ask: number, route: () => OutStream | undefined): void {
    const stream = this.#open.get(ask)
    this.#open.delete(ask)
    if (this.#outbox.remove(ask)) return
    const taker = stream?.isEnded === false ? stream : route()
    taker?.send(bytes)
  }

  /** Sends what is no question, on this stream or the next one that opens. */
  tell(stream: OutStream | undefined, bytes: Buffer): void {
    if (stream === undefined) this.#outbox.add(bytes)
    else stream.send(bytes)
  }

  /** Sends what was kept. */
  flush(stream: OutStream): void {
    for (const { bytes, ask } of this.#outbox.take()) {
      if (ask === undefined) stream.send(bytes)
      else this.ask(stream, bytes, ask)
    }
  }

  /** Refuses what has waited for a stream since before this time. */
  expire(before: number): void {
    for (const ask of this.#outbox.expired(before)) this.#giveUp(ask, 'No client was there to ask')
  }

  clear(): void {
    this.#open.clear()
  }

  #giveUp(ask: number, why: string): void {
    if (this.#open.delete(ask)) this.#refuse(ask, why)
  }
}
