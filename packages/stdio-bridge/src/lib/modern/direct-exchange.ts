import { type Owner, statusOfCode } from '@mcp-gateway/core/internal'
import type { ServingChild } from '../children/child-groups.js'
import type { Pending } from '../connection/peer.js'
import { Exchange } from './exchange.js'
import type { Opening } from './opening.js'

/** What an exchange tells the endpoint. */
export interface DirectHost {
  /** It is over. */
  done(exchange: DirectExchange): void
  /** A listener lost its child; another is found for it, or it ends. */
  lost(exchange: DirectExchange): void
}

/** One POST of a modern client in front of a modern child: its bytes pass as they are. */
export class DirectExchange extends Exchange {
  readonly owner: Owner
  child: ServingChild | undefined
  pending: Pending | undefined
  readonly #host: DirectHost

  constructor(opening: Opening, owner: Owner, host: DirectHost) {
    super(opening)
    this.owner = owner
    this.#host = host
  }

  /** Sends the request to this child. */
  run(child: ServingChild): void {
    this.child = child
    this.move()
    const related = (bytes: Buffer) => this.send(bytes)
    const answer = (bytes: Buffer | undefined, errorCode?: number) => {
      if (this.isOver) return
      if (this.isListening && child.connection.isOver && this.isAcknowledged) this.#host.lost(this)
      else this.end(bytes, statusOfCode(errorCode))
    }
    const { owner } = this
    this.pending = child.connection.request(this.message, {
      waiter: { related, answer },
      principal: owner.principal,
      owner,
    })
  }

  protected override done(): void {
    this.#host.done(this)
  }

  protected override cancel(): void {
    if (this.pending !== undefined) this.child?.connection.cancel(this.pending, 'The client closed the connection')
  }
}
