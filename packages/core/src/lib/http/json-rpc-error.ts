import { gatewayCode } from '../protocol/error-codes.js'
import { respond } from './respond.js'

/** What a JSON-RPC error answer holds. */
export interface JsonRpcErrorOptions {
  /** The HTTP status. */
  readonly status: number
  /**
   * The JSON-RPC error code. Unless given, the gateway's own: -31000 minus the status, which lies outside the range
   * that JSON-RPC and MCP keep for themselves (-32768 to -32000).
   */
  readonly code?: number
  /** What went wrong and what to change, for the developer of the client. */
  readonly message: string
  /** The id of the request that failed; `null` (or left out) when it is not known. */
  readonly id?: string | number | null
  /** Machine-readable detail. */
  readonly data?: unknown
}

/**
 * Answers with a JSON-RPC error. It does not log, and what it is given reaches the client as it is.
 *
 * @see JSON-RPC 2.0 section 5.1
 * @example
 * ```ts
 * return jsonRpcError({ status: 504, message: 'The server did not answer within 30 s', id: context.message?.id })
 * ```
 */
export function jsonRpcError(options: JsonRpcErrorOptions, headers?: HeadersInit): Response {
  const merged = new Headers(headers)
  merged.set('Content-Type', 'application/json')
  return respond(JSON.stringify(jsonRpcErrorBody(options)), { status: options.status, headers: merged })
}

/** The same as a plain object, for answers that travel inside a stream or a batch. */
export function jsonRpcErrorBody(options: JsonRpcErrorOptions): {
  jsonrpc: '2.0'
  id: string | number | null
  error: { code: number; message: string; data?: unknown }
} {
  const { status, code = gatewayCode(status), message, id = null, data } = options
  return { jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } }
}
