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
  const reader = body.getReader()
  const watcher = sharesPromises() ? everyStream : new Watcher()
  let finished = false
  const finish = (): boolean => {
    if (finished) return false
    finished = true
    watcher.delete(entry)
    return true
  }
  const entry = new Entry(terms)
  const limited = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        entry.end = (why) => {
          if (!finish()) return
          terms.onEnd(why)
          controller.close()
          reader.cancel(new DOMException('The access token has ended', 'AbortError')).catch(() => {})
        }
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (finished) return
          if (!done) controller.enqueue(value)
          else if (finish()) controller.close()
        } catch (error) {
          if (finish()) throw error
        }
      },
      cancel(reason) {
        finish()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  watcher.add(entry)
  return new Response(limited, { status, statusText, headers })
}

/** How many times in a row a token may stay undecided before its streams end. */
const mostUndecided = 3

/** One stream and its token. */
class Entry {
  readonly #terms: StreamTerms
  #until: number
  #checkAt: number
  #undecided = 0
  end: (why: 'expired' | 'revoked' | 'undecided') => void = () => {}

  constructor(terms: StreamTerms) {
    this.#terms = terms
    this.#until = terms.until
    // Streams that began together, as after a restart, do not all ask the issuer together.
    this.#checkAt = performance.now() + terms.interval * 1000 * (0.5 + Math.random() / 2)
  }

  tick(): void {
    if (Date.now() >= this.#until) this.end('expired')
    else if (performance.now() >= this.#checkAt) this.#check()
  }

  async #check(): Promise<void> {
    this.#checkAt = Number.POSITIVE_INFINITY
    const found = await this.#terms.recheck()
    this.#checkAt = performance.now() + this.#terms.interval * 1000
    if (found === 'ended') this.end('revoked')
    else if (found !== 'undecided') {
      this.#until = found.until
      this.#undecided = 0
    } else if (++this.#undecided >= mostUndecided) this.end('undecided')
  }
}

/** Looks after any number of streams with one timer, which runs only while there are some. */
class Watcher {
  readonly #entries = new Set<Entry>()
  #timer: ReturnType<typeof setInterval> | undefined
  #tickedAt = 0

  add(entry: Entry): void {
    this.#entries.add(entry)
    // A runtime that was suspended, or a test with a clock of its own, may have lost the timer.
    const isRunning = this.#timer !== undefined && Math.abs(performance.now() - this.#tickedAt) < 5000
    if (isRunning) return
    clearInterval(this.#timer)
    this.#tickedAt = performance.now()
    this.#timer = setInterval(() => {
      this.#tickedAt = performance.now()
      for (const each of this.#entries) each.tick()
    }, 1000)
    // In Node a timer alone must not keep the process; elsewhere it is a number.
    if (typeof this.#timer === 'object') this.#timer.unref()
  }

  delete(entry: Entry): void {
    this.#entries.delete(entry)
    if (this.#entries.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

const everyStream = new Watcher()

/** Whether a body may go on for as long as the server likes. */
function isStream(response: Response): boolean {
  if (BytesResponse.contentOf(response) !== undefined) return false
  const type = response.headers.get('content-type')
  if (type === null) return !response.headers.has('content-length')
  if (/^(?:application\/json|application\/[\w.+-]+\+json)\s*(?:;|$)/i.test(type)) return false
  return /^text\/event-stream\s*(?:;|$)/i.test(type) || !response.headers.has('content-length')
}
