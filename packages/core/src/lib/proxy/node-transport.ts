import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { isNode } from '../runtime/is-node.js'
import { isClosed, markUnsent } from './failures.js'
import { nodeAnswer } from './node-answer.js'
import type { TransportInit, UpstreamResponse } from './upstream-response.js'

/** How a request is sent whose body is known as a whole. */
export type NodeTransport = (url: string, init: TransportInit) => Promise<UpstreamResponse>

/** Milliseconds that an unused connection is kept: shorter than most servers do, since one that they close is lost. */
const keepAlive = 4000
/** Milliseconds after which the upstream may have closed an unused connection already. */
const freshFor = 5

/**
 * Sends requests with Node's own client, which takes a third of the time that its `fetch` does, and has no limits of its
 * own on how long an answer may be silent.
 *
 * @param connectTimeout in seconds
 * @returns `undefined` on anything but Node
 */
export function nodeTransport(connectTimeout: number): NodeTransport | undefined {
  // Others have a fast `fetch` of their own
  if (!isNode()) return undefined
  const http = process.getBuiltinModule('node:http')
  const https = process.getBuiltinModule('node:https')
  const zlib = process.getBuiltinModule('node:zlib')
  const agents = {
    http: new http.Agent({ keepAlive: true, timeout: keepAlive }),
    https: new https.Agent({ keepAlive: true, timeout: keepAlive }),
  }
  /** For what is sent once more: another kept connection may have been closed too. */
  const single = { http: new http.Agent(), https: new https.Agent() }
  const { pipeline } = process.getBuiltinModule('node:stream')
  const decoders = new Map<string, () => NodeJS.ReadWriteStream>([
    ['gzip', zlib.createGunzip],
    ['x-gzip', zlib.createGunzip],
    ['deflate', zlib.createInflate],
    ['br', zlib.createBrotliDecompress],
  ])

  /** Servers that compress although nobody asked them to; `fetch` unpacks their answers too. */
  function unpacked(incoming: IncomingMessage): UpstreamResponse {
    const coding = incoming.headers['content-encoding']?.trim().toLowerCase() ?? ''
    if (coding === '' || coding === 'identity') return nodeAnswer(incoming, incoming)
    const decode = decoders.get(coding)
    if (decode === undefined) return { ...nodeAnswer(incoming, undefined), unknownCoding: coding }
    const decoder = decode() as unknown as IncomingMessage
    pipeline(incoming, decoder as unknown as NodeJS.WritableStream, () => {})
    return nodeAnswer(
      incoming,
      decoder.on('error', () => {}),
    )
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
      const isTls = /^\s*https:/i.test(url)
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
          const isBodiless = method === 'HEAD' || bodiless.has(incoming.statusCode ?? 0)
          resolve(isBodiless ? nodeAnswer(incoming, undefined) : unpacked(incoming))
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
        request.end(body as Uint8Array | undefined)
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
