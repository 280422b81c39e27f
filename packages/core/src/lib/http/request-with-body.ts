import type { Context } from '../contract/handler.js'

/**
 * The request as it would be if nobody had read its body, as the platform's own `Request`: for handlers that know
 * nothing of `context.message`, and may copy the request in ways that a lazy one does not allow.
 */
export function requestWithBody(request: Request, context: Context): Request {
  if (context.message === undefined) {
    return request.constructor === Request ? request : new Request(request.url, request)
  }
  const headers = new Headers(request.headers)
  // The message may differ in length from what arrived
  headers.delete('content-length')
  // And its bytes are read as this, whatever the client called them
  headers.set('content-type', 'application/json')
  headers.delete('content-encoding')
  return new Request(request.url, {
    method: request.method,
    headers,
    body: context.message.bytes as Uint8Array<ArrayBuffer>,
    signal: request.signal,
  })
}
