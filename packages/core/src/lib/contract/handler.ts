import type { AuthInfo } from './auth-info.js'
import type { Check } from './check.js'
import type { Logger } from './logger.js'
import type { Message, MessageTransform } from './message.js'
import type { RequestRecord } from './request-record.js'

/**
 * Answers a web `Request` with a web `Response`. Everything in the gateway is one: a proxy, a bridge, an authorization
 * server, the gateway itself. A refusal is a `Response`; a handler throws only for programmer errors and for an
 * outside world that broke.
 */
export type Handler = (request: Request, context: Context) => Response | Promise<Response>

/**
 * Stands in front of a {@link Handler}. `next` is itself a handler, so what a middleware changes for those behind it
 * is visible at the call: `next(request, { ...context, auth })`.
 */
export type Middleware = (request: Request, context: Context, next: Handler) => Response | Promise<Response>

/** Where the request came from, as the host adapter saw it. */
export interface Client {
  /** The client's IP address, from the socket or from a trusted proxy; absent on hosts that cannot know it. */
  readonly address?: string
  /**
   * The IP address of the other end of the socket, whatever it says about others: behind a reverse proxy the proxy's.
   * Absent on hosts that cannot know it.
   */
  readonly peer?: string
}

/**
 * What is known about a request beside the request itself. Read-only, extended by spreading, and typed by declaration
 * merging. Nothing in it is ever taken from a header that a client could have written.
 */
export interface Context {
  /** The peer, set by the host adapter. */
  readonly client?: Client
  /**
   * Path and query exactly as the client sent them, set by the host adapter. `request.url` has been normalised: it does
   * not tell any more that there were dot segments or backslashes in it.
   */
  readonly target?: string
  /** The verified access token, set by `bearerAuth`. */
  readonly auth?: AuthInfo
  /** The protected resource this request is for (RFC 8707 `resource`), as the string that was configured. */
  readonly resource?: string
  /** The JSON-RPC message of a POST; its bytes replace `request.body`, which is consumed. Set by `message`. */
  readonly message?: Message
  /** What must see, and may change, each message on its way to the client; applied once by whoever ends the chain. */
  readonly transforms?: readonly MessageTransform[]
  /**
   * 32 secret bytes for a purpose, the same in every replica of the gateway: those of its authority. Set by the gateway where
   * the authority has some.
   */
  readonly sharedSecret?: (purpose: string) => Promise<Uint8Array>
  /** One id for the whole request, also in the answer's `X-Request-Id`. */
  readonly requestId?: string
  /** Where this request's log lines go. */
  readonly logger?: Logger
  /** What is written down about the request. Set by the gateway; pieces that are used alone do without. */
  readonly record?: RequestRecord
}

/**
 * What every `create*` function returns. `fetch` is for hosts and takes the request alone: hosts pass a second
 * argument of their own, which must never be taken for trusted context. Gateways and middleware call `handle`.
 */
export interface Mountable {
  /** `handle(request, {})`. */
  readonly fetch: (request: Request) => Promise<Response>
  readonly handle: Handler
  /** Whether it works, and what it depends on; the gateway that it is a part of asks in `/ready`. */
  readonly check?: Check
  /** Makes `/ready` answer 503, so that load balancers send no more; requests are served until `close`. */
  readonly willClose?: () => void
  /** Ends what `start` or the first request began: children, timers, connections. Resolves when nothing is left. */
  readonly close?: () => Promise<void>
}
