import { readStart } from '../http/read-start.js'
import type { Answer } from './ask.js'

/** What is read of a body that nobody gets, so that its connection can be used again, in bytes and seconds. */
const readUpTo = 65_536
const readFor = 5

/**
 * What a client hears of a notification or reply that its upstream has taken: 202 without a body, whatever the upstream
 * wrote (MCP L2, M13). Clients take anything else for an answer, or wait for one.
 *
 * @param headers of the upstream's answer, for the client
 */
export function accepted(answer: Answer, headers: Headers): Response {
  void drain(answer)
  // They describe a body
  for (const name of ['content-type', 'content-language', 'cache-control', 'x-accel-buffering']) headers.delete(name)
  return new Response(null, { status: 202, headers })
}

async function drain({ response, abort, done }: Answer): Promise<void> {
  if (response.begin === undefined && response.body === null) {
    done()
    return
  }
  const guard = { idleTimeout: readFor, abort, onEnd: done }
  // A stream of comments is never silent
  const timer = setTimeout(() => abort(undefined), readFor * 1000)
  ;(timer as { unref?: () => void }).unref?.()
  const body = response.begin === undefined ? response.body : undefined
  const start = await (response.begin?.(guard, readUpTo) ?? readStart(body as ReadableStream, guard, readUpTo))
  clearTimeout(timer)
  if (typeof start !== 'string' && !(start instanceof Uint8Array)) await start.cancel().catch(() => {})
}
