import type { SessionConnection } from '../connection/session-connection.js'
import { silenceBefore, timeLeft } from '../process/deadline.js'

/** What a handshake needs to know of its session. */
export interface HandshakeHost {
  /** The child that was sent the client's `initialize`. */
  readonly child: SessionConnection['child']
  /** When the client must have an answer, by `performance.now()`. */
  readonly until: number
  /** Whether the server may be of the other era, so that it is asked in that one too. */
  readonly isDoubtful: boolean
  /** Asks it so, in another process. */
  readonly seek: (until: number) => Promise<SessionConnection | undefined>
  /** Ends the wait for the child's answer, as if it had been an error. */
  readonly giveUp: () => void
}

/**
 * The time limit of a client's `initialize` that was passed on to a child: it holds whatever else the child says
 * meanwhile. A child that refuses is stopped, and the server asked in the other era; where it is silent for long it is
 * asked so beside it, and what comes first counts.
 */
export class Handshake {
  readonly #host: HandshakeHost
  readonly #timers: NodeJS.Timeout[] = []
  #sought: Promise<SessionConnection | undefined> | undefined
  #isLate = false

  constructor(host: HandshakeHost) {
    this.#host = host
    const { child, until, isDoubtful, giveUp } = host
    const late = () => {
      this.#isLate = true
      child.wasTooSlow = true
      giveUp()
    }
    this.#timers.push(setTimeout(late, timeLeft(until)))
    if (isDoubtful) this.#timers.push(setTimeout(() => this.#seekBeside(), silenceBefore(until)))
  }

  /** Whether the child has let its time pass. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** The child has refused, has ended or was given up: what else there is to speak with, in the time that is left. */
  async instead(): Promise<SessionConnection | undefined> {
    this.#clear()
    const { child, until } = this.#host
    void child.stop()
    const sought = this.#seek()
    let timer: NodeJS.Timeout | undefined
    const over = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeLeft(until))
    })
    const found = await Promise.race([sought, over]).finally(() => clearTimeout(timer))
    this.#sought = undefined
    if (found === undefined) this.#drop(sought)
    return found
  }

  /** The child has answered: nothing else is wanted. */
  done(): void {
    this.#clear()
    if (this.#sought !== undefined) this.#drop(this.#sought)
  }

  #seekBeside(): void {
    const found = (other: SessionConnection | undefined) => other !== undefined && this.#host.giveUp()
    this.#seek().then(found, () => undefined)
  }

  #seek(): Promise<SessionConnection | undefined> {
    this.#sought ??= this.#host.seek(this.#host.until)
    return this.#sought
  }

  #drop(sought: Promise<SessionConnection | undefined>): void {
    sought.then(
      (found) => void found?.child.stop(),
      () => undefined,
    )
  }

  #clear(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}
