import type { Handler } from '../contract/handler.js'
import type { Storage } from '../contract/storage.js'
import type { UpstreamToken } from '../upstream-token/upstream-token.js'
import type { ProxyTls } from './proxy-tls.js'

/** How a proxy treats its upstream. */
export interface ProxyOptions {
  /** Further headers of the client's request that pass, such as `x-tenant`. Never `authorization` or `cookie`. */
  readonly forwardHeaders?: readonly string[]
  /**
   * Whether the query of the client's URL is added to that of the upstream. Parameters that the upstream's URL has stay as
   * they are, and `access_token` never passes. A session that stands for translated requests (`eras`) has the query of the
   * request that began it.
   *
   * @default false
   */
  readonly forwardQuery?: boolean
  /** Headers that every request to the upstream gets, such as the upstream's own API key. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Where the upstream's access token comes from: `clientCredentials` or `tokenExchange` of
   * `@mcp-gateway/core/upstream-token`. The caller's own token is never sent.
   */
  readonly token?: UpstreamToken
  /**
   * Whether the upstream is told who calls, in `X-User-Id` and its kin.
   *
   * @default true
   */
  readonly identityHeaders?: boolean
  /**
   * Seconds until a connection must stand. Only Node lets it be set.
   *
   * @default 5
   */
  readonly connectTimeout?: number
  /**
   * Seconds until the upstream must have begun to answer.
   *
   * @default 120
   */
  readonly firstByteTimeout?: number
  /**
   * Seconds that an answer may be silent half-way. `null` for ever. The streams of GET requests are silent by nature
   * and have no limit.
   *
   * @default 300
   */
  readonly idleTimeout?: number | null
  /**
   * Seconds between the comments that keep a silent event stream open.
   *
   * @default 15
   */
  readonly keepAlive?: number
  /** Asks each upstream whether it is well, at most so often as the interval says, and only while there are requests. */
  readonly healthCheck?: {
    /** A path at the upstream that answers 2xx when it is well. */
    readonly path: string
    /**
     * Seconds.
     *
     * @default 10
     */
    readonly interval?: number
  }
  /**
   * Seconds that an upstream is left alone after it could not be reached.
   *
   * @default 5
   */
  readonly retryAfter?: number
  /**
   * Signs session ids, so that a session belongs to who began it. At least 32 characters, the same in every replica of the
   * gateway. Not needed in a gateway whose authority has a secret that replicas share, as `createAuthorizationServer` has;
   * otherwise random per process by default, so that sessions end with it and no other replica knows them.
   */
  readonly sessionSecret?: string
  /**
   * Where it is kept whose a task is, for a week, so that every replica of the gateway knows it. Without it, the process
   * does: a task that was begun through another one, or before a restart, does not exist for its user any more. Tasks are
   * bound to their users wherever the upstream gets one credential for several of them: without `token`, and with one
   * that does not say `isPerUser`.
   */
  readonly taskStorage?: Storage
  /**
   * Lets clients of either era use a server that speaks one of them: `translateEras()` of `@mcp-gateway/core/eras`. Unless
   * told, a client has to speak what the server speaks.
   */
  readonly eras?: (upstream: Handler) => Handler
  /**
   * How TLS is spoken with upstreams: a certification authority of your own, a certificate of the gateway, HTTP/2. On Node
   * alone, and not beside `fetch`.
   */
  readonly tls?: ProxyTls
  /** Makes the requests; the platform's `fetch` by default. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}
