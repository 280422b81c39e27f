import { type Context, respond } from '@mcp-gateway/core'
import { parseMessage } from '@mcp-gateway/core/gateway'
import { applyTransforms, errorCodes, jsonRpcError } from '@mcp-gateway/core/internal'
import { asBuffer } from '../wire/client-message.js'
import { EventBody } from './event-body.js'
import type { History } from './history.js'
import { comment, eventFrame, primingFrame, retryFrame, sseHeaders } from './sse.js'

/** What a stream towards a client needs from its session. */
export interface StreamHost {
  /** Where sent events are kept for replay; absent where the revision has no resumption. */
  readonly history: History | undefined
  /** Whether the client understands an event without content (revision 2025-11-25). */
  readonly priming: boolean
  /** How long a client should wait before it comes back, in ms. */
  readonly retry: number
  /** Bytes that may wait for a slow reader before the child is paused. */
  readonly highWaterMark: number
  /** The client of this stream went away, while there was more to come. */
  left(stream: OutStream): void
  /** A stream has got its last message. */
  finished(stream: OutStream): void
  /** A stream's reader fell behind or caught up. */
  pressed(): void
}

/**
 * The answer to one POST, or one GET stream. A POST's answer is decided late: when the first message is the answer it
 * is plain JSON, otherwise an event stream. Transforms see every message once, in order, before it enters the history.
 */
export class OutStream {
  readonly id: number
  /** Settles once it is decided how to answer. */
  readonly response: Promise<Response>
  readonly openedAt: number = performance.now()
  #host: StreamHost
  readonly #context: Context
  readonly #headers: Record<string, string> = {}
  readonly #streamHeaders: Readonly<Record<string, string>>
  #decide: (response: Response) => void = () => undefined
  #decided = false
  #body: EventBody | undefined
  #sequence = 0
  #ended = false
  #transforms: Promise<void> | undefined

  /** @param streamHeaders headers that an event stream has, whatever it begins with, and an answer alone has not */
  constructor(id: number, host: StreamHost, context: Context, streamHeaders: Readonly<Record<string, string>> = {}) {
    this.id = id
    this.#streamHeaders = streamHeaders
    this.#host = host
    this.#context = context
    this.response = new Promise((resolve) => {
      this.#decide = resolve
    })
  }

  /** Whether it was decided that the answer is an event stream. */
  get isOpen(): boolean {
    return this.#body !== undefined
  }

  /** Whether nothing more will be sent. */
  get isEnded(): boolean {
    return this.#ended
  }

  /** Whether an event stream was opened, so that its client can come back to it. */
  get isStream(): boolean {
    return this.#sequence > 0
  }

  /** Whether a client is there to read. */
  get isAttached(): boolean {
    return !this.#decided || this.#body?.isOpen === true
  }

  get isFull(): boolean {
    return this.#body?.isFull === true
  }

  /** Whether more waits for the reader than a bridge should hold. */
  get isOverfull(): boolean {
    return (this.#body?.queued ?? 0) > this.#host.highWaterMark * 16
  }

  /** When the reader last took something, by `performance.now()`. */
  get readAt(): number {
    return this.#body?.activeAt ?? this.openedAt
  }

  /** The sequence number of the last event. */
  get last(): number {
    return this.#sequence
  }

  /** From now on another one hears of its reader. */
  adopt(host: StreamHost): void {
    this.#host = host
  }

  /** Opens the event stream now, whatever comes first; `first` is written as it is. */
  open(first?: Buffer): void {
    if (this.#decided) return
    this.#decided = true
    this.#body = this.#newBody()
    if (first !== undefined) this.#body.write(first)
    if (this.#host.priming) this.#frame((id) => primingFrame(id, this.#host.retry))
    const headers = { ...sseHeaders, ...this.#streamHeaders, ...this.#headers }
    this.#decide(new Response(this.#body.stream, { headers }))
  }

  /** More headers, where none were sent yet. */
  addHeaders(headers: Record<string, string>): void {
    Object.assign(this.#headers, headers)
  }

  /** A sign of life, where there is a stream already. */
  keepAlive(): void {
    if (this.#body?.isOpen === true && !this.#body.isFull) this.#body.write(comment)
  }

  /**
   * Sends a message that is not the answer; `withheld` hears when a transform did not let it pass, `lost` when nobody was there
   * to read it and it is not kept, or not any more. The transforms are those of the request that the message belongs to, where
   * it is another than that of the stream.
   */
  send(bytes: Buffer, withheld?: () => void, context: Context = this.#context, lost?: () => void): void {
    const pass = (message: Buffer) => {
      this.open()
      this.#frame((id) => eventFrame(message, id), lost)
    }
    this.#transformed(bytes, pass, withheld, context)
  }

  /** Sends the answer, or nothing more at all, and ends; the status counts where it is not decided yet. */
  finish(bytes: Buffer | undefined, status = 200): void {
    if (bytes === undefined) {
      this.#after(() => this.#end())
      return
    }
    this.#transformed(bytes, (message) => {
      if (this.#decided) this.#frame((id) => eventFrame(message, id))
      else this.respond(jsonResponse(message, status, this.#headers))
      this.#end()
    })
  }

  /** Answers with this response, when nothing was decided yet. */
  respond(response: Response): void {
    if (this.#decided) return
    this.#decided = true
    this.#ended = true
    this.#decide(response)
    this.#host.finished(this)
  }

  /** Gives the stream to a client that came back for what follows an event; `undefined` when that is gone (MCP L6). */
  resume(after: number): Response | undefined {
    // A POST that has not been answered yet may still be answered with JSON
    if (!this.isStream) return undefined
    const missed = this.#host.history?.after(this.id, after, this.#sequence)
    if (missed === undefined) return undefined
    this.#body?.end()
    this.#body = this.#newBody()
    for (const frame of missed) this.#body.write(frame)
    const response = new Response(this.#body.stream, { headers: sseHeaders })
    if (this.#ended) this.#body.end()
    return response
  }

  /** Tells the client how long to wait before it comes back (MCP L3); ms. */
  hint(retry: number): void {
    if (this.#body?.isOpen === true) this.#body.write(retryFrame(retry))
  }

  /** Ends the connection, not the stream: the client may come back for the rest. */
  detach(): void {
    const wasFull = this.isFull
    this.#body?.end()
    // Nobody reads what waits there, so nobody else shall wait for it
    if (wasFull) this.#host.pressed()
  }

  #newBody(): EventBody {
    const body: EventBody = new EventBody(this.#host.highWaterMark, {
      closed: () => {
        // A client that came back has a new body already
        if (this.#body === body && !this.#ended) this.#host.left(this)
        this.#host.pressed()
      },
      drained: () => this.#host.pressed(),
    })
    return body
  }

  #frame(make: (id: string | undefined) => Buffer, lost?: () => void): void {
    const { history } = this.#host
    const sequence = ++this.#sequence
    const frame = make(history === undefined ? undefined : `${this.id}-${sequence}`)
    const isRead = this.#body?.isOpen === true
    if (history === undefined && !isRead) lost?.()
    history?.add({ stream: this.id, sequence, frame, ...(isRead || lost === undefined ? {} : { lost }) })
    this.#body?.write(frame)
    if (this.#body?.isFull === true) this.#host.pressed()
  }

  #end(): void {
    if (this.#ended) return
    this.open()
    this.#ended = true
    const wasFull = this.isFull
    this.#body?.end()
    this.#host.finished(this)
    if (wasFull) this.#host.pressed()
  }

  #transformed(bytes: Buffer, then: (bytes: Buffer) => void, withheld?: () => void, context = this.#context): void {
    const { transforms } = context
    if (transforms === undefined || transforms.length === 0) {
      this.#after(() => then(bytes))
      return
    }
    // What a transform gets may outlive the chunk that the child's line is part of
    const own = Buffer.from(bytes)
    this.#after(async () => {
      const message = await applyTransforms(context, parseMessage(own))
      if (message === undefined) withheld?.()
      else then(asBuffer(message.bytes))
    })
  }

  /** Keeps the order where a transform takes its time. */
  #after(step: () => void | Promise<void>): void {
    if (this.#transforms === undefined) {
      const running = step()
      if (running === undefined) return
      const settled: Promise<void> = running
        .catch((error) => this.#broken(error))
        .finally(() => {
          if (this.#transforms === settled) this.#transforms = undefined
        })
      this.#transforms = settled
      return
    }
    const settled: Promise<void> = this.#transforms
      .then(step)
      .catch((error) => this.#broken(error))
      .finally(() => {
        if (this.#transforms === settled) this.#transforms = undefined
      })
    this.#transforms = settled
  }

  // A transform that throws must not let the message pass that it was to check
  #broken(error: unknown): void {
    this.#context.logger?.error({ err: error }, 'A transform failed; the message was not passed on')
    const id = this.#context.message?.id
    this.respond(
      jsonRpcError({ status: 500, code: errorCodes.internalError, message: 'The answer could not be checked', id }),
    )
    this.#end()
  }
}

function jsonResponse(bytes: Buffer, status: number, headers: Record<string, string>): Response {
  return respond(bytes, { status, headers: { 'Content-Type': 'application/json', ...headers } })
}
