import { GatewayError } from '../contract/gateway-error.js'
import { ByteBuffer } from '../http/byte-buffer.js'
import { orAborted } from './or-aborted.js'

/** A fetch that takes an address and the usual options, and resolves once the whole body is there. */
export type OutboundFetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** What an outbound request may cost. */
export interface OutboundLimits {
  /** Seconds until the whole answer must be there, redirects and body included. Default 5. */
  readonly timeout?: number
  /** The largest body, after decompression, in bytes. Default 262144. */
  readonly maxBytes?: number
}

const maxRedirects = 3

/**
 * A fetch with limits on time and size, that follows redirects of GET within one origin alone, and hands over the
 * answer as a whole. It does not look at where it connects; that is its transport's part.
 *
 * @throws {GatewayError} `outbound_refused` for an answer that is too large or leads elsewhere, `temporarily_unavailable`
 *   when there is none in time
 */
export function boundedFetch(
  transport: OutboundFetch,
  { timeout = 5, maxBytes = 262_144 }: OutboundLimits = {},
): OutboundFetch {
  return async (url, init = {}) => {
    const deadline = AbortSignal.timeout(timeout * 1000)
    const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline
    let target = checkUrl(url)
    for (let redirects = 0; ; redirects++) {
      // Raced, since not every transport heeds a signal.
      const sent = orAborted(transport(target, { ...init, redirect: 'manual', signal }), signal)
      const response = await orUnavailable(sent, target)
      const next = redirection(response, target, init.method)
      if (next === undefined) {
        return await orUnavailable(orAborted(buffered(response, maxBytes, signal, target), signal), target)
      }
      await response.body?.cancel()
      if (redirects === maxRedirects) throw refused(target, 'redirects too often')
      target = next
    }
  }
}

function checkUrl(url: string | URL): URL {
  const target = new URL(url)
  if (target.protocol !== 'https:' && target.protocol !== 'http:') throw refused(target, 'is not an http(s) URL')
  if (target.username !== '' || target.password !== '') throw refused(target, 'holds credentials')
  return target
}

function redirection(response: Response, from: URL, method = 'GET'): URL | undefined {
  if (response.type === 'opaqueredirect') throw refused(from, 'redirects')
  const location = response.headers.get('Location')
  if (response.status < 300 || response.status > 399 || response.status === 304 || location === null) return undefined
  const next = URL.canParse(location, from) ? new URL(location, from) : undefined
  if (next?.origin !== from.origin || (method !== 'GET' && method !== 'HEAD'))
    throw refused(from, 'redirects elsewhere')
  return next
}

async function buffered(response: Response, maxBytes: number, signal: AbortSignal, from: URL): Promise<Response> {
  const { status, statusText } = response
  const headers = new Headers(response.headers)
  // What is handed over is decoded and complete.
  for (const name of ['Content-Encoding', 'Content-Length', 'Transfer-Encoding']) headers.delete(name)
  if (response.body === null || [204, 205, 304].includes(status)) {
    return new Response(null, { status, statusText, headers })
  }
  const announced = Number(response.headers.get('Content-Length'))
  const reader = response.body.getReader()
  // Some transports do not end a body that has begun when the signal fires.
  const abort = (): void => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener('abort', abort, { once: true })
  try {
    if (announced > maxBytes) throw refused(from, `answers more than ${maxBytes} bytes`)
    const buffer = new ByteBuffer({ limit: maxBytes })
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (!buffer.add(part.value)) throw refused(from, `answers more than ${maxBytes} bytes`)
    }
    signal.throwIfAborted()
    return new Response(buffer.take() as Uint8Array<ArrayBuffer>, { status, statusText, headers })
  } catch (error) {
    await reader.cancel().catch(() => {})
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function orUnavailable<T>(work: Promise<T>, target: URL): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError('temporarily_unavailable', `${target.origin} does not answer`, { cause })
  }
}

function refused(target: URL, why: string): GatewayError {
  return new GatewayError('outbound_refused', `${target.origin}${target.pathname} ${why}`)
}
