import { type Message, respond } from '@mcp-gateway/core'
import { gatewayCode, type JsonRpcErrorOptions, type Refusal, rawResponse } from '@mcp-gateway/core/internal'
import { asBuffer, rawId } from '../wire/client-message.js'

/** The refusal as an answer to this request. */
export function refusalResponse({ status, code, description, headers }: Refusal, request?: Message): Response {
  return errorResponse({ status, code: Number(code), message: description }, request, headers)
}

/** The refusal as the message that answers this request. */
export function refusalBody({ code, description }: Refusal, request?: Message): Buffer {
  return errorBody({ code: Number(code), message: description }, request)
}

/** An error as the answer to this request, with its id as the client wrote it. */
export function errorResponse(
  { status, code = gatewayCode(status), message, data }: JsonRpcErrorOptions,
  request?: Message,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = errorBody({ code, message, data }, request)
  return respond(body, { status, headers: { 'Content-Type': 'application/json', ...headers } })
}

/** An error as the message that answers this request. */
export function errorBody(error: Pick<JsonRpcErrorOptions, 'code' | 'message' | 'data'>, request?: Message): Buffer {
  const id = request === undefined ? 'null' : rawId(request)
  return asBuffer(rawResponse(id, { error: JSON.stringify(error) }))
}
