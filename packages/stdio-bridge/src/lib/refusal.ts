import { jsonRpcError, type Message } from '@mcp-gateway/core'

/** Why a request is not served now, and when it may be. */
export interface Refusal {
  /** 429 when this caller has too much, 503 when the bridge has, 502 when the server cannot be started. */
  readonly status: 429 | 502 | 503 | 504
  readonly message: string
  /** Seconds. */
  readonly retryAfter: number
}

/** The refusal as an answer to this request. */
export function refuse({ status, message, retryAfter }: Refusal, request?: Message): Response {
  const id = request?.kind === 'request' ? request.id : null
  return jsonRpcError({ status, message, id }, { 'Retry-After': String(Math.max(1, Math.ceil(retryAfter))) })
}

/** Tells a refusal from what could be had. */
export function isRefusal(value: object): value is Refusal {
  return 'retryAfter' in value
}

export const cannotStart: Refusal = {
  status: 502,
  message: 'The MCP server could not be started; its operator finds the reason in the log',
  retryAfter: 5,
}

export const tooSlowToStart: Refusal = {
  status: 504,
  message: 'The MCP server did not answer in time after its start; its operator can raise handshakeTimeout',
  retryAfter: 5,
}
