import { KeyCounter } from '../../cache/key-counter.js'
/** How many calls may wait for their client to come back, and for how long. */
export interface ParkedCallsOptions {
  /**
   * Calls in all.
   *
   * @default 256
   */
  readonly maxParkedCalls?: number
  /**
   * Calls of one user.
   *
   * @default 16
   */
  readonly maxParkedCallsPerPrincipal?: number
  /**
   * Seconds that a client has for each round of answers.
   *
   * @default 300
   */
  readonly parkedCallTimeout?: number
}

/** A call that the table keeps. */
export interface ParkedCall {
  readonly principal: string
  /** Its client has not come back in time. */
  expired(): void
}

interface Entry {
  readonly call: ParkedCall
  readonly timer: ReturnType<typeof setTimeout>
}

/** The calls that wait in a server while their client finds the answers to its questions. */
export class ParkedCalls<Call extends ParkedCall = ParkedCall> {
  /** Seconds. */
  readonly timeout: number
  readonly #max: number
  readonly #maxPerPrincipal: number
  readonly #entries: Map<string, Entry & { readonly call: Call }> = new Map()
  readonly #counts = new KeyCounter()

  constructor(options: ParkedCallsOptions = {}) {
    const { maxParkedCalls = 256, maxParkedCallsPerPrincipal = 16, parkedCallTimeout = 300 } = options
    this.#max = maxParkedCalls
    this.#maxPerPrincipal = maxParkedCallsPerPrincipal
    this.timeout = parkedCallTimeout
  }

  get size(): number {
    return this.#entries.size
  }

  /** Why another call of this user cannot be kept. */
  refuses(principal: string): 'too_many' | 'too_many_of_yours' | undefined {
    if (this.#counts.get(principal) >= this.#maxPerPrincipal) return 'too_many_of_yours'
    return this.#entries.size >= this.#max ? 'too_many' : undefined
  }

  /** Keeps a call; whoever calls has asked {@link refuses} first. */
  park(id: string, call: Call): void {
    const timer = setTimeout(() => {
      this.take(id)
      call.expired()
    }, this.timeout * 1000)
    // Where timers keep a process alive, this one does not
    if (typeof timer === 'object' && 'unref' in timer) timer.unref()
    this.#entries.set(id, { call, timer })
    this.#counts.add(call.principal)
  }

  get(id: string): Call | undefined {
    return this.#entries.get(id)?.call
  }

  /** Gives a call back to its client, or to nobody. */
  take(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    clearTimeout(entry.timer)
    this.#entries.delete(id)
    this.#counts.remove(entry.call.principal)
  }

  /** Ends them all, as if none came back. */
  close(): void {
    for (const [id, { call }] of this.#entries) {
      this.take(id)
      call.expired()
    }
  }
}
