import { BytesResponse } from './bytes-response.js'

/**
 * Makes a response whose whole body is known. It behaves as `new Response(body, init)` does, but builds no stream until
 * somebody asks for one, which is most of what a response costs in Node: `toNodeHandler` writes the bytes in one go.
 * It does not guess a content type. Handlers return it; a `Mountable`'s `fetch` makes a plain `Response` of it for hosts
 * that look inside.
 *
 * @example
 * ```ts
 * const handler: Handler = () => respond('{"status":"ok"}', { headers: { 'Content-Type': 'application/json' } })
 * ```
 */
export function respond(body: string | Uint8Array, init: ResponseInit = {}): Response {
  return new BytesResponse(body, init)
}
