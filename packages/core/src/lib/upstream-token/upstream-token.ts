import type { Context } from '../contract/handler.js'

/**
 * How a client is asked for what a token needs from its user first. `proxy` knows nothing of accounts: it asks this where
 * `get` or `drop` has rejected, and lets it take the client's reply out of the messages for the upstream.
 */
export interface UpstreamTokenPrompt {
  /** The context whose message is without the client's reply to an earlier answer of this prompt. */
  withoutReply(context: Context): Context
  /**
   * What the client is told; `undefined` for an error that is not about the user.
   *
   * @param sessionOpensUrls whether the client declared, when its session began, that it can open URLs (legacy era)
   */
  answer(error: unknown, context: Context, sessionOpensUrls: boolean): Response | undefined
}

/** Where a proxy gets the access token for its upstream. Never the caller's own (MCP R3: no token passthrough). */
export interface UpstreamToken {
  /**
   * The token for a request. Rejects with a `GatewayError`: `temporarily_unavailable` when the issuer does not answer,
   * `outbound_refused` when it gives none, and with a `ConnectRequired` when the user has to do something first; the client
   * is told of that only where there is a `prompt`.
   */
  get(context: Context): Promise<string>
  /**
   * The upstream refused this token: it is not given again.
   *
   * @param again whether it was got for this very request, after the upstream had refused another one. Where that means
   *   that the user has taken back what they granted, this rejects with a `ConnectRequired`.
   */
  drop(context: Context, token: string, again: boolean): Promise<void>
  /**
   * Whether each user gets tokens of their own, by which the upstream tells users apart. Where it is left out, a proxy
   * keeps the users' tasks apart itself.
   */
  readonly isPerUser?: boolean
  /** How the client is asked for what the user has to do first; `connectPrompt` for connecting an account. */
  readonly prompt?: UpstreamTokenPrompt
}
