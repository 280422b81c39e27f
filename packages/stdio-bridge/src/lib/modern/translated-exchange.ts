import type { Context, Message } from '@mcp-gateway/core'
import type { ModernExchange, ModernReply, RawJson } from '@mcp-gateway/core/eras'
import { gatewayCode, statusOfCode } from '@mcp-gateway/core/internal'
import { OutStream, type StreamHost } from '../http/out-stream.js'
import type { Refusal } from '../refusal.js'
import { asBuffer, rawId } from '../wire/client-message.js'
import { gracefulEnd } from './graceful-end.js'

/** What a translated exchange tells the leg. */
export interface TranslatedHost {
  /** It is answered, or its client is gone. */
  done(exchange: TranslatedExchange): void
  /** Its call has questions and waits for the retry. */
  parked(exchange: TranslatedExchange): void
  /** A listener lost its child; another is found for it, or it ends. */
  lost(exchange: TranslatedExchange): void
}

/** One POST of a modern client in front of a legacy child, and its answer. */
export class TranslatedExchange implements StreamHost, ModernReply {
  readonly history = undefined
  readonly priming = false
  readonly retry = 0
  readonly highWaterMark = 1_048_576
  readonly message: Message
  readonly stream: OutStream
  readonly #host: TranslatedHost
  /** What answers it. */
  exchange: ModernExchange | undefined
  #isOver = false
  #isRepeated = false
  #isAcknowledged = false
  #losses = 0
  #lostAt = Number.NEGATIVE_INFINITY

  constructor(message: Message, context: Context, host: TranslatedHost) {
    this.message = message
    this.#host = host
    this.stream = new OutStream(0, this, context)
  }

  get isListening(): boolean {
    return this.message.method === 'subscriptions/listen'
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Says what answers it. */
  begin(exchange: ModernExchange | undefined): void {
    this.exchange = exchange
    if (this.#isOver) exchange?.left(this)
  }

  related(message: RawJson): void {
    if (this.#isOver) return
    // A listener that was moved to another child has been acknowledged already
    const isRepeated = this.#isRepeated
    this.#isRepeated = false
    this.#isAcknowledged = true
    if (!isRepeated) this.stream.send(asBuffer(message))
  }

  answered(message: RawJson, errorCode?: number): void {
    this.#end(asBuffer(message), statusOfCode(errorCode))
  }

  inputRequired(message: RawJson): void {
    this.#host.parked(this)
    this.#end(asBuffer(message))
  }

  refused(why: 'too_many' | 'too_many_of_yours'): void {
    const { status, message, retryAfter } = why === 'too_many' ? tooManyParked : tooManyOfYoursParked
    const error = JSON.stringify({ code: gatewayCode(status), message })
    this.stream.addHeaders({ 'Retry-After': String(retryAfter) })
    this.#end(Buffer.from(`{"jsonrpc":"2.0","id":${rawId(this.message)},"error":${error}}`), status)
  }

  lost(): void {
    if (this.#isOver) return
    this.#isRepeated = this.#isAcknowledged
    const isSoon = performance.now() - this.#lostAt < 60_000
    this.#losses = isSoon ? Math.min(this.#losses + 1, 8) : 0
    this.#lostAt = performance.now()
    // The first loss costs nothing; a server that dies at each start must not be started without a pause
    if (this.#losses === 0) this.#host.lost(this)
    else setTimeout(() => !this.#isOver && this.#host.lost(this), 100 * 2 ** this.#losses).unref()
  }

  /** Ends a listener as a server does that shuts down. */
  endGracefully(): void {
    if (!this.isListening) return
    this.#end(gracefulEnd(this.message))
    this.exchange?.left(this)
  }

  /** The client went away (MCP M17). */
  left(): void {
    if (this.#isOver) return
    this.#end(undefined)
    this.exchange?.left(this)
  }

  finished(): void {
    // Nothing is kept of an answer that was sent
  }

  pressed(): void {
    if (!this.stream.isOverfull) return
    this.stream.detach()
    this.left()
  }

  #end(bytes: Buffer | undefined, status?: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.stream.finish(bytes, status)
    this.#host.done(this)
  }
}

const tooManyParked: Refusal = {
  status: 503,
  message: 'Too many calls wait for answers of their clients',
  retryAfter: 10,
}
const tooManyOfYoursParked: Refusal = {
  status: 429,
  message: 'Too many of your calls wait for your answers; answer or let them expire first',
  retryAfter: 10,
}
