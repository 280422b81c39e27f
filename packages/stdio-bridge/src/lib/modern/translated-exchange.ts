import type { ModernExchange, ModernReply, RawJson } from '@mcp-gateway/core/eras'
import { rawResponse, statusOfCode } from '@mcp-gateway/core/internal'
import { temporary } from '../refusals/refusals.js'
import { asBuffer, rawId } from '../wire/client-message.js'
import { Exchange } from './exchange.js'
import type { Opening } from './opening.js'

/** What a translated exchange tells the endpoint. */
export interface TranslatedHost {
  /** It is over. */
  done(exchange: TranslatedExchange): void
  /** Its call has questions and waits for the retry. */
  parked(exchange: TranslatedExchange): void
  /** A listener lost its child; another is found for it, or it ends. */
  lost(exchange: TranslatedExchange): void
}

/** One POST of a modern client in front of a legacy child, as what the translation replies to. */
export class TranslatedExchange extends Exchange implements ModernReply {
  readonly #host: TranslatedHost
  /** What answers it. */
  exchange: ModernExchange | undefined
  #losses = 0
  #lostAt = Number.NEGATIVE_INFINITY

  constructor(opening: Opening, host: TranslatedHost) {
    super(opening)
    this.#host = host
  }

  /** Says what answers it. */
  begin(exchange: ModernExchange | undefined): void {
    this.exchange = exchange
    if (this.isOver) exchange?.left(this)
  }

  related(message: RawJson): void {
    this.send(asBuffer(message))
  }

  answered(message: RawJson, errorCode?: number): void {
    this.end(asBuffer(message), statusOfCode(errorCode))
  }

  inputRequired(message: RawJson): void {
    this.#host.parked(this)
    this.end(asBuffer(message))
  }

  refused(why: 'too_many' | 'too_many_of_yours'): void {
    const { status, code, description, headers } = why === 'too_many' ? tooManyParked : tooManyOfYoursParked
    const error = JSON.stringify({ code, message: description })
    this.stream.addHeaders(headers)
    this.end(asBuffer(rawResponse(rawId(this.message), { error })), status)
  }

  lost(): void {
    if (this.isOver) return
    this.move()
    const isSoon = performance.now() - this.#lostAt < 60_000
    this.#losses = isSoon ? Math.min(this.#losses + 1, 8) : 0
    this.#lostAt = performance.now()
    // The first loss costs nothing; a server that dies at each start must not be started without a pause
    if (this.#losses === 0) this.#host.lost(this)
    else setTimeout(() => !this.isOver && this.#host.lost(this), 100 * 2 ** this.#losses).unref()
  }

  override endGracefully(): void {
    super.endGracefully()
    if (this.isListening) this.cancel()
  }

  protected override done(): void {
    this.#host.done(this)
  }

  protected override cancel(): void {
    this.exchange?.left(this)
  }
}

const tooManyParked = temporary(503, 'Too many calls wait for the replies of their clients', 10)
const tooManyOfYoursParked = temporary(
  429,
  'Too many of your calls wait for your replies; reply or let them expire first',
  10,
)
