import { GatewayError } from '../contract/gateway-error.js'
import type { Middleware } from '../contract/handler.js'
import { recordRefusal } from '../contract/request-record.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { oauthError } from '../http/oauth-error.js'

/** What a client may know about an error that nobody else answered, by status. */
const texts: Record<number, string> = {
  400: 'The request is malformed',
  401: 'The token is not valid',
  403: 'The token does not allow this',
  500: 'Internal error',
  502: 'The server behind the gateway did not answer correctly',
  503: 'Temporarily unavailable; try again',
}

/**
 * The one place where an exception becomes an answer. The client learns a status and the request id; the log learns
 * the rest.
 *
 * @param style whether clients of this path read JSON-RPC or OAuth errors
 */
export function recover(style: 'json-rpc' | 'oauth'): Middleware {
  return async (request, context, next) => {
    try {
      return await next(request, context)
    } catch (error) {
      if (request.signal.aborted) {
        context.logger?.info({ error_code: 'aborted' }, 'the client went away')
        return new Response(null, { status: 499 })
      }
      const status = error instanceof GatewayError ? error.status : 500
      const code = error instanceof GatewayError ? error.code : 'internal'
      context.logger?.error({ err: error, error_code: code }, 'request failed')
      const reason = error instanceof Error ? error.message : undefined
      recordRefusal(context.record, { by: 'gateway', code, reason }, status >= 500 ? 'error' : 'deny')
      const headers: HeadersInit = status === 503 ? { 'Retry-After': '5' } : {}
      const message = texts[status] ?? 'Internal error'
      if (style === 'oauth') {
        return oauthError(status, status === 503 ? 'temporarily_unavailable' : 'server_error', message, headers)
      }
      const { record, requestId } = context
      return jsonRpcError({ status, message, id: record?.message?.id, data: { requestId } }, headers)
    }
  }
}
