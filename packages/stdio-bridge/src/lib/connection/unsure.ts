/** Why it is not sure: something without an id may be the answer, or something that cannot be read. */
export type Doubt = 'without id' | 'unreadable'

interface Waiting {
  readonly doubt: Doubt
  readonly timer: NodeJS.Timeout
}

/**
 * Requests of which it is not sure what was said about them: what is to be done about each if nothing better comes in time.
 * One thing waits for a request at a time.
 */
export class Unsure {
  readonly #waiting: Map<number, Waiting> = new Map()

  /** Does something about a request after so many ms, unless something waits for it already. */
  add(number: number, ms: number, doubt: Doubt, action: () => void): void {
    if (this.#waiting.has(number)) return
    const act = () => {
      this.#waiting.delete(number)
      action()
    }
    this.#waiting.set(number, { doubt, timer: setTimeout(act, ms).unref() })
  }

  /** Something better has come; says what was waiting. */
  delete(number: number): Doubt | undefined {
    const waiting = this.#waiting.get(number)
    clearTimeout(waiting?.timer)
    this.#waiting.delete(number)
    return waiting?.doubt
  }

  clear(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer)
    this.#waiting.clear()
  }
}
