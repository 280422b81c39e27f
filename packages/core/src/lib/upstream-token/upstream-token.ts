import type { Context } from '../handler.js'

/** Where a proxy gets the access token for its upstream. Never the caller's own (MCP R3: no token passthrough). */
export interface UpstreamToken {
  /**
   * The token for a request. Rejects with a `GatewayError`: `temporarily_unavailable` when the issuer does not answer,
   * `outbound_refused` when it gives none.
   */
  get(context: Context): Promise<string>
  /** The upstream refused this token: it is not given again. */
  drop(context: Context, token: string): Promise<void>
}
