import { BytesResponse } from '../http/bytes-response.js'
import { sharesPromises } from '../runtime/shares-promises.js'

/** What is known about a token after it was verified again. */
export type Recheck = { readonly until: number } | 'ended' | 'undecided'

/** For how long a stream may go on. */
export interface StreamTerms {
  /** When the token ends, in milliseconds since the epoch. */
  readonly until: number
  /** Seconds between two verifications of the token. */
  readonly interval: number
  /** Verifies the token again. It never rejects. */
  readonly recheck: () => Promise<Recheck>
  /** Told once, when the stream is ended because of its token. */
  readonly onEnd: (why: 'expired' | 'revoked' | 'undecided') => void
}

/**
 * Ends the body of a response once the token that it was given for has ended: at its expiry, or when it does not verify
 * any more. The body then closes as if the server had finished. Up to a second more passes, since one timer looks after
 * all streams. JSON and bodies of known length are single answers and are left as they are.
 */
export function endWithToken(response: Response, terms: StreamTerms): Response {
  if (!isStream(response)) return response
  const { body, status, statusText, headers } = response
  if (body === null) return response
  const { interval, recheck, onEnd } = terms
  const reader = body.getReader()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let { until } = terms
  let undecided = 0
  // Streams that began together, as after a restart, do not all ask the issuer together.
  let checkAt = performance.now() + interval * 1000 * (0.5 + Math.random() / 2)

  const end = (why: Parameters<typeof onEnd>[0]): void => {
    if (!ticks.delete(tick)) return
    onEnd(why)
    controller?.close()
    reader.cancel(new DOMException('The access token has ended', 'AbortError')).catch(() => {})
  }
  const check = async (): Promise<void> => {
    checkAt = Number.POSITIVE_INFINITY
    const found = await recheck()
    checkAt = performance.now() + interval * 1000
    if (found === 'ended') end('revoked')
    else if (found !== 'undecided') {
      until = found.until
      undecided = 0
    } else if (++undecided >= maxUndecided) end('undecided')
  }
  const tick = (): void => {
    if (Date.now() >= until) end('expired')
    else if (performance.now() >= checkAt) void check()
  }
  const ticks = sharesPromises() ? everyStream : new Ticks()
  ticks.add(tick)
  const limited = new ReadableStream<Uint8Array>(
    {
      start(begun) {
        controller = begun
      },
      async pull(begun) {
        try {
          const { done, value } = await reader.read()
          if (!done) {
            if (ticks.has(tick)) begun.enqueue(value)
          } else if (ticks.delete(tick)) begun.close()
        } catch (error) {
          if (ticks.delete(tick)) throw error
        }
      },
      cancel(reason) {
        ticks.delete(tick)
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(limited, { status, statusText, headers })
}

/** How many times in a row a token may stay undecided before its streams end. */
const maxUndecided = 3

/** Calls any number of functions once a second with one timer, which runs only while there are some. */
class Ticks extends Set<() => void> {
  #timer: ReturnType<typeof setInterval> | undefined
  #tickedAt = 0

  override add(tick: () => void): this {
    // A runtime that was suspended, or a test with a clock of its own, may have lost the timer.
    if (this.#timer === undefined || Math.abs(performance.now() - this.#tickedAt) >= 5000) this.#start()
    return super.add(tick)
  }

  override delete(tick: () => void): boolean {
    const had = super.delete(tick)
    if (this.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    return had
  }

  #start(): void {
    clearInterval(this.#timer)
    this.#tickedAt = performance.now()
    this.#timer = setInterval(() => {
      this.#tickedAt = performance.now()
      for (const tick of this) tick()
    }, 1000)
    // In Node a timer alone must not keep the process; elsewhere it is a number.
    if (typeof this.#timer === 'object') this.#timer.unref()
  }
}

const everyStream = new Ticks()

/** Whether a body may go on for as long as the server likes. */
function isStream(response: Response): boolean {
  if (BytesResponse.contentOf(response) !== undefined) return false
  const type = response.headers.get('content-type')
  if (type === null) return !response.headers.has('content-length')
  if (/^(?:application\/json|application\/[\w.+-]+\+json)\s*(?:;|$)/i.test(type)) return false
  return /^text\/event-stream\s*(?:;|$)/i.test(type) || !response.headers.has('content-length')
}
