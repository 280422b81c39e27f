import type { Context } from '../contract/handler.js'
import { isRepeatable } from '../protocol/methods.js'
import { neverArrived } from './failures.js'
import { redirectOf } from './redirects.js'
import { withQueryOf } from './target-url.js'
import type { Send, UpstreamResponse } from './upstream-response.js'
import type { Upstream } from './upstreams.js'

/** One request on its way to an upstream. */
export interface Attempt {
  readonly request: Request
  readonly context: Context
  readonly headers: Headers
  readonly send: Send
  /** In seconds. */
  readonly firstByteTimeout: number
  /** Whether the upstream gets the query of the client's URL. */
  readonly forwardQuery: boolean
}

/** An upstream's answer, whose body may still be under way. */
export interface Answer {
  readonly kind: 'answer'
  readonly response: UpstreamResponse
  readonly abort: (reason: unknown) => void
  /** Why a redirect to the same origin was not followed any more. */
  readonly redirects?: 'loop' | 'too_many'
  /** To be called when the body has ended. */
  readonly done: () => void
}

/**
 * What came of it. `unreachable`: it cannot have arrived; `late`: no answer began in time; `broken`: the connection
 * failed, and nobody knows whether it arrived; `gone`: the client went away.
 */
export type Outcome = Answer | { readonly kind: 'unreachable' | 'late' | 'broken' | 'gone'; readonly error: unknown }

/** Sends a request to one upstream and waits until its answer begins. */
export async function ask(upstream: Upstream, attempt: Attempt): Promise<Outcome> {
  const { request, context, headers, send, firstByteTimeout, forwardQuery } = attempt
  const controller = new AbortController()
  const leave = () => controller.abort(request.signal.reason)
  if (request.signal.aborted) leave()
  else request.signal.addEventListener('abort', leave, { once: true })
  const { record } = context
  const asked = record === undefined ? 0 : performance.now()
  if (record !== undefined) record.times.upstreamAsked ??= asked
  const note = (status?: number) => {
    if (record === undefined) return
    record.upstream = { server: upstream.server, status, duration: performance.now() - asked }
  }
  let late = false
  const timer = setTimeout(() => {
    late = true
    controller.abort()
  }, firstByteTimeout * 1000)
  upstream.load++
  let ended = false
  const done = () => {
    if (ended) return
    ended = true
    upstream.load--
    request.signal.removeEventListener('abort', leave)
  }
  try {
    const body = bodyOf(request, context)
    const visited = [forwardQuery ? withQueryOf(upstream.url, request) : upstream.url]
    for (;;) {
      const response = await send(visited.at(-1) as string, {
        method: request.method,
        headers,
        signal: controller.signal,
        redirect: 'manual',
        isRepeatable: mayRepeat(request, context),
        ...(body === null ? {} : { body, duplex: 'half' }),
      })
      note(response.status)
      const { status } = response
      const isRedirect = status >= 300 && status < 400 && !isStreamed(request, context)
      const next = isRedirect ? redirectOf(status, response.headers.get('location'), visited) : undefined
      if (next === undefined || 'why' in next) {
        return { kind: 'answer', response, abort: (reason) => controller.abort(reason), done, redirects: next?.why }
      }
      await response.body?.cancel()
      visited.push(next.url)
    }
  } catch (error) {
    done()
    note()
    if (request.signal.aborted) return { kind: 'gone', error }
    if (late) return { kind: 'late', error }
    return { kind: neverArrived(error) ? 'unreachable' : 'broken', error }
  } finally {
    clearTimeout(timer)
  }
}

/** Lets go of an answer that nobody gets. */
export function release({ done, abort }: Answer): void {
  done()
  abort(undefined)
}

/** Whether the body is read while it is sent, so that it cannot be sent a second time. */
export function isStreamed(request: Request, { message }: Context): boolean {
  return message === undefined && request.method !== 'GET' && request.method !== 'HEAD' && request.body !== null
}

/** Whether a request may reach the upstream twice without more effect than once (RFC 9110 section 9.2.2). */
function mayRepeat({ method, body }: Request, { message }: Context): boolean {
  if (message === undefined) return method === 'GET' || method === 'HEAD' || (method === 'DELETE' && body === null)
  return message.kind === 'response' || isRepeatable(message.method ?? '')
}

function bodyOf(request: Request, { message }: Context): BodyInit | null {
  if (message !== undefined) return message.bytes as Uint8Array<ArrayBuffer>
  return request.method === 'GET' || request.method === 'HEAD' ? null : request.body
}
