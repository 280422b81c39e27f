import type { Context, Message } from '@mcp-gateway/core'
import {
  accepts,
  errorCodes,
  knownMembers,
  type Owner,
  ownerOf,
  Refusal,
  type TaskOwners,
} from '@mcp-gateway/core/internal'
import type { ServingChild } from '../children/child-groups.js'
import { eitherEra } from '../children/either-era.js'
import { legacyOnly, ModernChildren } from '../children/modern-children.js'
import { taskRunner } from '../children/task-runner.js'
import type { Connect } from '../connection/connection.js'
import type { Settings } from '../options/options.js'
import { deadline, silenceBefore } from '../process/deadline.js'
import { errorResponse, refusalBody } from '../refusals/refusal-response.js'
import { notKeepingUp, tooManyRequestsOfYours } from '../refusals/refusals.js'
import type { ServedBy } from '../sessions/operator-sessions.js'
import { asBuffer, clientSpans } from '../wire/client-message.js'
import { DirectExchange } from './direct-exchange.js'
import { Opening } from './opening.js'
import { type Prepared, TranslatedEndpoint } from './translated-endpoint.js'

const openAfter = 10_000

/** Streamable HTTP of the modern era: each POST stands for itself. */
export class ModernEndpoint {
  readonly children: ModernChildren
  readonly #settings: Settings
  readonly #exchanges: Set<DirectExchange> = new Set()
  /** Requests whose server is being found out or started. */
  readonly #openings: Set<Opening> = new Set()
  readonly #tasks: TaskOwners<object>
  readonly #perPrincipal: Map<string, number> = new Map()
  readonly #translated: TranslatedEndpoint

  constructor(settings: Settings, connect: Connect, tasks: TaskOwners<object>) {
    this.#settings = settings
    this.#tasks = tasks
    this.children = new ModernChildren(settings, connect)
    this.#translated = new TranslatedEndpoint(settings, {
      connect,
      tasks,
      onLegacy: () => this.children.confirmLegacy(),
      takeSpare: () => this.children.takeSpare(),
    })
  }

  /** The processes that serve modern clients, of either era. */
  *serving(): Generator<ServedBy> {
    yield* this.children.serving()
    yield* this.#translated.serving()
  }

  get inFlight(): number {
    return this.#exchanges.size + this.#translated.inFlight
  }

  /** Requests that will come to an end by themselves. */
  get calls(): number {
    return [...this.#exchanges].filter((exchange) => !exchange.isListening).length + this.#translated.calls
  }

  /** Calls that wait for answers of their clients. */
  get parkedCalls(): number {
    return this.#translated.parkedCalls
  }

  /** @throws {Refusal} when the request cannot be served now */
  async handle(request: Request, context: Context, message: Message): Promise<Response> {
    if (!accepts(request.headers, 'application/json') || !accepts(request.headers, 'text/event-stream')) {
      // MCP M5
      return errorResponse({ status: 406, message: 'Accept must name application/json and text/event-stream' }, message)
    }
    // MCP M17: a request is cancelled by closing it. The child takes the number in this for one of ours, which may be
    // another user's
    if (message.method === 'notifications/cancelled') return new Response(null, { status: 202 })
    const owner = ownerOf(context)
    if (this.#countOf(owner.principal) >= this.#settings.maxRequestsInFlight) throw tooManyRequestsOfYours
    // Those that wait for a child to start count too, notifications among them
    this.#count(owner.principal, 1)
    const done = () => this.#count(owner.principal, -1)
    const opening = new Opening(message, context)
    if (this.children.isReady) return this.#serve(opening, request, owner, done)
    this.#openings.add(opening)
    const served = this.#serve(opening, request, owner, done).finally(() => this.#openings.delete(opening))
    // Where the stream was opened because this takes long, what comes of it goes there
    served.then(
      (response) => opening.answered(response),
      (error) => opening.failed(error),
    )
    return Promise.race([opening.stream.response, served])
  }

  async #serve(opening: Opening, request: Request, owner: Owner, done: () => void): Promise<Response> {
    const { message } = opening
    const isRequest = message.kind === 'request'
    let child: ServingChild | typeof legacyOnly | Prepared
    try {
      const acquired = this.children.acquire(owner, this.#runnerOf(message, owner))
      child = this.children.isReady ? await acquired : await this.#find(acquired, opening, request, owner)
    } catch (refusal) {
      done()
      throw refusal
    }
    if (child === legacyOnly) return this.#translated.handle(opening, request, owner, done)
    if ('need' in child) return this.#translated.serve(child, opening, request, done)
    const { connection } = child
    const isBehind = connection.child.queued > this.#settings.maxQueuedBytes
    if (isBehind || !isRequest) {
      if (!isBehind) connection.notify(message.bytes, owner)
      done()
      this.children.release(child)
      if (isBehind) throw notKeepingUp
      // MCP M13
      return new Response(null, { status: 202 })
    }
    const exchange = this.#begin(opening, owner, child)
    const mismatch = await child.tools.mismatch(message, request.headers)
    if (mismatch !== undefined) {
      const refusal = new Refusal(400, errorCodes.headerMismatch, mismatch)
      if (exchange.stream.isOpen) {
        exchange.end(refusalBody(refusal, message))
        return exchange.stream.response
      }
      exchange.left()
      throw refusal
    }
    if (request.signal.aborted || opening.hasLeft) {
      exchange.left()
    } else {
      request.signal.addEventListener('abort', () => exchange.left(), { once: true })
      exchange.run(child)
    }
    return exchange.stream.response
  }

  /** The child for a request to a server that is found out or started for it, or that is a legacy one. */
  #find(
    acquired: Promise<ServingChild | typeof legacyOnly>,
    { message }: Opening,
    request: Request,
    owner: Owner,
  ): Promise<ServingChild | typeof legacyOnly | Prepared> {
    const until = deadline(this.#settings.handshakeTimeout)
    return eitherEra(acquired, {
      refuses: (outcome) => 'answer' in outcome && outcome.answer === legacyOnly,
      ask: () => this.#translated.prepare(request, message, owner, until),
      dropFirst: (late) => late !== legacyOnly && this.children.release(late),
      drop: (late) => this.#translated.release(late),
      after: silenceBefore(until),
    })
  }

  /** Time limits and signs of life. */
  tick(now: number, keepAlive: boolean): void {
    const { requestTimeout, maxRequestTime } = this.#settings
    for (const { stream, message } of this.#openings) {
      if (message.kind === 'request' && now - stream.openedAt >= openAfter) stream.open()
      if (keepAlive) stream.keepAlive()
    }
    for (const exchange of this.#exchanges) {
      const { stream, pending, child } = exchange
      if (now - stream.openedAt >= openAfter && pending !== undefined) stream.open()
      if (keepAlive) stream.keepAlive()
      if (pending === undefined || exchange.isListening) continue
      const isLate = now - pending.activeAt > requestTimeout * 1000 || now - pending.startedAt > maxRequestTime * 1000
      if (isLate) child?.connection.giveUp(pending)
    }
    this.children.tick(now)
    this.#translated.tick(now, keepAlive)
  }

  /** Ends the listeners; the answers of the others end with their children. */
  close(): void {
    for (const exchange of this.#exchanges) exchange.endGracefully()
    this.#translated.close()
  }

  /** The child that runs the task that a request is about. */
  #runnerOf(message: Message, owner: Owner): ServingChild | undefined {
    const { method = '' } = message
    const own = asBuffer(message.bytes)
    const { params } = this.#tasks.size === 0 ? {} : clientSpans(own, knownMembers(message))
    return taskRunner(this.#tasks, { owner, method, bytes: own, params }, (one) => this.children.find(one))
  }

  #begin(opening: Opening, owner: Owner, child: ServingChild): DirectExchange {
    const { context } = opening
    const exchange = new DirectExchange(opening, owner, {
      done: (over) => {
        this.#exchanges.delete(over)
        this.#count(owner.principal, -1)
        if (over.child !== undefined) this.children.release(over.child)
      },
      lost: (listener) => {
        void this.#listenAgain(listener, context)
      },
    })
    exchange.child = child
    this.#exchanges.add(exchange)
    return exchange
  }

  /** MCP S3: listeners are opened again at the child that takes the place of one that crashed. */
  async #listenAgain(listener: DirectExchange, context: Context): Promise<void> {
    if (listener.child !== undefined) this.children.release(listener.child)
    listener.child = undefined
    try {
      const child = await this.children.acquire(ownerOf(context))
      if (child === legacyOnly) listener.end(undefined)
      else if (this.#exchanges.has(listener)) listener.run(child)
      else this.children.release(child)
    } catch {
      // Nobody is left to hear of the refusal but the client, whose stream ends
      listener.end(undefined)
    }
  }

  #countOf(principal: string): number {
    return this.#perPrincipal.get(principal) ?? 0
  }

  #count(principal: string, more: 1 | -1): void {
    const count = this.#countOf(principal) + more
    if (count > 0) this.#perPrincipal.set(principal, count)
    else this.#perPrincipal.delete(principal)
  }
}
