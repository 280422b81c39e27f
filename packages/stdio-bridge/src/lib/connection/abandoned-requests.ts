import type { Pending } from './peer.js'

/** For how long a request that was given up may still make the child write log lines, in ms. */
const maxAge = 300_000
const maxAbandoned = 1000

/** Requests that nobody waits for any more and that the child has not answered: it may still be at work for them. */
export class AbandonedRequests {
  readonly #open: Map<number, { readonly principal: string; readonly until: number }> = new Map()

  add({ number, principal, method }: Pending): void {
    if (method === 'subscriptions/listen') return
    this.#open.set(number, { principal, until: performance.now() + maxAge })
    const [oldest] = this.#open.keys()
    if (this.#open.size > maxAbandoned && oldest !== undefined) this.#open.delete(oldest)
  }

  /** The child has answered it after all. */
  delete(number: number): void {
    this.#open.delete(number)
  }

  /** Whether the child may still be at work for somebody else. */
  hasOther(principal: string): boolean {
    const now = performance.now()
    for (const [number, request] of this.#open) {
      if (request.until < now) this.#open.delete(number)
      else if (request.principal !== principal) return true
    }
    return false
  }
}
