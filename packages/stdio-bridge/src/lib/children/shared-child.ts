import type { Message } from '@mcp-gateway/core'
import { type Span, scanObject } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import { cannotStart, isRefusal, type Refusal, tooSlowToStart } from '../refusal.js'
import { splice } from '../wire/splice.js'

/** How to get a connection to a new child. */
export type Connect = () => Promise<Connection | Refusal>

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
  readonly #connect: Connect
  readonly #initialize: Message
  /** Seconds. */
  readonly #handshakeTimeout: number
  #current: Promise<Initialized | Refusal> | undefined
  #live: Initialized | undefined
  #setLevel: Message | undefined
  #isInitialized = false
  /** When it was last without sessions, in ms since the epoch. */
  emptySince: number = performance.now()
  /** Sessions that use it, or would use the one in its place. */
  sessions = 0

  constructor(initialize: Message, connect: Connect, handshakeTimeout: number) {
    this.#initialize = initialize
    this.#connect = connect
    this.#handshakeTimeout = handshakeTimeout
  }

  /** The connection, while the child is alive. */
  get connection(): Connection | undefined {
    return this.#live?.connection.isOver === false ? this.#live.connection : undefined
  }

  /** The initialized child, started if there is none. */
  get(): Promise<Initialized | Refusal> {
    if (this.#live?.connection.isOver === true) this.#current = undefined
    this.#current ??= this.#start().then((started) => {
      if (isRefusal(started) || started.isError) this.#current = undefined
      else this.#live = started
      return started
    })
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

  async #start(): Promise<Initialized | Refusal> {
    const connection = await this.#connect()
    if (isRefusal(connection)) return connection
    const started = await this.#handshake(connection)
    if (!isRefusal(started) && this.#isInitialized) this.#tellAgain(connection)
    return started
  }

  #handshake(connection: Connection): Promise<Initialized | Refusal> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        connection.child.wasTooSlow = true
        void connection.child.stop()
        resolve(tooSlowToStart)
      }, this.#handshakeTimeout * 1000)
      const answer = (bytes: Buffer | undefined, code?: number) => {
        clearTimeout(timer)
        if (bytes === undefined || !connection.child.hasAnswered) {
          resolve(cannotStart)
          return
        }
        if (code !== undefined) void connection.child.stop()
        const span = idSpan(bytes)
        resolve({ connection, isError: code !== undefined, answerTo: (id) => splice(bytes, [{ ...span, bytes: id }]) })
      }
      connection.request(this.#initialize, { waiter: { related: () => undefined, answer }, principal: '' })
    })
  }

  /** A new child in the place of one that crashed: it is told what its sessions had told the old one. */
  #tellAgain(connection: Connection): void {
    connection.notify(Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'))
    const quiet = { waiter: { related: () => undefined, answer: () => undefined }, principal: '' }
    if (this.#setLevel !== undefined) connection.request(this.#setLevel, quiet)
  }
}

/** Whether a start failed in a way in which a server of another era fails: then it may be asked in that era. */
export function isRefusedEra(started: Initialized | Refusal): boolean {
  return isRefusal(started) ? started === cannotStart || started === tooSlowToStart : started.isError
}

function idSpan(bytes: Buffer): Span {
  let span: Span = { start: 0, end: 0 }
  scanObject(bytes, bytes.indexOf(0x7b), (key, value) => {
    if (key === 'id') span = value
  })
  return span
}
