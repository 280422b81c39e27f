import type { Message } from '@mcp-gateway/core'
import { metaKeys, rawResponse } from '@mcp-gateway/core/internal'
import type { OutStream, StreamHost } from '../http/out-stream.js'
import { asBuffer, rawId } from '../wire/client-message.js'
import type { Opening } from './opening.js'

/** One POST of a modern client and its answer. The client's going away is its cancellation (MCP M17). */
export abstract class Exchange implements StreamHost {
  readonly history = undefined
  readonly priming = false
  readonly retry = 0
  readonly highWaterMark = 1_048_576
  readonly message: Message
  readonly stream: OutStream
  #isOver = false
  #isAcknowledged = false
  #isRepeated = false

  constructor(opening: Opening) {
    this.message = opening.message
    this.stream = opening.give(this)
  }

  /** Hears once that it is answered, or that its client is gone. */
  protected abstract done(): void

  /** Tells the server that nobody waits any more. */
  protected abstract cancel(): void

  get isListening(): boolean {
    return this.message.method === 'subscriptions/listen'
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether a listener was told that it listens. */
  protected get isAcknowledged(): boolean {
    return this.#isAcknowledged
  }

  /** A listener goes to another child: what that one says first has been said already. */
  protected move(): void {
    this.#isRepeated = this.#isAcknowledged
  }

  /** Sends a message that is not the answer. */
  protected send(bytes: Buffer): void {
    if (this.#isOver) return
    const isRepeated = this.#isRepeated
    this.#isRepeated = false
    this.#isAcknowledged = true
    if (!isRepeated) this.stream.send(bytes)
  }

  /** Answers, and is over. */
  end(bytes: Buffer | undefined, status?: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.stream.finish(bytes, status)
    this.done()
  }

  /** Ends a listener as a server does that shuts down: with a result (MCP M21). */
  endGracefully(): void {
    if (this.isListening) this.end(gracefulEnd(this.message))
  }

  /** The client went away. */
  left(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.cancel()
    this.stream.finish(undefined)
    this.done()
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

/** The result that ends a `subscriptions/listen` of a server that shuts down (MCP M21). */
function gracefulEnd(message: Message): Buffer {
  const id = rawId(message)
  const tag = `"_meta":{"${metaKeys.subscriptionId}":${id}}`
  return asBuffer(rawResponse(id, { result: `{"resultType":"complete",${tag}}` }))
}
