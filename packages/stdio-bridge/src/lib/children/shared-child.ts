import type { Message } from '@mcp-gateway/core'
import { rawNotification, type Span, scanObject } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import { deadline, timeLeft } from '../process/deadline.js'
import { cannotStart, tooSlowToStart } from '../refusals/refusals.js'
import { asBuffer } from '../wire/client-message.js'
import { splice } from '../wire/splice.js'
import { bridgeItself } from './own-request.js'

/** A child that has been initialized, and what it said to that. */
export interface Initialized {
  readonly connection: Connection
  /** Its answer to `initialize`, with this id in place of the first client's. */
  answerTo(id: Buffer): Buffer
  readonly isError: boolean
}

/**
 * A legacy child that several sessions share. It is initialized once, by the bridge with the first client's message;
 * the others get the same answer. When it is gone, the next who needs it starts it anew, with the same message, the
 * same log level and the same subscriptions.
 */
export class SharedChild {
  readonly #connect: (until: number) => Promise<Connection>
  readonly #initialize: Message
  /** Seconds. */
  readonly #handshakeTimeout: number
  #current: Promise<Initialized> | undefined
  #live: Initialized | undefined
  #setLevel: Message | undefined
  #isInitialized = false
  /** Since when it has no sessions, by `performance.now()`. */
  emptySince: number = performance.now()
  /** Sessions that use it, or would use the one in its place. */
  sessions = 0

  /**
   * @param connect gives the connection to a new child, which must have answered then, by `performance.now()`
   * @param handshakeTimeout seconds
   */
  constructor(initialize: Message, connect: (until: number) => Promise<Connection>, handshakeTimeout: number) {
    this.#initialize = initialize
    this.#connect = connect
    this.#handshakeTimeout = handshakeTimeout
  }

  /** The connection, while the child is alive. */
  get connection(): Connection | undefined {
    return this.#live?.connection.isOver === false ? this.#live.connection : undefined
  }

  /**
   * The initialized child, started if there is none.
   *
   * @throws {Refusal} when it cannot be started now
   */
  get(): Promise<Initialized> {
    if (this.#live?.connection.isOver === true) this.#current = undefined
    this.#current ??= this.#start()
    return this.#current
  }

  /** Whether this message of one of several clients is for the child; remembers what a new one has to be told. */
  takes(message: Message): boolean {
    if (message.method === 'logging/setLevel') this.#setLevel = message
    if (message.method !== 'notifications/initialized') return true
    if (this.#isInitialized) return false
    this.#isInitialized = true
    return true
  }

  async #start(): Promise<Initialized> {
    let started: Initialized | undefined
    try {
      const until = deadline(this.#handshakeTimeout)
      const connection = await this.#connect(until)
      started = await this.#handshake(connection, until)
      if (this.#isInitialized) this.#tellAgain(connection)
      return started
    } finally {
      if (started?.isError === false) this.#live = started
      else this.#current = undefined
    }
  }

  #handshake(connection: Connection, until: number): Promise<Initialized> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        connection.child.wasTooSlow = true
        void connection.child.stop()
        reject(tooSlowToStart)
      }, timeLeft(until))
      const answer = (bytes: Buffer | undefined, code?: number) => {
        clearTimeout(timer)
        if (bytes === undefined || !connection.child.hasAnswered) {
          reject(cannotStart)
          return
        }
        if (code !== undefined) void connection.child.stop()
        const span = idSpan(bytes)
        resolve({ connection, isError: code !== undefined, answerTo: (id) => splice(bytes, [{ ...span, bytes: id }]) })
      }
      connection.request(this.#initialize, { waiter: { related: () => undefined, answer }, principal: bridgeItself })
    })
  }

  /** A new child in the place of one that crashed: it is told what its sessions had told the old one. */
  #tellAgain(connection: Connection): void {
    connection.notify(asBuffer(rawNotification('notifications/initialized')))
    const quiet = { waiter: { related: () => undefined, answer: () => undefined }, principal: bridgeItself }
    if (this.#setLevel !== undefined) connection.request(this.#setLevel, quiet)
  }
}

/** Whether a start failed in a way in which a server of another era fails: then it may be asked in that era. */
export function mayBeOtherEra(refusal: unknown): boolean {
  return refusal === cannotStart || refusal === tooSlowToStart
}

function idSpan(bytes: Buffer): Span {
  let span: Span = { start: 0, end: 0 }
  scanObject(bytes, bytes.indexOf(0x7b), (key, value) => {
    if (key === 'id') span = value
  })
  return span
}
