import type { Message } from '@mcp-gateway/core'
import {
  type ModernClient,
  type ModernExchange,
  type ModernRequest,
  modernClient,
  readModernRequest,
} from '@mcp-gateway/core/eras'
import {
  errorCodes,
  knownMembers,
  mayRequireInput,
  metaKeys,
  modernVersions,
  type Owner,
  Refusal,
  type TaskOwners,
} from '@mcp-gateway/core/internal'
import type { LegacyChild } from '../children/legacy-child.js'
import { LegacyChildren, type Need } from '../children/legacy-children.js'
import { taskRunner } from '../children/task-runner.js'
import type { Connect } from '../connection/connection.js'
import type { Settings } from '../options/options.js'
import type { Child } from '../process/child.js'
import { notKeepingUp } from '../refusals/refusals.js'
import { unsupported } from './modern-refusals.js'
import type { Opening } from './opening.js'
import { TranslatedExchange } from './translated-exchange.js'

const openAfter = 10_000
/** What a legacy connection is told once, and not by a client of the modern era. */
const dropped: ReadonlySet<string | undefined> = new Set([
  'notifications/initialized',
  'notifications/roots/list_changed',
  'notifications/progress',
])

/** A call under way: which child it needs, and whether it waits for its client. */
interface Use {
  readonly child: LegacyChild
  isParked: boolean
}

/** A request, and the child that was taken for it. */
export interface Prepared {
  readonly modern: ModernRequest
  readonly need: Need
  readonly child: LegacyChild
}

/** What an endpoint that translates takes from the one that does not. */
export interface TranslatedEndpointHost {
  readonly connect: Connect
  readonly tasks: TaskOwners<object>
  /** Hears that a child has been initialized, so that there is no doubt about its era. */
  readonly onLegacy: () => void
  /** Gives a legacy child that need not be started, where there is one. */
  readonly takeSpare: () => Child | undefined
}

/** A request that a child is taken for. */
interface Wanted {
  readonly request: Request
  readonly message: Message
  readonly modern: ModernRequest
  readonly need: Need
}

/** Serves modern clients from legacy children. */
export class TranslatedEndpoint {
  readonly #settings: Settings
  readonly #children: LegacyChildren
  readonly #client: ModernClient
  readonly #exchanges: Set<TranslatedExchange> = new Set()
  readonly #tasks: TaskOwners<object>
  readonly #uses: WeakMap<ModernExchange, Use> = new WeakMap()
  readonly #onLegacy: () => void

  constructor(settings: Settings, { connect, tasks, onLegacy, takeSpare }: TranslatedEndpointHost) {
    this.#settings = settings
    this.#tasks = tasks
    this.#children = new LegacyChildren(settings, connect, takeSpare)
    this.#client = modernClient(settings)
    this.#onLegacy = onLegacy
  }

  /** The processes that serve modern clients here. */
  serving(): ReturnType<LegacyChildren['serving']> {
    return this.#children.serving()
  }

  get inFlight(): number {
    return this.#exchanges.size
  }

  /** Requests that will come to an end by themselves. */
  get calls(): number {
    return [...this.#exchanges].filter((exchange) => !exchange.isListening).length
  }

  /** Calls that wait for their clients. */
  get parkedCalls(): number {
    return this.#client.parkedCalls
  }

  /**
   * Takes a child for a request of the era before it is known that the server is of this one.
   *
   * @param until when one that is started for it must have answered, by `performance.now()`
   * @returns nothing where the request needs no child to be answered
   * @throws {Refusal} when it cannot be served now
   */
  async prepare(request: Request, message: Message, owner: Owner, until: number): Promise<Prepared | undefined> {
    const modern = needsNoChild(message)
      ? undefined
      : readModernRequest(message.bytes, message.method ?? '', knownMembers(message))
    if (modern === undefined || modern.requestState !== undefined) return undefined
    const need = needOf(message, modern, owner)
    return { modern, need, child: await this.#childFor({ request, message, modern, need }, until) }
  }

  /** What was prepared is not needed. */
  release({ child, need }: Prepared): void {
    this.#children.release(child, need)
  }

  /**
   * Serves a request for which a child has been taken.
   *
   * @param done hears once that it is answered
   */
  serve({ modern, need, child }: Prepared, opening: Opening, request: Request, done: () => void): Promise<Response> {
    const exchange = this.#newExchange(opening, modern, need, done)
    this.#run(exchange, modern, need, child)
    return this.#respond(exchange, opening, request)
  }

  /**
   * Serves what needs no child to be taken for it.
   *
   * @param done hears once that it is answered or refused
   * @throws {Refusal} when it cannot be served now
   */
  async handle(opening: Opening, request: Request, owner: Owner, done: () => void): Promise<Response> {
    const { message } = opening
    if (needsNoChild(message)) {
      done()
      return message.kind === 'request' ? unsupported(message, modernVersions) : this.#notify(message, owner)
    }
    return this.#resume(opening, request, owner, done)
  }

  /** Time limits and signs of life. */
  tick(now: number, keepAlive: boolean): void {
    const { requestTimeout, maxRequestTime } = this.#settings
    for (const { stream } of this.#exchanges) {
      if (now - stream.openedAt >= openAfter) stream.open()
      if (keepAlive) stream.keepAlive()
    }
    for (const { connection } of this.#children.children()) {
      for (const pending of connection.pending.values()) {
        // While its client is asked, a person may be thinking
        if (connection.serverRequests.isAsking) pending.activeAt = now
        const isSilent = now - pending.activeAt > requestTimeout * 1000
        if (isSilent || now - pending.startedAt > maxRequestTime * 1000) connection.giveUp(pending)
      }
    }
    this.#children.tick(now)
  }

  /** Ends the listeners, and the calls that wait for their clients. */
  close(): void {
    for (const exchange of this.#exchanges) exchange.endGracefully()
    this.#client.close()
  }

  async #notify(message: Message, owner: Owner): Promise<Response> {
    const accepted = new Response(null, { status: 202 })
    if (dropped.has(message.method)) return accepted
    const need = { owner, capabilities: new Uint8Array(), declared: {}, mayAsk: false }
    const child = await this.#children.acquire(need)
    const isBehind = child.connection.child.queued > this.#settings.maxQueuedBytes
    if (!isBehind) child.connection.notify(message.bytes, owner)
    this.#children.release(child, need)
    if (isBehind) throw notKeepingUp
    return accepted
  }

  /** The child for a request that fits its tools; it is taken. */
  async #childFor({ request, message, modern, need }: Wanted, until: number): Promise<LegacyChild> {
    const child = await this.#children.acquire(need, this.#runnerOf(modern, need.owner), until)
    try {
      this.#onLegacy()
      const mismatch = await child.tools.mismatch(message, request.headers)
      if (mismatch !== undefined) throw new Refusal(400, errorCodes.headerMismatch, mismatch)
      const isBehind = child.connection.child.queued > this.#settings.maxQueuedBytes
      if (isBehind || request.signal.aborted) throw notKeepingUp
      return child
    } catch (refusal) {
      this.#children.release(child, need)
      throw refusal
    }
  }

  async #resume(opening: Opening, request: Request, owner: Owner, done: () => void): Promise<Response> {
    const { message } = opening
    const modern = readModernRequest(message.bytes, message.method ?? '', knownMembers(message))
    const need = needOf(message, modern, owner)
    const exchange = this.#newExchange(opening, modern, need, done)
    const call = await this.#client.resume(modern, owner, exchange)
    const use = call && this.#uses.get(call)
    if (use !== undefined) this.#setParked(use, false)
    exchange.begin(call)
    return this.#respond(exchange, opening, request)
  }

  #run(exchange: TranslatedExchange, request: ModernRequest, need: Need, child: LegacyChild): void {
    const { server, info } = child
    const { owner } = need
    const use: Use = { child, isParked: false }
    let isOver = false
    const over = () => {
      if (isOver) return
      isOver = true
      this.#setParked(use, false)
      this.#children.release(child, need)
    }
    const call = this.#client.serve({ server, info, request, owner, reply: exchange, over })
    this.#uses.set(call, use)
    exchange.begin(call)
  }

  #newExchange(opening: Opening, modern: ModernRequest, need: Need, done: () => void): TranslatedExchange {
    const exchange = new TranslatedExchange(opening, {
      done: (over) => {
        this.#exchanges.delete(over)
        done()
      },
      parked: ({ exchange }) => {
        const use = exchange && this.#uses.get(exchange)
        if (use !== undefined) this.#setParked(use, true)
      },
      lost: (listener) => {
        void this.#listenAgain(listener, modern, need)
      },
    })
    this.#exchanges.add(exchange)
    return exchange
  }

  /** MCP S3: listeners are opened again at the child that takes the place of one that crashed. */
  async #listenAgain(listener: TranslatedExchange, modern: ModernRequest, need: Need): Promise<void> {
    try {
      const child = await this.#children.acquire(need)
      if (listener.isOver) this.#children.release(child, need)
      else this.#run(listener, modern, need, child)
    } catch {
      // Nobody is left to hear of the refusal but the client, whose stream ends
      listener.endGracefully()
    }
  }

  #respond(exchange: TranslatedExchange, opening: Opening, request: Request): Promise<Response> {
    if (request.signal.aborted || opening.hasLeft) exchange.left()
    else request.signal.addEventListener('abort', () => exchange.left(), { once: true })
    return exchange.stream.response
  }

  /** The child that runs the task that a request is about. */
  #runnerOf({ method, params }: ModernRequest, owner: Owner): LegacyChild | undefined {
    const span = params && { start: 0, end: params.length }
    const find = (one: object) => this.#children.find(one)
    return taskRunner(this.#tasks, { owner, method, bytes: params ?? new Uint8Array(), params: span }, find)
  }

  #setParked(use: Use, isParked: boolean): void {
    if (use.isParked === isParked) return
    use.isParked = isParked
    this.#children.park(use.child, isParked ? 1 : -1)
  }
}

/** Notifications, and requests of revisions that are not served, need no child to be taken for them. */
function needsNoChild({ kind, protocolVersion = '' }: Message): boolean {
  return kind !== 'request' || !modernVersions.includes(protocolVersion)
}

function needOf(message: Message, { capabilities }: ModernRequest, owner: Owner): Need {
  const meta = message.json().params?._meta as Record<string, unknown> | undefined
  const declared = meta?.[metaKeys.clientCapabilities]
  const isObject = typeof declared === 'object' && declared !== null
  return {
    owner,
    capabilities,
    declared: isObject ? (declared as Record<string, unknown>) : {},
    mayAsk: mayRequireInput(message.method),
  }
}
