import { BytesResponse } from './bytes-response.js'
import { guardStream } from './guard-stream.js'

/** Who hears of the end of a stream that is watched already; responses are copied, their streams are not. */
const watched = new WeakMap<ReadableStream, ((bytes: number) => void)[]>()

/**
 * Calls `onEnd` once the body of a response has ended, failed or was cancelled; at once where the whole body is known.
 * Several callers share one watched stream.
 *
 * @param onEnd gets the bytes of a stream; of a body that is known as a whole they are not counted, and it gets 0
 * @returns the response to hand on in place of the given one
 */
export function onBodyEnd(response: Response, onEnd: (bytes: number) => void): Response {
  if (BytesResponse.contentOf(response) !== undefined || response.body === null) {
    onEnd(0)
    return response
  }
  const known = watched.get(response.body)
  if (known !== undefined) {
    known.push(onEnd)
    return response
  }
  const listeners = [onEnd]
  const body = guardStream(response.body, {
    idleTimeout: null,
    abort: () => {},
    onEnd: (bytes) => {
      for (const listener of listeners.splice(0)) listener(bytes)
    },
  })
  const { status, statusText, headers } = response
  const tracked = new Response(body, { status, statusText, headers })
  watched.set(tracked.body ?? body, listeners)
  return tracked
}
