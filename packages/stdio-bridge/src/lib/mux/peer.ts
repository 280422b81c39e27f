import type { Ending } from '../process/child.js'
import type { ChildMessage } from '../wire/child-message.js'

/** Who waits for the answer to one request. */
export interface Waiter {
  /** Progress of the request, its token already the client's. */
  progress(bytes: Buffer): void
  /** The answer, its id already the client's; or none, when the request was cancelled. Nothing comes after it. */
  answer(bytes: Buffer | undefined): void
}

/** Why a request got no answer from the child. */
export type FailureReason = 'exited' | 'timeout' | 'answer_too_large' | 'closed'

/** A session, or whatever else speaks with a child. */
export interface Peer {
  /** A notification that belongs to no request. */
  notified(message: ChildMessage): void
  /** A request from the child, to be answered through `Connection.reply` with `ask`. */
  asked(message: ChildMessage, ask: number): void
  /** The child withdraws a request of its own. */
  withdrawn(bytes: Buffer, ask: number): void
  /** The child is gone; every waiter was told already. */
  ended(ending: Ending): void
}
