import type { Socket } from 'node:net'
import type { Transform } from 'node:stream'
import type { TlsOptions } from '../outbound/tls-options.js'
import { isNode } from '../runtime/is-node.js'
import { isClosed, markUnsent } from './failures.js'
import { http2Transport, pour } from './http2-transport.js'
import { headOf, type NodeAnswerHead, type NodeBody, nodeAnswer } from './node-answer.js'
import type { TransportInit, UpstreamResponse } from './upstream-response.js'

/** How a request is sent whose body is known as a whole. */
export type NodeTransport = (url: string, init: TransportInit) => Promise<UpstreamResponse>

/** How TLS is spoken. */
export interface TransportTls {
  readonly options: TlsOptions
  readonly http2: boolean
}

const isHttps = /^\s*https:/i
/** Milliseconds that an unused connection is kept: shorter than most servers do, since one that they close is lost. */
const keepAlive = 4000
/** Milliseconds after which the upstream may have closed an unused connection already. */
const freshFor = 5

/**
 * Sends requests with Node's own client, which takes a third of the time that its `fetch` does, and has no limits of its
 * own on how long an answer may be silent.
 *
 * @param connectTimeout in seconds
 * @param tls for https URLs; Node's own settings by default
 * @returns `undefined` on anything but Node
 */
export function nodeTransport(connectTimeout: number, tls?: TransportTls): NodeTransport | undefined {
  // Others have a fast `fetch` of their own
  if (!isNode()) return undefined
  const http = process.getBuiltinModule('node:http')
  const https = process.getBuiltinModule('node:https')
  const zlib = process.getBuiltinModule('node:zlib')
  const agents = {
    http: new http.Agent({ keepAlive: true, timeout: keepAlive }),
    https: new https.Agent({ keepAlive: true, timeout: keepAlive, ...tls?.options }),
  }
  /** For what is sent once more: another kept connection may have been closed too. */
  const single = { http: new http.Agent(), https: new https.Agent({ ...tls?.options }) }
  const { pipeline } = process.getBuiltinModule('node:stream')
  const decoders = new Map<string, () => Transform>([
    ['gzip', zlib.createGunzip],
    ['x-gzip', zlib.createGunzip],
    ['deflate', zlib.createInflate],
    ['br', zlib.createBrotliDecompress],
  ])

  /** Servers that compress although nobody asked them to; `fetch` unpacks their answers too. */
  function unpacked(head: NodeAnswerHead, body: NodeBody | undefined): UpstreamResponse {
    const coding = head.headers.get('content-encoding')?.trim().toLowerCase() ?? ''
    if (body === undefined || coding === '' || coding === 'identity') return nodeAnswer(head, body)
    const decode = decoders.get(coding)
    if (decode === undefined) {
      body.resume()
      return { ...nodeAnswer(head, undefined), unknownCoding: coding }
    }
    const decoder = decode()
    pipeline(body, decoder, () => {})
    return nodeAnswer(
      head,
      decoder.on('error', () => {}),
    )
  }

  if (tls?.http2 === true) {
    const overHttp2 = http2Transport(connectTimeout, tls.options, unpacked)
    const overHttp1 = nodeTransport(connectTimeout)
    return (url, init) => (isHttps.test(url) || overHttp1 === undefined ? overHttp2(url, init) : overHttp1(url, init))
  }

  /** When each connection that nobody uses was used last. */
  const unusedSince = new WeakMap<object, number>()
  for (const agent of [agents.http, agents.https]) {
    agent.on('free', (socket) => void unusedSince.set(socket, performance.now()))
  }

  const send = (url: string, init: TransportInit, isAgain: boolean): Promise<UpstreamResponse> =>
    new Promise((resolve, reject) => {
      const { method = 'GET', headers, body, signal } = init
      // URLs are kept as they were configured
      const isTls = isHttps.test(url)
      const sent: Record<string, string> = headers === undefined ? {} : Object.fromEntries(headers)
      // Node frames no body of a DELETE: the upstream would take it for another request
      if (body instanceof Uint8Array) sent['content-length'] = String(body.byteLength)
      const { http: plain, https: secure } = isAgain ? single : agents
      const options = { method, headers: sent, agent: isTls ? secure : plain, signal: signal ?? undefined }
      const request = (isTls ? https : http).request(url, options, (incoming) => {
        // Without a listener an error that comes when nobody reads any more would end the process
        incoming.on('error', () => {})
        request.off('close', onClose)
        try {
          const head = headOf(incoming)
          const isBodiless = method === 'HEAD' || bodiless.has(head.status)
          if (isBodiless) incoming.resume()
          resolve(unpacked(head, isBodiless ? undefined : incoming))
        } catch (error) {
          // What is thrown here nobody else would catch
          reject(error)
          request.destroy()
        }
      })
      let connection: Socket | undefined
      let bytesBefore = 0
      let stands = false
      let isSent = false
      request.on('error', (error: NodeJS.ErrnoException) => {
        request.off('close', onClose)
        if (!stands) markUnsent(error)
        const isUnanswered = request.reusedSocket && connection?.bytesRead === bytesBefore && isClosed(error)
        // Who closes before the last byte was written has not seen all of the request
        const mayRepeat = init.isRepeatable === true || !isSent || error.code === 'EPIPE'
        if (!isUnanswered || !mayRepeat || isAgain || signal?.aborted === true) reject(error)
        else send(url, init, true).then(resolve, reject)
      })
      // Neither an error nor an answer: the upstream has switched protocols, which nobody asked for
      const onClose = () => reject(new Error('The connection closed before an answer'))
      request.once('close', onClose)
      const write = () => {
        if (request.destroyed) return
        isSent = true
        if (body == null || body instanceof Uint8Array) request.end(body)
        else pour(body as ReadableStream<Uint8Array>, request)
      }
      request.once('socket', (socket) => {
        connection = socket
        bytesBefore = socket.bytesRead
        if (socket.connecting) {
          const late = Object.assign(new Error('The connection did not stand in time'), { code: 'ETIMEDOUT' })
          const timer = setTimeout(() => request.destroy(late), connectTimeout * 1000)
          const stop = () => clearTimeout(timer)
          const stand = () => {
            stands = true
            stop()
          }
          socket.once(isTls ? 'secureConnect' : 'connect', stand).once('close', stop)
        } else stands = true
        const since = unusedSince.get(socket)
        const mayBeClosed = request.reusedSocket && since !== undefined && performance.now() - since > freshFor
        // What must not be sent twice is sent when Node has read what the upstream said meanwhile, such as that it closes
        if (mayBeClosed && init.isRepeatable !== true) setImmediate(() => setImmediate(write))
        else write()
      })
    })
  return (url, init) => send(url, init, false)
}

const bodiless = new Set([204, 205, 304])
