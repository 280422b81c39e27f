import type { Context } from '../handler.js'

/**
 * The request as it would be if nobody had read its body: for handlers that want a `Request` and know nothing of
 * `context.message`.
 */
export function requestWithBody(request: Request, context: Context): Request {
  if (context.message === undefined) return request
  const headers = new Headers(request.headers)
  // The message may differ in length from what arrived
  headers.delete('content-length')
  return new Request(request.url, {
    method: request.method,
    headers,
    body: context.message.bytes as Uint8Array<ArrayBuffer>,
    signal: request.signal,
  })
}
