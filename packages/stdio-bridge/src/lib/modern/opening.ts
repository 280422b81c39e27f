import type { Context, Message } from '@mcp-gateway/core'
import { errorCodes, isRefusal } from '@mcp-gateway/core/internal'
import { OutStream, type StreamHost } from '../http/out-stream.js'
import { errorBody, refusalBody } from '../refusals/refusal-response.js'

/**
 * One POST of a modern client whose server is still being found out or started. Its stream is open before there is anything
 * to say where that takes long; whatever serves the request takes the stream over.
 */
export class Opening implements StreamHost {
  readonly history = undefined
  readonly priming = false
  readonly retry = 0
  readonly highWaterMark = 1_048_576
  readonly message: Message
  readonly context: Context
  readonly stream: OutStream
  #hasLeft = false
  #isTaken = false

  constructor(message: Message, context: Context) {
    this.message = message
    this.context = context
    this.stream = new OutStream(0, this, context)
  }

  /** Whether its client went away before anything could serve it. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** From now on the stream is another's. */
  give(host: StreamHost): OutStream {
    this.#isTaken = true
    this.stream.adopt(host)
    return this.stream
  }

  /** Ends a stream that is open with the error that would have been the answer. */
  failed(error: unknown): void {
    if (!this.#isWaiting) return
    if (isRefusal(error)) {
      this.stream.finish(refusalBody(error, this.message))
      return
    }
    this.context.logger?.error({ err: error }, 'A request could not be served')
    const text = 'The request could not be served'
    this.stream.finish(errorBody({ code: errorCodes.internalError, message: text }, this.message))
  }

  /** Ends a stream that is open with an answer that was made for nobody's stream. */
  async answered(response: Response): Promise<void> {
    if (this.#isWaiting) this.stream.finish(Buffer.from(await response.text()))
  }

  /** Whether there is a stream that nothing else will end. */
  get #isWaiting(): boolean {
    return this.stream.isOpen && !this.#isTaken
  }

  left(): void {
    this.#hasLeft = true
  }

  finished(): void {
    // Nothing is kept of what was sent
  }

  pressed(): void {
    // Only signs of life have been written
  }
}
