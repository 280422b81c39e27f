import type { Handler } from '../contract/handler.js'
import type { UpstreamToken } from '../upstream-token/upstream-token.js'

/** How a proxy treats its upstream. */
export interface ProxyOptions {
  /** Further headers of the client's request that pass, such as `x-tenant`. Never `authorization` or `cookie`. */
  readonly forwardHeaders?: readonly string[]
  /** Headers that every request to the upstream gets, such as the upstream's own API key. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Where the upstream's access token comes from: `clientCredentials` or `tokenExchange` of
   * `@mcp-gateway/core/upstream-token`. The caller's own token is never sent.
   */
  readonly token?: UpstreamToken
  /** Whether the upstream is told who calls, in `X-User-Id` and its kin; `true` unless told. */
  readonly identityHeaders?: boolean
  /** Seconds until a connection must stand; 5 unless told. Only Node lets it be set. */
  readonly connectTimeout?: number
  /** Seconds until the upstream must have begun to answer; 120 unless told. */
  readonly firstByteTimeout?: number
  /**
   * Seconds that an answer may be silent half-way; 300 unless told, `null` for ever. The streams of GET requests are
   * silent by nature and have no limit.
   */
  readonly idleTimeout?: number | null
  /** Asks each upstream whether it is well, at most so often as the interval says, and only while there are requests. */
  readonly healthCheck?: {
    /** A path at the upstream that answers 2xx when it is well. */
    readonly path: string
    /** Seconds; 10 unless told. */
    readonly interval?: number
  }
  /** Seconds that an upstream is left alone after it could not be reached; 5 unless told. */
  readonly retryAfter?: number
  /**
   * Signs session ids, so that a session belongs to who began it. At least 32 characters, the same in every replica of
   * the gateway; unless told, random per process, so that sessions end with it.
   */
  readonly sessionSecret?: string
  /**
   * Lets clients of either era use a server that speaks one of them: `translateEras()` of `@mcp-gateway/core/eras`. Unless
   * told, a client has to speak what the server speaks.
   */
  readonly eras?: (upstream: Handler) => Handler
  /** Makes the requests; the platform's `fetch` unless told. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}
