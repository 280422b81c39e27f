/** How long a request may take, in seconds. */
export interface RequestTime {
  /** Without a sign of life. */
  readonly requestTimeout: number
  /** In any case. */
  readonly maxRequestTime: number
}

/** Watches over the time of one request. */
export class RequestTimer {
  readonly #time: RequestTime
  readonly #isHeldUp: () => boolean
  readonly #late: (seconds: number) => void
  readonly #startedAt: number = performance.now()
  #activeAt: number = this.#startedAt
  #timer: ReturnType<typeof setTimeout> | undefined

  /**
   * @param isHeldUp whether it waits for somebody else than the server, which begins the time without a sign of life anew
   * @param late hears once that the time is over, and which limit in seconds that was
   */
  constructor(time: RequestTime, isHeldUp: () => boolean, late: (seconds: number) => void) {
    this.#time = time
    this.#isHeldUp = isHeldUp
    this.#late = late
    this.#look()
  }

  /** The server has given a sign of life. */
  restart(): void {
    this.#activeAt = performance.now()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #look(): void {
    const { requestTimeout, maxRequestTime } = this.#time
    const now = performance.now()
    if (this.#isHeldUp()) this.#activeAt = now
    const untilSilent = this.#activeAt + requestTimeout * 1000 - now
    const untilEnd = this.#startedAt + maxRequestTime * 1000 - now
    if (untilEnd <= 0) this.#late(maxRequestTime)
    else if (untilSilent <= 0) this.#late(requestTimeout)
    else {
      this.#timer = setTimeout(() => this.#look(), Math.min(untilSilent, untilEnd, longest))
      ;(this.#timer as { unref?: () => void }).unref?.()
    }
  }
}

/** The longest time that a timer takes, in ms. */
const longest = 2_147_483_647
