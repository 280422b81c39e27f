import type { ServerResponse } from 'node:http'
import { BytesResponse } from '../../http/bytes-response.js'

/** Headers that concern one HTTP/1 connection, which HTTP/2 forbids (RFC 9113 section 8.2.2). */
const connectionHeaders = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * Writes a web `Response` to Node's. A stream is read no faster than the client takes it, and cancelled when the client
 * goes away; one that fails half-way resets the connection, so that the client cannot take it for whole.
 */
export function sendResponse(target: ServerResponse, response: Response, isHead: boolean): Promise<void> | undefined {
  const { status } = response
  const headers = toRawHeaders(response, target)
  const content = BytesResponse.contentOf(response)
  if (content !== undefined) {
    if (!response.headers.has('content-length')) headers.push('content-length', `${Buffer.byteLength(content)}`)
    target.writeHead(status, headers).end(isHead ? undefined : content)
    return undefined
  }
  const { body } = response
  if (body === null) {
    target.writeHead(status, headers).end()
    return undefined
  }
  if (target.destroyed || isHead) {
    target.writeHead(status, headers).end()
    return body.cancel()
  }
  return pump(target, body, () => target.writeHead(status, headers))
}

function toRawHeaders(response: Response, target: ServerResponse): string[] {
  const isHttp2 = target.req.httpVersionMajor >= 2
  const raw: string[] = []
  for (const [name, value] of response.headers) if (!isHttp2 || !connectionHeaders.has(name)) raw.push(name, value)
  // Otherwise Node would read what is left of the body, however much that is
  if (response.status === 413 && !isHttp2) raw.push('connection', 'close')
  return raw
}

async function pump(target: ServerResponse, body: ReadableStream<Uint8Array>, writeHead: () => void): Promise<void> {
  const reader = body.getReader()
  const onClose = () => {
    reader.cancel(new DOMException('The client went away', 'AbortError')).catch(() => {})
    drained?.()
  }
  let drained: (() => void) | undefined
  target.once('close', onClose)
  let started = false
  const start = () => {
    if (started) return
    writeHead()
    started = true
  }
  let failure: { readonly error: unknown } | undefined
  // A stream that has nothing to say yet must not hold back its headers
  const early = setImmediate(() => {
    if (target.destroyed) return
    try {
      start()
      target.flushHeaders()
    } catch (error) {
      // Of a header that Node does not write nobody else would hear, and it would end the process
      failure = { error }
      reader.cancel(error).catch(() => {})
    }
  })
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      clearImmediate(early)
      if (target.destroyed) return
      start()
      if (value !== undefined && !target.write(value)) {
        await new Promise<void>((resolve) => {
          drained = resolve
          target.once('drain', resolve)
        })
        drained = undefined
      }
    }
    clearImmediate(early)
    if (target.destroyed) return
    if (failure !== undefined) throw failure.error
    start()
    target.end()
  } catch (error) {
    clearImmediate(early)
    // Whoever counts the stream hears of its end
    reader.cancel(error).catch(() => {})
    if (!started && !target.destroyed) throw error
    target.destroy()
  } finally {
    target.off('close', onClose)
  }
}
