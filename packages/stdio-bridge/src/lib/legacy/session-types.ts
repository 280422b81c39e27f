import type { Connection } from '../connection/connection.js'
import type { Routing } from '../connection/routing.js'
import type { SessionConnection } from '../connection/session-connection.js'
import type { Refusal } from '../refusal.js'

/** Gives a connection to a new child. */
export type Connect = (principal: string, routing: Routing) => Promise<Connection | Refusal>

/** What a session takes from the options of its bridge. */
export interface SessionSettings {
  readonly historyBytes: number
  readonly highWaterMark: number
  /** In ms. */
  readonly retry: number
}

/** Whose session it is: another's token finds nothing (MCP L9). */
export interface SessionOwner {
  readonly principal: string
  readonly audience: string
  readonly scopes: readonly string[]
}

/** What a session is looked after for; all in ms. */
export interface SessionCare {
  /** How long an undecided answer waits before it becomes a stream. */
  readonly openAfter: number
  /** Whether it is time for a sign of life. */
  readonly keepAlive: boolean
  /** How long a request of the child waits for a client to ask. */
  readonly askTimeout: number
  /** How long a client may think about what it was asked. */
  readonly answerTimeout: number
  /** How long a reader may take nothing before its connection is given up. */
  readonly stallTimeout: number
}

/** What else is to be done with a request. */
export interface RequestHooks {
  /** Sees the answer first, and may add headers. */
  readonly answered?: (bytes: Buffer) => Record<string, string>
  /** Finds something else to ask, where the first answer is an error, or there is none. */
  readonly instead?: () => Promise<SessionConnection | undefined>
}
