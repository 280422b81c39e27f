import type { Context, Message } from '@mcp-gateway/core'
import { statusOfCode } from '@mcp-gateway/core/internal'
import type { PooledChild } from '../children/modern-children.js'
import type { Pending } from '../connection/peer.js'
import { OutStream, type StreamHost } from '../http/out-stream.js'
import type { SessionOwner } from '../legacy/session-types.js'
import { gracefulEnd } from './graceful-end.js'

/** What an exchange tells the leg. */
export interface ExchangeHost {
  /** It is over. */
  done(exchange: Exchange): void
  /** A listener lost its child; another is found for it, or it ends. */
  lost(exchange: Exchange): void
}

/** One request of the modern era and its answer. The client's going away is its cancellation (MCP M17). */
export class Exchange implements StreamHost {
  readonly history = undefined
  readonly priming = false
  readonly retry = 0
  readonly highWaterMark = 1_048_576
  readonly message: Message
  readonly owner: SessionOwner
  readonly stream: OutStream
  child: PooledChild | undefined
  pending: Pending | undefined
  readonly #host: ExchangeHost
  #over = false
  #acknowledged = false

  constructor(message: Message, context: Context, owner: SessionOwner, host: ExchangeHost) {
    this.message = message
    this.owner = owner
    this.#host = host
    this.stream = new OutStream(0, this, context)
  }

  get isListening(): boolean {
    return this.message.method === 'subscriptions/listen'
  }

  /** Sends the request to this child. */
  run(child: PooledChild): void {
    this.child = child
    const wasAcknowledged = this.#acknowledged
    let isFirst = true
    const related = (bytes: Buffer) => {
      // A listener that was moved to another child has been acknowledged already
      const isRepeated = isFirst && wasAcknowledged
      isFirst = false
      this.#acknowledged = true
      if (!isRepeated) this.stream.send(bytes)
    }
    const answer = (bytes: Buffer | undefined, errorCode?: number) => {
      if (this.#over) return
      if (this.isListening && child.connection.isOver && this.#acknowledged) {
        this.#host.lost(this)
        return
      }
      this.end(bytes, statusOfCode(errorCode))
    }
    const { owner } = this
    this.pending = child.connection.request(this.message, {
      waiter: { related, answer },
      principal: owner.principal,
      owner,
    })
  }

  /** Answers, and is over. */
  end(bytes: Buffer | undefined, status?: number): void {
    if (this.#over) return
    this.#over = true
    this.stream.finish(bytes, status)
    this.#host.done(this)
  }

  /** Ends a listener as a server does that shuts down: with a result (MCP M21). */
  endGracefully(): void {
    if (this.isListening) this.end(gracefulEnd(this.message))
  }

  /** The client went away. */
  left(): void {
    if (this.#over) return
    this.#over = true
    if (this.pending !== undefined) this.child?.connection.cancel(this.pending, 'The client closed the connection')
    this.stream.finish(undefined)
    this.#host.done(this)
  }

  finished(): void {
    // Nothing is kept of an answer that was sent
  }

  /** A shared child does not wait for a slow reader: that one's answer ends instead. */
  pressed(): void {
    if (!this.stream.isOverfull) return
    this.stream.detach()
    this.left()
  }
}
