/**
 * Requests of which it is not sure what was said about them: what is to be done about each if nothing better comes in time.
 * One thing waits for a request at a time.
 */
export class Unsure {
  readonly #timers: Map<number, NodeJS.Timeout> = new Map()

  /** Does something about a request after so many ms, unless something waits for it already. */
  add(number: number, ms: number, action: () => void): void {
    if (this.#timers.has(number)) return
    const timer = setTimeout(() => {
      this.#timers.delete(number)
      action()
    }, ms).unref()
    this.#timers.set(number, timer)
  }

  /** Something better has come; says whether something was waiting. */
  delete(number: number): boolean {
    clearTimeout(this.#timers.get(number))
    return this.#timers.delete(number)
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
