import { GatewayError } from '../contract/gateway-error.js'

type RequestOptions = import('node:https').RequestOptions

/**
 * Sends a request with Node's own https client, for what its `fetch` cannot be told: how names are looked up, which
 * certificates are trusted. It asks for no content coding and refuses an answer that has one.
 *
 * @param options beside the method, headers and signal of `init`
 */
export function httpsRequest(url: URL, init: RequestInit, options: RequestOptions): Promise<Response> {
  const https = process.getBuiltinModule('node:https')
  const { Readable } = process.getBuiltinModule('node:stream')
  const { method = 'GET', body, signal } = init
  if (body != null && typeof body !== 'string') throw new TypeError('The body of such a request is a string')
  const headers = { 'accept-encoding': 'identity', ...Object.fromEntries(new Headers(init.headers)) }
  return new Promise((resolve, reject) => {
    const all = { ...options, method, headers, signal: signal ?? undefined }
    const request = https.request(url, all, (incoming) => {
      const { statusCode: status = 0, statusMessage: statusText = '' } = incoming
      const empty = method === 'HEAD' || [204, 205, 304].includes(status)
      if (empty) incoming.resume()
      const stream = empty ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>)
      try {
        const received = new Headers(pairs(incoming.rawHeaders))
        const encoding = received.get('Content-Encoding') ?? 'identity'
        if (encoding !== 'identity') {
          throw new GatewayError('outbound_refused', `${url.origin} answers with an encoding that was not asked for`)
        }
        resolve(new Response(stream, { status, statusText, headers: received }))
      } catch (error) {
        incoming.destroy()
        reject(error)
      }
    })
    request.on('error', reject)
    request.end(body ?? undefined)
  })
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : []))
}
