import { GatewayError } from '@mcp-gateway/core'

/** What every verb rejects with when the store behind it fails. */
export function unavailable(store: string, cause: unknown): GatewayError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new GatewayError('temporarily_unavailable', `${store} storage does not answer: ${reason}`, { cause })
}
