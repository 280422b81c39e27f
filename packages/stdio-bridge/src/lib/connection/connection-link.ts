import type { EraLink, EraLinkCall, EraLinkListener, EraNotification, EraRequest } from '@mcp-gateway/core/eras'
import { errorCodes, rawNotification } from '@mcp-gateway/core/internal'
import type { ChildMessage } from '../wire/child-message.js'
import { asBuffer } from '../wire/client-message.js'
import type { Connection } from './connection.js'
import type { Peer } from './peer.js'

const noopObserver: EraLinkListener = {
  notified: () => undefined,
  asked: () => () => undefined,
  ended: () => undefined,
}

/** A child as what a translation speaks with. It is the only peer of its connection. */
export class ConnectionLink implements EraLink, Peer {
  listener: EraLinkListener = noopObserver
  readonly subscriptions: ReadonlySet<string> = new Set()
  readonly connection: Connection
  readonly #withdrawals: Map<number, () => void> = new Map()

  constructor(connection: Connection) {
    this.connection = connection
    connection.peers.add(this)
  }

  request(request: EraRequest, call: EraLinkCall): (reason: string) => void {
    const pending = this.connection.send(request, call, this)
    return (reason) => this.connection.cancel(pending, reason)
  }

  notify({ method, params }: EraNotification): void {
    this.connection.notify(asBuffer(rawNotification(method, params)))
  }

  notified({ bytes, method = '', params }: ChildMessage): void {
    this.listener.notified({ method, params: params && bytes.subarray(params.start, params.end) })
  }

  asked({ bytes, method = '', params }: ChildMessage, ask: number): void {
    const { pending, serverRequests } = this.connection
    // No client's call can come before that, so that the child would wait for us, and we for it
    if (method !== 'ping' && [...pending.values()].some((one) => one.method === 'initialize')) {
      serverRequests.refuse(ask, errorCodes.methodNotFound, `No client takes ${method} before initialize is answered`)
      return
    }
    const request = { method, params: params && bytes.subarray(params.start, params.end) }
    const withdraw = this.listener.asked(request, (answer) => {
      this.#withdrawals.delete(ask)
      serverRequests.answer(ask, answer)
    })
    if (serverRequests.isOpen(ask)) this.#withdrawals.set(ask, withdraw)
  }

  withdrawn(_bytes: Buffer, ask: number): void {
    const withdraw = this.#withdrawals.get(ask)
    this.#withdrawals.delete(ask)
    withdraw?.()
  }

  ended(): void {
    this.#withdrawals.clear()
    this.listener.ended()
  }
}
