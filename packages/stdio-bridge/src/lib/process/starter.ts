import { isRefusal, type Refusal, refusedBySystem } from '../refusal.js'
import { Breaker } from './breaker.js'
import type { Child } from './child.js'
import type { ChildRegistry } from './child-registry.js'
import { Slots } from './slots.js'
import { StartRate } from './start-rate.js'

/** What bounds the starting of children. */
export interface StartLimits {
  readonly maxChildren: number
  readonly maxChildrenPerPrincipal: number
  readonly maxStartsPerMinute: number
  readonly startConcurrency: number
  readonly prewarmed: number
  /** Seconds. */
  readonly handshakeTimeout: number
}

/** Seconds between two prewarmed processes, so that refilling never keeps the machine from its work. */
const refillPause = 0.1

/** Decides whether a child may be started now, and keeps some started ahead. */
export class Starter {
  readonly #registry: ChildRegistry
  readonly #limits: StartLimits
  readonly #slots: Slots
  readonly #rate: StartRate
  readonly #breaker: Breaker = new Breaker()
  readonly #prewarmed: Set<Child> = new Set()
  /** Processes that were started for a user and are not gone. */
  readonly #perPrincipal: Map<string, number> = new Map()
  #refill: NodeJS.Timeout | undefined
  #closed = false

  constructor(registry: ChildRegistry, limits: StartLimits) {
    this.#registry = registry
    this.#limits = limits
    this.#slots = new Slots(limits.startConcurrency)
    this.#rate = new StartRate(limits.maxStartsPerMinute)
  }

  get prewarmed(): number {
    return this.#prewarmed.size
  }

  /** Whether the last starts failed, so that none is tried at the moment. */
  get isBroken(): boolean {
    return this.#breaker.isOpen
  }

  /** A child to be spoken with, on behalf of this user; or why there is none. */
  async start(principal: string): Promise<Child | Refusal> {
    const refused = this.#refused(principal)
    if (refused !== undefined) return refused
    this.#count(principal, 1)
    const child = await this.#take()
    if (isRefusal(child)) this.#count(principal, -1)
    else void child.gone.then(() => this.#count(principal, -1))
    return child
  }

  /** Ends the prewarmed processes and starts nothing any more. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#refill)
    this.#prewarmed.clear()
  }

  get #isFull(): boolean {
    return this.#registry.children.size >= this.#limits.maxChildren
  }

  async #take(): Promise<Child | Refusal> {
    const prewarmed = this.#takePrewarmed()
    if (prewarmed !== undefined) return prewarmed
    const child = this.#isFull ? full : await this.#startInTurn()
    if (child === full || child === busy || child === closing) this.#breaker.abandoned()
    return child
  }

  #count(principal: string, more: 1 | -1): void {
    const count = (this.#perPrincipal.get(principal) ?? 0) + more
    if (count > 0) this.#perPrincipal.set(principal, count)
    else this.#perPrincipal.delete(principal)
  }

  async #startInTurn(): Promise<Child | Refusal> {
    const release = await this.#slots.take(this.#limits.handshakeTimeout)
    if (release === undefined) return busy
    // Others were started while this one waited
    if (this.#closed || this.#isFull) {
      release()
      return this.#closed ? closing : full
    }
    const child = this.#spawn(release)
    this.#refillLater()
    return isRefusal(child) || child.pid !== undefined ? child : whyNot(child)
  }

  #refused(principal: string): Refusal | undefined {
    if (this.#closed) return closing
    // Without tokens there is no user to hold to anything
    const started = principal === '' ? 0 : (this.#perPrincipal.get(principal) ?? 0)
    if (started >= this.#limits.maxChildrenPerPrincipal) return tooManyOfYours
    const wait = principal === '' ? 0 : this.#rate.take(principal)
    if (wait > 0) return { status: 429, message: 'You start MCP server processes too often', retryAfter: wait }
    const pause = this.#breaker.enter()
    return pause > 0 ? { ...broken, retryAfter: pause } : undefined
  }

  #spawn(release?: () => void): Child | Refusal {
    const child = this.#registry.spawn()
    if (isRefusal(child)) {
      release?.()
      this.#failed()
      return child
    }
    child.yieldTurn = () => release?.()
    child.onFirstAnswer = () => {
      release?.()
      this.#breaker.succeeded()
    }
    child.onEnd = ({ expected, error }) => {
      release?.()
      this.#prewarmed.delete(child)
      if (child.hasAnswered) return
      if ((expected && !child.wasTooSlow) || (child.isProbed && error === undefined)) this.#breaker.abandoned()
      else this.#failed()
    }
    return child
  }

  #failed(): void {
    this.#registry.counts.failedStarts++
    this.#breaker.failed()
  }

  #takePrewarmed(): Child | undefined {
    const [child] = this.#prewarmed
    if (child === undefined) return undefined
    this.#prewarmed.delete(child)
    this.#refillLater()
    return child
  }

  #refillLater(): void {
    if (this.#refill !== undefined || this.#limits.prewarmed === 0) return
    this.#refill = setTimeout(() => {
      this.#refill = undefined
      if (this.#closed || this.#isFull || this.#breaker.isOpen || this.#prewarmed.size >= this.#limits.prewarmed) return
      const child = this.#spawn()
      if (isRefusal(child)) return
      this.#prewarmed.add(child)
      this.#refillLater()
    }, refillPause * 1000).unref()
  }
}

/** A process without a number was never there, and its end is about to tell why. */
function whyNot(child: Child): Promise<Refusal> {
  const { onEnd } = child
  return new Promise((resolve) => {
    child.onEnd = (ending) => {
      onEnd(ending)
      resolve(refusedBySystem(ending.error))
    }
  })
}

const tooManyOfYours: Refusal = {
  status: 429,
  message: 'Too many MCP server processes run for you; end some of your sessions and calls first',
  retryAfter: 5,
}
const full: Refusal = { status: 503, message: 'The bridge runs all the processes it may', retryAfter: 10 }
const busy: Refusal = { status: 503, message: 'Too many MCP server processes are being started', retryAfter: 5 }
const closing: Refusal = { status: 503, message: 'The bridge is shutting down; try again', retryAfter: 5 }
const broken: Omit<Refusal, 'retryAfter'> = {
  status: 503,
  message: 'The MCP server has failed to start several times; its operator finds the reason in the log',
}
