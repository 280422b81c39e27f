import type { EraLinkCall } from '@mcp-gateway/core/eras'
import type { Owner } from '@mcp-gateway/core/internal'
import type { Ending } from '../process/child.js'
import type { ChildMessage } from '../wire/child-message.js'

/** Who waits for the response to one request. */
export interface Waiter {
  /** A notification that belongs to the request, in the client's own terms. */
  related(bytes: Buffer): void
  /** A request for the client that belongs to this one; where it is left out, the peer is asked. */
  asked?(bytes: Buffer, ask: number): void
  /**
   * The response, its id already the client's, with the code when it is an error; or nothing, when the request was
   * cancelled. Nothing comes after it.
   */
  answer(bytes: Buffer | undefined, errorCode?: number): void
}

/** Why a request got no response from the child. */
export type FailureReason = 'exited' | 'timeout' | 'answer_too_large' | 'answer_unreadable' | 'closed'

/** Who stands for a client at a connection: a session. */
export interface Peer {
  /** Which session it is; absent for a translation, which stands for all its clients. */
  readonly id?: string
  /** Whose session it is. */
  readonly owner?: Owner
  /** The resources that it has subscribed to. */
  readonly subscriptions: ReadonlySet<string>
  /** A notification that belongs to no request. */
  notified(message: ChildMessage): void
  /** A request from the child, to be answered through `Connection.reply` with `ask`. */
  asked(message: ChildMessage, ask: number): void
  /** The child withdraws a request of its own. */
  withdrawn(bytes: Buffer, ask: number): void
  /** The child is gone; every waiter was told already. */
  ended(ending: Ending): void
}

/** One request that the child has not responded to. */
export interface Pending {
  readonly number: number
  readonly waiter: Waiter
  /** Hears of it in place of the waiter, where the client speaks another era than the child. */
  readonly link?: EraLinkCall
  readonly peer?: Peer
  readonly method: string
  /** Whose request it is. */
  readonly principal: string
  /** As whom it begins tasks and asks for them. */
  readonly owner: Owner
  /** The client's id, as it wrote it. */
  readonly id: Buffer
  /** The client's progress token, as it wrote it. */
  readonly token?: Buffer
  /** Whether the client wants log messages for this request (MCP M22). */
  readonly wantsLog: boolean
  readonly startedAt: number
  /** When it last showed a sign of life, by `performance.now()`. */
  activeAt: number
}

/** A request on its way in. */
export interface Caller {
  readonly waiter: Waiter
  readonly principal: string
  /** As whom it begins tasks and asks for them; a user without audience and scopes where it is left out. */
  readonly owner?: Owner
  readonly peer?: Peer
}
