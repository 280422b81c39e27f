import type { Context } from '../../contract/handler.js'
import { jsonRpcError } from '../../http/json-rpc-error.js'
import { respond } from '../../http/respond.js'
import { writeEvent } from '../../http/write-event.js'
import { applyTransforms } from '../../message/apply-transforms.js'
import { parseMessage } from '../../message/parse-message.js'
import { errorCodes } from '../../protocol/error-codes.js'

/** Seconds between signs of life on a silent stream. */
const keepAlive = 15
/** Seconds until a client hears that its request is under way, where there is nothing else to say. */
const openAfter = 10
/** Bytes that may wait for a reader before its connection is given up. */
const maxQueued = 16_777_216
const comment = new TextEncoder().encode(': keep-alive\n\n')
const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

/**
 * The answer to one request of a client whose era is translated: JSON where the answer comes first, an event stream
 * otherwise. Each message passes the transforms of the context once, in order.
 */
export class Reply {
  readonly response: Promise<Response>
  readonly #context: Context
  readonly #onLeft: () => void
  #decide: (response: Response) => void = () => undefined
  #isDecided = false
  #isOver = false
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #before: Promise<void> | undefined

  /** @param onLeft hears when the client closes the stream before its end */
  constructor(context: Context, onLeft: () => void) {
    this.#context = context
    this.#onLeft = onLeft
    this.response = new Promise((resolve) => {
      this.#decide = resolve
    })
    this.#timer = setTimeout(() => this.open(), openAfter * 1000)
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  get isOpen(): boolean {
    return this.#controller !== undefined
  }

  /** Whether a client is there to read what is sent. */
  get isAttached(): boolean {
    return !this.#isDecided || this.isOpen
  }

  /** Opens the event stream. */
  open(): void {
    if (this.#isDecided) return
    this.#isDecided = true
    clearTimeout(this.#timer)
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        cancel: () => {
          this.#stop()
          if (!this.#isOver) this.#onLeft()
        },
      },
      { highWaterMark: 0, size: (chunk) => chunk.byteLength },
    )
    this.#timer = setInterval(() => this.#write(comment), keepAlive * 1000)
    ;(this.#timer as { unref?: () => void }).unref?.()
    this.#decide(new Response(stream, { headers }))
  }

  /** Sends a message that is not the answer. `withheld` hears when a transform keeps it back. */
  send(message: Uint8Array, withheld?: () => void): void {
    this.#transformed(message, (bytes) => {
      if (bytes === undefined) {
        withheld?.()
        return
      }
      this.open()
      this.#write(writeEvent(bytes))
    })
  }

  /** Sends the answer, or nothing more at all, and ends. */
  finish(message?: Uint8Array, status = 200, more: Record<string, string> = {}): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#transformed(message, (bytes) => {
      if (this.#isDecided) {
        if (bytes !== undefined) this.#write(writeEvent(bytes))
        this.#controller?.close()
        this.#stop()
        return
      }
      this.#isDecided = true
      clearTimeout(this.#timer)
      this.#decide(
        bytes === undefined
          ? new Response(null, { status: 202 })
          : respond(bytes, { status, headers: { 'Content-Type': 'application/json', ...more } }),
      )
    })
  }

  #write(bytes: Uint8Array): void {
    const controller = this.#controller
    if (controller === undefined) return
    controller.enqueue(bytes)
    if ((controller.desiredSize ?? 0) > -maxQueued) return
    controller.close()
    this.#stop()
    this.#onLeft()
  }

  #stop(): void {
    this.#controller = undefined
    clearInterval(this.#timer)
  }

  #transformed(message: Uint8Array | undefined, then: (bytes: Uint8Array | undefined) => void): void {
    const { transforms } = this.#context
    if (this.#before === undefined && (message === undefined || transforms === undefined || transforms.length === 0)) {
      then(message)
      return
    }
    this.#before = (this.#before ?? Promise.resolve())
      .then(async () => {
        if (message === undefined) then(undefined)
        else then((await applyTransforms(this.#context, parseMessage(message)))?.bytes)
      })
      .catch((error) => this.#broken(error))
  }

  // A transform that throws must not let the message pass that it was to check
  #broken(error: unknown): void {
    this.#context.logger?.error({ err: error }, 'A transform failed; the message was not passed on')
    this.#isOver = true
    if (this.#isDecided) {
      this.#controller?.close()
      this.#stop()
      return
    }
    this.#isDecided = true
    clearTimeout(this.#timer)
    const id = this.#context.message?.id
    this.#decide(
      jsonRpcError({ status: 500, code: errorCodes.internalError, message: 'The answer could not be checked', id }),
    )
  }
}
