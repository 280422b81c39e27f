import { gatewayCode, Refusal } from '@mcp-gateway/core/internal'

/**
 * Why a request is not served now, and when it may be.
 *
 * @param status 429 when this caller has too much, 503 when the bridge has, 502 and 504 when the server does not start
 * @param retryAfter seconds
 */
export function temporary(status: 429 | 502 | 503 | 504, description: string, retryAfter: number): Refusal {
  const headers = { 'Retry-After': String(Math.max(1, Math.ceil(retryAfter))) }
  return new Refusal(status, gatewayCode(status), description, { headers })
}

export const cannotStart: Refusal = temporary(
  502,
  'The MCP server could not be started; its operator finds the reason in the log',
  5,
)

export const tooSlowToStart: Refusal = temporary(
  504,
  'The MCP server did not answer in time after its start; its operator can raise handshakeTimeout',
  5,
)

/** All sessions that the bridge may have are open. */
export const tooManySessions: Refusal = temporary(503, 'Session limit reached; try again later', 30)

/** All sessions that one user may have are open. */
export const tooManySessionsOfYours: Refusal = temporary(
  429,
  'Session limit of your user reached; end a session with DELETE, or try again later',
  30,
)

/** All requests that one session may have under way are. */
export const tooManyRequests: Refusal = temporary(429, 'Too many requests of this session wait for their responses', 1)

/** All requests that one user may have under way are. */
export const tooManyRequestsOfYours: Refusal = temporary(429, 'Too many of your requests wait for their responses', 1)

/** More waits for the child than it may. */
export const notKeepingUp: Refusal = temporary(503, 'The MCP server does not keep up with its input', 1)
