import { member } from '../../json/json-scan.js'
import { parseSpan } from '../../json/raw-json.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { isServerRequest, mayRequireInput } from '../../protocol/methods.js'
import { failed } from '../era-failure.js'
import type { EraAnswer, EraCaller, EraNotification, EraRequest } from '../era-server.js'

/** One call under way at a legacy server. */
export interface LegacyCall {
  readonly caller: EraCaller
  /** Whether a modern client may be asked something in its course (MCP M20). */
  readonly mayAsk: boolean
}

interface Held {
  readonly request: EraRequest
  readonly aborter: AbortController
  answer(answer: EraAnswer): void
}

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']
const maxHeld = 4
/** Seconds that a question waits for a call in which it can be put. */
const holds = 60
/** For how long a call that was cancelled may still make the server write log lines, in ms. */
const lingers = 300_000

/** Tells which call it is that a legacy server speaks of, which its messages do not say. */
export class LegacyCalls {
  readonly #open: Set<LegacyCall> = new Set()
  readonly #held: Set<Held> = new Set()
  /** Users whose cancelled or late calls the server may still be at work for, and until when. */
  readonly #lingering: Map<string, number> = new Map()
  readonly #mayHold: boolean
  #level: string | undefined

  /** @param mayHold whether clients have roots, for which a server asks before the first call */
  constructor(mayHold: boolean) {
    this.#mayHold = mayHold
  }

  /** Questions of the server that wait for a call in which they can be put. */
  get held(): number {
    return this.#held.size
  }

  begin(method: string, caller: EraCaller): LegacyCall {
    const call = { caller, mayAsk: mayRequireInput(method) }
    this.#open.add(call)
    return call
  }

  end(call: LegacyCall, isGivenUp = false): void {
    this.#open.delete(call)
    if (isGivenUp) this.#lingering.set(call.caller.principal, performance.now() + lingers)
  }

  /** The level that the server has to be told first, for a request that wants log messages. */
  levelToSet(wanted: string | undefined): string | undefined {
    if (wanted === undefined || !levels.includes(wanted)) return undefined
    if (this.#level !== undefined && levels.indexOf(this.#level) <= levels.indexOf(wanted)) return undefined
    this.#level = wanted
    return wanted
  }

  /** Puts a question of the server to the client whose call it must be about. */
  ask(request: EraRequest, answer: (answer: EraAnswer) => void): () => void {
    const { method } = request
    const aborter = new AbortController()
    const calls = [...this.#open].filter(({ mayAsk }) => mayAsk)
    const [call] = calls
    if (!isServerRequest(method)) answer(failed(`No client takes ${method} here`, errorCodes.methodNotFound))
    else if (calls.length > 1)
      answer(failed('Several calls are under way; it cannot be told whose client to ask', errorCodes.methodNotFound))
    else if (call !== undefined && this.#lingersFor(call.caller.principal))
      answer(failed('It cannot be told whether this is about a call that was cancelled', errorCodes.methodNotFound))
    else if (call !== undefined) void call.caller.ask(request, aborter.signal).then(answer)
    else if (method !== 'roots/list') answer(failed('No call is under way whose client could be asked'))
    else if (!this.#mayHold) answer(failed('No client has roots', errorCodes.methodNotFound))
    else this.#hold(request, aborter, answer)
    return () => aborter.abort()
  }

  /** Puts to this client what the server asked before any call, and waits for its answers. */
  async askHeld(request: EraRequest, caller: EraCaller): Promise<void> {
    if (!mayRequireInput(request.method)) return
    const held = [...this.#held]
    this.#held.clear()
    await Promise.all(
      held.map(async ({ request, aborter, answer }) => {
        if (!aborter.signal.aborted) answer(await caller.ask(request, aborter.signal))
      }),
    )
  }

  /** Gives a call what the server said in its course. */
  relate({ caller }: LegacyCall, notification: EraNotification): void {
    const isLog = notification.method === 'notifications/message'
    // MCP M22
    if (!isLog || covers(caller.logLevel, levels.indexOf(levelOf(notification)))) caller.notify(notification)
  }

  /** Gives a notification that names no request to the call that it must be about; to none where that is unsure. */
  tell(notification: EraNotification): void {
    const calls = [...this.#open]
    const [first] = calls
    if (first === undefined) return
    const { principal } = first.caller
    if (this.#lingersFor(principal) || calls.some(({ caller }) => caller.principal !== principal)) return
    if (notification.method === 'notifications/message') {
      // MCP M22
      const level = levels.indexOf(levelOf(notification))
      calls.findLast(({ caller }) => covers(caller.logLevel, level))?.caller.notify(notification)
    } else if (calls.length === 1) {
      first.caller.notify(notification)
    }
  }

  close(): void {
    this.#held.clear()
  }

  #hold(request: EraRequest, aborter: AbortController, answer: (answer: EraAnswer) => void): void {
    if (this.#held.size >= maxHeld) {
      answer(failed('Too many questions wait for a client'))
      return
    }
    const held = { request: { ...request, params: request.params?.slice() }, aborter, answer }
    this.#held.add(held)
    const timer = setTimeout(() => {
      if (this.#held.delete(held)) answer(failed('No call came in which a client could be asked'))
    }, holds * 1000)
    // Where timers keep a process alive, this one does not
    ;(timer as { unref?: () => void }).unref?.()
    const withdrawn = () => {
      clearTimeout(timer)
      this.#held.delete(held)
    }
    aborter.signal.addEventListener('abort', withdrawn, { once: true })
  }

  #lingersFor(principal: string): boolean {
    const now = performance.now()
    for (const [other, until] of this.#lingering) {
      if (until < now) this.#lingering.delete(other)
      else if (other !== principal) return true
    }
    return false
  }
}

function covers(wanted: string | undefined, level: number): boolean {
  return wanted !== undefined && levels.indexOf(wanted) <= level
}

function levelOf({ params }: EraNotification): string {
  const level = params && parseSpan(params, member(params, { start: 0, end: params.length }, 'level'))
  return typeof level === 'string' ? level : ''
}
