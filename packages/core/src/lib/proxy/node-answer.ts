import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { ByteBuffer } from '../http/byte-buffer.js'
import { guardStream, type StreamGuard } from '../http/guard-stream.js'
import type { UpstreamResponse } from './upstream-response.js'

/** A body as Node's clients give it. */
export type NodeBody = Readable

/** What is known of an answer before its body is read. */
export interface NodeAnswerHead {
  readonly status: number
  readonly headers: Headers
}

/** What a proxy needs of an answer that Node's client has begun to read. */
export function nodeAnswer(head: NodeAnswerHead, body: NodeBody | undefined): UpstreamResponse {
  if (body === undefined) return { ...head, body: null }
  let stream: ReadableStream<Uint8Array> | undefined
  return {
    ...head,
    get body() {
      stream ??= toStream(body)
      return stream
    },
    begin: (guard, limit) => begin(body, guard, limit),
  }
}

/** The head of an answer of HTTP/1. */
export function headOf({ statusCode: status = 0, rawHeaders }: IncomingMessage): NodeAnswerHead {
  const headers = new Headers()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index] as string, rawHeaders[index + 1] as string)
  }
  return { status, headers }
}

/** A stream that takes from Node's no more than somebody reads. */
function toStream(incoming: NodeBody): ReadableStream<Uint8Array> {
  let ended = false
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        incoming.pause()
        const fail = (error?: unknown) => {
          if (ended) return
          ended = true
          controller.error(error ?? new TypeError('The connection broke'))
        }
        incoming.on('data', (chunk: Uint8Array) => {
          if (!ended) controller.enqueue(chunk)
          incoming.pause()
        })
        incoming.once('end', () => {
          if (!ended) controller.close()
          ended = true
        })
        incoming.once('error', fail).once('close', () => fail())
        // It may have broken while nobody listened yet
        if (incoming.destroyed) fail(incoming.errored)
      },
      pull: () => void incoming.resume(),
      cancel: () => {
        // What has been read already may still end it
        ended = true
        incoming.destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

/** What `readStart` does, without a stream in between. */
function begin(
  incoming: NodeBody,
  guard: StreamGuard,
  limit: number,
): Promise<Uint8Array | ReadableStream<Uint8Array> | 'idle' | 'broken'> {
  return new Promise((resolve) => {
    const buffer = new ByteBuffer()
    let idle = false
    const silent = () => {
      idle = true
      guard.abort(new DOMException('The upstream was silent for too long', 'TimeoutError'))
    }
    const timer = guard.idleTimeout === null ? undefined : setTimeout(silent, guard.idleTimeout * 1000)
    const stop = () => {
      clearTimeout(timer)
      incoming.off('data', onData).off('end', onEnd).off('close', onBreak)
    }
    const onData = (chunk: Uint8Array) => {
      if (buffer.add(chunk) && buffer.length <= limit) return
      stop()
      resolve(guardStream(toStream(incoming), guard, buffer.take()))
      incoming.off('error', onBreak)
    }
    const onEnd = () => {
      stop()
      guard.onEnd(buffer.length)
      resolve(buffer.take())
    }
    const onBreak = () => {
      stop()
      guard.onEnd(buffer.length)
      resolve(idle ? 'idle' : 'broken')
    }
    incoming.on('data', onData).once('end', onEnd).once('error', onBreak).once('close', onBreak)
    // It may have broken while nobody listened yet
    if (incoming.destroyed) onBreak()
  })
}
