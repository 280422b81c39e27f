import type { Refusal } from '@mcp-gateway/core/internal'
import { temporary } from '../refusals/refusals.js'
import { Breaker } from './breaker.js'
import type { Child } from './child.js'
import { type ChildRegistry, refusedBySystem } from './child-registry.js'
import { deadline, silenceBefore, timeLeft } from './deadline.js'
import { Slots } from './slots.js'
import { StartRate } from './start-rate.js'

/** What bounds the starting of children. */
export interface StartLimits {
  readonly maxChildren: number
  readonly maxChildrenPerPrincipal: number
  readonly maxStartsPerMinute: number
  readonly startConcurrency: number
  readonly prewarmed: number
  /** Seconds from the wish for a process to its first answer. */
  readonly handshakeTimeout: number
}

/** Which part of the time that is left a process may wait for its turn: some of it is for its answer. */
const waitPart = 3 / 4

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

  /**
   * A child to be spoken with, on behalf of this user.
   *
   * @param until when it must have answered, by `performance.now()`
   * @throws {Refusal} when there is none to be had now
   */
  async start(principal: string, until: number = deadline(this.#limits.handshakeTimeout)): Promise<Child> {
    this.#admit(principal)
    this.#count(principal, 1)
    try {
      const child = await this.#take(until)
      void child.gone.then(() => this.#count(principal, -1))
      return child
    } catch (refusal) {
      this.#count(principal, -1)
      throw refusal
    }
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

  async #take(until: number): Promise<Child> {
    const prewarmed = this.#takePrewarmed()
    if (prewarmed !== undefined) return prewarmed
    try {
      if (this.#isFull) throw full
      return await this.#startInTurn(until)
    } catch (refusal) {
      if (refusal === full || refusal === busy || refusal === closing) this.#breaker.abandoned()
      throw refusal
    }
  }

  #count(principal: string, more: 1 | -1): void {
    const count = (this.#perPrincipal.get(principal) ?? 0) + more
    if (count > 0) this.#perPrincipal.set(principal, count)
    else this.#perPrincipal.delete(principal)
  }

  async #startInTurn(until: number): Promise<Child> {
    const release = await this.#slots.take((timeLeft(until) * waitPart) / 1000)
    if (release === undefined) throw busy
    // Others were started while this one waited
    if (this.#closed || this.#isFull) {
      release()
      throw this.#closed ? closing : full
    }
    // One that is silent for long does not keep the machine busy: others may start beside it
    const timer = setTimeout(release, silenceBefore(until)).unref()
    const done = () => {
      clearTimeout(timer)
      release()
    }
    try {
      const child = this.#spawn(done)
      return child.pid === undefined ? await whyNot(child) : child
    } finally {
      this.#refillLater()
    }
  }

  #admit(principal: string): void {
    if (this.#closed) throw closing
    // Without tokens there is no user to hold to anything
    const started = principal === '' ? 0 : (this.#perPrincipal.get(principal) ?? 0)
    if (started >= this.#limits.maxChildrenPerPrincipal) throw tooManyOfYours
    const wait = principal === '' ? 0 : this.#rate.take(principal)
    if (wait > 0) throw temporary(429, 'You start MCP server processes too often', wait)
    const pause = this.#breaker.enter()
    if (pause > 0) throw temporary(503, failedOften, pause)
  }

  #spawn(release?: () => void): Child {
    let child: Child
    try {
      child = this.#registry.spawn()
    } catch (refusal) {
      release?.()
      this.#failed()
      throw refusal
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
      try {
        this.#prewarmed.add(this.#spawn())
      } catch {
        // It is in the log, and nobody waits for it; the next start refills again
        return
      }
      this.#refillLater()
    }, refillPause * 1000).unref()
  }
}

/** A process without a number was never there, and its end is about to tell why. */
function whyNot(child: Child): Promise<never> {
  const { onEnd } = child
  return new Promise((_resolve, reject) => {
    child.onEnd = (ending) => {
      onEnd(ending)
      reject(refusedBySystem(ending.error))
    }
  })
}

const tooManyOfYours: Refusal = temporary(
  429,
  'Too many MCP server processes run for you; end some of your sessions and calls first',
  5,
)
const full: Refusal = temporary(503, 'Process limit of the bridge reached; try again later', 10)
const busy: Refusal = temporary(503, 'Too many MCP server processes are being started', 5)
const closing: Refusal = temporary(503, 'The bridge is shutting down; try again', 5)
const failedOften = 'The MCP server has failed to start several times; its operator finds the reason in the log'
