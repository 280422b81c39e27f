import type { ClientHttp2Session, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'
import type { PassThrough } from 'node:stream'
import type { TlsOptions } from '../outbound/tls-options.js'
import { markUnsent } from './failures.js'
import type { NodeAnswerHead, NodeBody } from './node-answer.js'
import type { Send, TransportInit, UpstreamResponse } from './upstream-response.js'

/** Milliseconds that a connection without requests is kept. */
const keepAlive = 4000
/** Milliseconds in which a connection must answer a ping after a request over it was given up. */
const pingTimeout = 5000

interface Connection {
  readonly session: ClientHttp2Session
  stands: boolean
  requests: number
}

/** How an answer is made of what HTTP/2 brings. */
export type ToAnswer = (head: NodeAnswerHead, body: NodeBody | undefined) => UpstreamResponse

/**
 * Sends requests over HTTP/2 (RFC 9113), all requests to one origin over one connection.
 *
 * @param connectTimeout in seconds
 */
export function http2Transport(connectTimeout: number, tls: TlsOptions, toAnswer: ToAnswer): Send {
  const http2 = process.getBuiltinModule('node:http2')
  const { PassThrough: Through } = process.getBuiltinModule('node:stream')
  const connections = new Map<string, Connection>()

  function connect(origin: string): Connection {
    const known = connections.get(origin)
    if (known !== undefined && !known.session.closed && !known.session.destroyed) return known
    const session = http2.connect(origin, { ...tls })
    const connection: Connection = { session, stands: false, requests: 0 }
    connections.set(origin, connection)
    const forget = () => {
      if (connections.get(origin) === connection) connections.delete(origin)
    }
    const late = Object.assign(new Error('The connection did not stand in time'), { code: 'ETIMEDOUT' })
    const timer = setTimeout(() => session.destroy(late), connectTimeout * 1000)
    session
      .once('connect', () => {
        connection.stands = true
        clearTimeout(timer)
      })
      // Without a listener it would end the process; the requests hear of it themselves
      .on('error', forget)
      .once('goaway', forget)
      .once('close', () => {
        clearTimeout(timer)
        forget()
      })
    session.setTimeout(keepAlive, () => {
      if (connection.requests === 0) session.close()
    })
    return connection
  }

  const send = (url: string, init: TransportInit, isAgain: boolean): Promise<UpstreamResponse> =>
    new Promise((resolve, reject) => {
      const { method = 'GET', headers, body, signal } = init
      const { origin, pathname, search } = new URL(url)
      const connection = connect(origin)
      const wasKept = connection.stands
      const { session } = connection
      const sent = { ...Object.fromEntries(headers ?? []), ':method': method, ':path': pathname + search }
      const stream = session.request(sent, signal == null ? {} : { signal })
      if (connection.requests++ === 0) session.ref()
      let out: PassThrough | undefined
      let isAnswered = false
      stream.once('response', (head) => {
        isAnswered = true
        const answer = { status: head[':status'] ?? 0, headers: headersOf(head) }
        if (method === 'HEAD' || bodiless.has(answer.status)) {
          stream.resume()
          resolve(toAnswer(answer, undefined))
          return
        }
        out = new Through()
        const through = out
        // Its reader hears of it as of a connection that broke
        through.on('error', () => {}).once('close', () => void (stream.destroyed || stream.destroy()))
        stream.pipe(through, { end: false })
        stream.once('end', () => {
          if (stream.rstCode === 0 && !stream.aborted) through.end()
          else through.destroy(new Error(`The stream was closed with code ${stream.rstCode}`))
        })
        resolve(toAnswer(answer, through))
      })
      const fail = (error: NodeJS.ErrnoException) => {
        out?.destroy(error)
        // RFC 9113 section 8.7: nothing was done
        const isRefused = stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM
        if (!connection.stands || isRefused) markUnsent(error)
        const mayRepeat = (init.isRepeatable === true || isRefused) && !isAgain && signal?.aborted !== true
        if (wasKept && !isAnswered && mayRepeat) send(url, init, true).then(resolve, reject)
        else reject(error)
      }
      stream.once('error', fail)
      stream.once('close', () => {
        if (stream.errored == null && !isAnswered) fail(new Error('The stream closed before an answer'))
        if (--connection.requests === 0) session.unref()
        // A connection that is lost without a sign would take every request that follows
        if (signal?.aborted === true && !isAnswered) probe(session)
      })
      if (body == null) stream.end()
      else if (body instanceof Uint8Array) stream.end(body)
      else pour(body as ReadableStream<Uint8Array>, stream)
    })
  return (url, init) => send(url, init, false)
}

const bodiless = new Set([204, 205, 304])

/** Sends a body while it is read. */
export function pour(body: ReadableStream<Uint8Array>, to: NodeJS.WritableStream): void {
  const { Readable, pipeline } = process.getBuiltinModule('node:stream')
  pipeline(Readable.fromWeb(body as import('node:stream/web').ReadableStream), to, () => {})
}

function probe(session: ClientHttp2Session): void {
  if (session.destroyed || session.closed) return
  const timer = setTimeout(() => session.destroy(), pingTimeout)
  timer.unref()
  try {
    session.ping(() => clearTimeout(timer))
  } catch {
    clearTimeout(timer)
  }
}

function headersOf(head: IncomingHttpHeaders & IncomingHttpStatusHeader): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(head)) {
    if (name.startsWith(':') || value === undefined) continue
    for (const one of [value].flat()) headers.append(name, String(one))
  }
  return headers
}
