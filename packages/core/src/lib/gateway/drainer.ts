import { endedStreams } from '../http/ended-streams.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { onBodyEnd } from '../http/on-body-end.js'

/** Counts the requests under way, and lets a closing gateway wait for them. */
export interface Drainer {
  readonly closing: boolean
  /**
   * Runs a request, or refuses it with 503 once `close` was called. The streams that POST requests get count until they
   * end; those of GET requests would never let a gateway close, and last until `endStreams`.
   */
  run(request: Request, answer: () => Response | Promise<Response>): Promise<Response>
  /** Resolves when no request is under way any more, at the latest after so many seconds. */
  close(timeout: number): Promise<void>
  /** Ends the event streams of GET requests that are still open. */
  endStreams(): void
}

export function drainer(): Drainer {
  let closing = false
  let underWay = 0
  let idle: (() => void) | undefined
  const streams = endedStreams()
  const end = () => {
    underWay--
    if (underWay === 0) idle?.()
  }
  return {
    get closing() {
      return closing
    },
    async run(request, answer) {
      if (closing) {
        return jsonRpcError({ status: 503, message: 'The gateway is shutting down; try again' }, { 'Retry-After': '5' })
      }
      underWay++
      try {
        const response = await answer()
        if (request.method === 'POST') return onBodyEnd(response, end)
        end()
        return request.method === 'GET' ? streams.add(response) : response
      } catch (error) {
        end()
        throw error
      }
    },
    async close(timeout) {
      closing = true
      if (underWay === 0) return
      let timer: ReturnType<typeof setTimeout> | undefined
      await new Promise<void>((resolve) => {
        idle = resolve
        timer = setTimeout(resolve, timeout * 1000)
      })
      clearTimeout(timer)
    },
    endStreams: streams.end,
  }
}
