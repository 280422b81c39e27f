import type { Context } from '../contract/handler.js'

/** Where a proxy gets the access token for its upstream. Never the caller's own (MCP R3: no token passthrough). */
export interface UpstreamToken {
  /**
   * The token for a request. Rejects with a `GatewayError`: `temporarily_unavailable` when the issuer does not answer,
   * `outbound_refused` when it gives none, and with a `ConnectRequired` when the user has to do something first.
   */
  get(context: Context): Promise<string>
  /**
   * The upstream refused this token: it is not given again.
   *
   * @param again whether it was got for this very request, after the upstream had refused another one. Where that means
   *   that the user has taken back what they granted, this rejects with a `ConnectRequired`.
   */
  drop(context: Context, token: string, again: boolean): Promise<void>
}
