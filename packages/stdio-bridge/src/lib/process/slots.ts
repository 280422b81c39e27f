/** Lets only so many through at once; the others wait in line. */
export class Slots {
  #free: number
  #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves with what gives the slot back, or with `undefined` when none was free in so many seconds. */
  take(seconds: number): Promise<(() => void) | undefined> {
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve(this.#giver())
    }
    return new Promise((resolve) => {
      const next = () => {
        clearTimeout(timer)
        resolve(this.#giver())
      }
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== next)
        resolve(undefined)
      }, seconds * 1000)
      this.#waiting.push(next)
    })
  }

  #giver(): () => void {
    let given = false
    return () => {
      if (given) return
      given = true
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
