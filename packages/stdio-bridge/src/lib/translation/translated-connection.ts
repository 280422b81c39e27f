import type { Message } from '@mcp-gateway/core'
import type { LegacyClient } from '@mcp-gateway/core/eras'
import { errorCodes, knownMembers, rawResponse } from '@mcp-gateway/core/internal'
import { failureError } from '../connection/failure.js'
import type { Caller, FailureReason, Peer, Pending } from '../connection/peer.js'
import type { SessionConnection } from '../connection/session-connection.js'
import { timeLeft } from '../process/deadline.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'

/** How long a server that has been found out to be modern may take for `initialize` in any case, in ms. */
const leastTime = 1000

/** What makes the translation for one client; it hears of notifications that belong to no request. */
export type Translate = (notified: (message: Uint8Array) => void) => LegacyClient

/**
 * A server of another era as what one session speaks with. The children behind it are nobody's in particular: one that
 * ends takes the requests with it that it was at, and the session goes on.
 */
export class TranslatedConnection implements SessionConnection {
  readonly isShared = true
  readonly pending: Map<number, Pending> = new Map()
  readonly peers: Set<Peer> = new Set()
  readonly serverRequests: SessionConnection['serverRequests'] = {
    reply: (message, ask) => this.#client.reply(ask, message.bytes),
    refuse: (ask, _code, why) => this.#client.refuse(ask, why),
  }
  readonly child: SessionConnection['child']
  readonly #client: LegacyClient
  readonly #cancels: WeakMap<Pending, () => void> = new WeakMap()
  readonly #until: number
  readonly #onClose: () => void
  #lastNumber = 0
  #isOver = false

  /**
   * @param queued says how many bytes wait for the child that would get the next message
   * @param until when `initialize` must have been answered, by `performance.now()`
   * @param onClose hears when nobody speaks with it any more
   */
  constructor(translate: Translate, queued: () => number, until: number, onClose: () => void) {
    this.#until = until
    this.#onClose = onClose
    this.child = {
      pause: () => undefined,
      resume: () => undefined,
      yieldTurn: () => undefined,
      wasTooSlow: false,
      get queued() {
        return queued()
      },
      stop: async () => this.#close(),
    }
    this.#client = translate((message) => {
      for (const peer of this.peers) peer.notified({ kind: 'notification', bytes: asBuffer(message) })
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  request(message: Message, caller: Caller): Pending {
    const bytes = asBuffer(message.bytes)
    const { id } = clientSpans(bytes, knownMembers(message))
    const now = performance.now()
    const pending: Pending = {
      ...caller,
      owner: caller.owner ?? { principal: caller.principal, audience: '' },
      number: ++this.#lastNumber,
      method: message.method ?? '',
      id: id === undefined ? Buffer.from('null') : bytes.subarray(id.start, id.end),
      wantsLog: false,
      startedAt: now,
      activeAt: now,
    }
    const { waiter, peer } = caller
    this.pending.set(pending.number, pending)
    const cancel = this.#client.request(
      bytes,
      {
        related: (related) => {
          pending.activeAt = performance.now()
          waiter.related(asBuffer(related))
        },
        asked: (question, number) => {
          const asked = waiter.asked ?? ((bytes, ask) => peer?.asked({ kind: 'request', bytes }, ask))
          asked(asBuffer(question), number)
        },
        withdrawn: (notice, number) => peer?.withdrawn(asBuffer(notice), number),
        answered: (answer, code) => {
          if (this.pending.delete(pending.number)) waiter.answer(asBuffer(answer), code)
        },
      },
      knownMembers(message),
    )
    this.#cancels.set(pending, cancel)
    if (pending.method === 'initialize') {
      setTimeout(() => this.giveUp(pending), Math.max(timeLeft(this.#until), leastTime)).unref()
    }
    return pending
  }

  notify(bytes: Uint8Array): void {
    this.#client.notify(bytes)
  }

  cancelled(message: Message, peer: Peer): void {
    const bytes = asBuffer(message.bytes)
    const span = clientSpans(bytes, knownMembers(message)).requestId
    if (span === undefined) return
    const id = bytes.subarray(span.start, span.end)
    const found = [...this.pending.values()].findLast((one) => one.peer === peer && one.id.equals(id))
    if (found === undefined || found.method === 'initialize') return
    this.pending.delete(found.number)
    this.#cancels.get(found)?.()
    found.waiter.answer(undefined)
  }

  fail(pending: Pending, reason: FailureReason): void {
    if (!this.pending.delete(pending.number)) return
    this.#cancels.get(pending)?.()
    pending.waiter.answer(
      asBuffer(rawResponse(pending.id, { error: failureError(reason, undefined) })),
      errorCodes.internalError,
    )
  }

  giveUp(pending: Pending): void {
    this.fail(pending, 'timeout')
  }

  leave(peer: Peer): void {
    if (!this.peers.delete(peer)) return
    for (const pending of [...this.pending.values()]) if (pending.peer === peer) this.fail(pending, 'closed')
    this.#close()
  }

  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#client.close()
    this.#onClose()
  }
}
