import type { HostRequest } from './node-request.js'

/**
 * What a body parser above us left of a body that it has consumed: the bytes where it kept them, else JSON written
 * again. Everything else cannot be restored exactly.
 *
 * @returns `undefined` when nobody touched the body, `lost` when it is gone
 */
export function parsedBody(request: HostRequest): Uint8Array | undefined | 'lost' {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  const { body, rawBody } = request
  if (!request.readableDidRead) return undefined
  if (rawBody instanceof Uint8Array) return rawBody
  if (body instanceof Uint8Array) return body
  if (typeof body === 'string') return new TextEncoder().encode(body)
  const isJson = /^\s*application\/json\b/i.test(request.headers['content-type'] ?? '')
  if (isJson && typeof body === 'object' && body !== null) return new TextEncoder().encode(JSON.stringify(body))
  return 'lost'
}
