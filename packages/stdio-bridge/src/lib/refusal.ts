import { type JsonRpcErrorOptions, type Message, respond } from '@mcp-gateway/core'
import { gatewayCode } from '@mcp-gateway/core/internal'
import { rawId } from './wire/client-message.js'

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
  return refuseWith({ status, message }, request, { 'Retry-After': String(Math.max(1, Math.ceil(retryAfter))) })
}

/** An error as the answer to this request, with its id as the client wrote it. */
export function refuseWith(
  { status, code = gatewayCode(status), message, data }: JsonRpcErrorOptions,
  request?: Message,
  headers: Record<string, string> = {},
): Response {
  const error = JSON.stringify(data === undefined ? { code, message } : { code, message, data })
  const id = request === undefined ? 'null' : rawId(request)
  const body = Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${error}}`)
  return respond(body, { status, headers: { 'Content-Type': 'application/json', ...headers } })
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

const noRoom: Refusal = {
  status: 503,
  message: 'The machine has no room for another MCP server process; its operator finds the reason in the log',
  retryAfter: 10,
}

/** What a caller is told when the system refuses a process. */
export function refusedBySystem(error: unknown): Refusal {
  return isShortage(error) ? noRoom : cannotStart
}

/** Whether the machine has too little of something, which may pass. */
export function isShortage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EAGAIN' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM'
}

export const tooSlowToStart: Refusal = {
  status: 504,
  message: 'The MCP server did not answer in time after its start; its operator can raise handshakeTimeout',
  retryAfter: 5,
}
