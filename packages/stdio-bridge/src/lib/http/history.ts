/** One event that may be asked for again. */
export interface PastEvent {
  readonly stream: number
  readonly sequence: number
  readonly frame: Buffer
  /** Hears when nobody has read it and nobody can ask for it any more. */
  lost?: () => void
}

/**
 * The events that a session's client may ask for again with `Last-Event-ID`: the newest ones, bounded in bytes. An
 * event larger than all of it is not kept.
 */
export class History {
  readonly #maxBytes: number
  #events: (PastEvent | undefined)[] = []
  #first = 0
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(event: PastEvent): void {
    this.#events.push(event)
    this.#bytes += event.frame.length
    const fallen: PastEvent[] = []
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#events[this.#first]
      this.#bytes -= oldest?.frame.length ?? 0
      // The list is shortened now and then; what it held must not wait for that
      this.#events[this.#first] = undefined
      this.#first++
      if (oldest !== undefined) fallen.push(oldest)
    }
    if (this.#first > 64 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
    for (const { lost } of fallen) lost?.()
  }

  /** What this stream sent after an event, or `undefined` when some of it is no longer here. */
  after(stream: number, sequence: number, last: number): Buffer[] | undefined {
    const events: PastEvent[] = []
    for (let index = this.#first; index < this.#events.length; index++) {
      const event = this.#events[index]
      if (event?.stream === stream && event.sequence > sequence) events.push(event)
    }
    if (events.length !== last - sequence) return undefined
    for (const event of events) event.lost = undefined
    return events.map(({ frame }) => frame)
  }

  get bytes(): number {
    return this.#bytes
  }
}
