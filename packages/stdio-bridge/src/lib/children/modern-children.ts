import { createHash } from 'node:crypto'
import { ToolHeaders } from '@mcp-gateway/core/eras'
import { isModernCode } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import type { Routing } from '../connection/routing.js'
import type { TaskSharing } from '../connection/task-guard.js'
import type { SessionOwner } from '../legacy/session-types.js'
import { cannotStart, isRefusal, type Refusal } from '../refusal.js'
import { type OwnAnswer, ownRequest } from './own-request.js'
import { listByConnection } from './tool-lists.js'

/** A modern child that serves requests. */
export interface PooledChild {
  readonly connection: Connection
  readonly tools: ToolHeaders
  /** Requests of clients that it has not answered. */
  inFlight: number
  usedAt: number
}

/** What a pool takes from the options of its bridge. */
export interface PoolSettings {
  readonly isolation: 'session' | 'principal' | 'pool' | 'request' | undefined
  readonly poolSize: number
  /** Whether the pool is one session's own. */
  readonly isOwn?: boolean
  /** Seconds. */
  readonly handshakeTimeout: number
  /** Seconds. */
  readonly idleTimeout: number
}

/** Requests under way at every child of a pool before another one is started. */
const crowded = 16
/** How long a child that died of the question is taken for a legacy one, in ms. */
const deathMeansLegacy = 60_000

/** Modern children have no requests for their clients, and nothing that is unasked concerns a session. */
const noSessions = { isShared: true, notified: () => [], asked: () => undefined }

/** The server speaks no modern revision. */
export const legacyOnly = 'legacy-only'

interface Group {
  children: PooledChild[]
  starting?: Promise<PooledChild | Refusal | typeof legacyOnly>
  crashes: number
  notBefore: number
}

/** The modern children: a few for everybody, or one for each user, or one for each request. */
export class Pool {
  readonly #settings: PoolSettings
  readonly #connect: (principal: string, routing: Routing) => Promise<Connection | Refusal>
  readonly #groups: Map<string, Group> = new Map()
  #legacyUntil = 0
  #isModern = false

  constructor(settings: PoolSettings, connect: (principal: string, routing: Routing) => Promise<Connection | Refusal>) {
    this.#settings = settings
    this.#connect = connect
  }

  *children(): Generator<PooledChild> {
    for (const { children } of this.#groups.values()) yield* children
  }

  /** Whether everybody shares the children. */
  get isForAll(): boolean {
    const { isolation } = this.#settings
    return isolation === undefined || isolation === 'pool'
  }

  /** The child that speaks over this connection, where it is one of these. */
  find(connection: object): PooledChild | undefined {
    for (const child of this.children()) if (child.connection === connection) return child
    return undefined
  }

  /** Bytes that wait for the child that would get a message of this user now. */
  queuedFor(owner: SessionOwner): number {
    const alive = this.#groups.get(this.#keyOf(owner))?.children.filter(({ connection }) => !connection.isOver) ?? []
    return leastBusy(alive)?.connection.child.queued ?? 0
  }

  /** The server has been initialized as a legacy one: there is nothing left to find out. */
  confirmLegacy(): void {
    this.#legacyUntil = Number.POSITIVE_INFINITY
  }

  /** The child that a request of this user goes to, the wanted one while it lives; to be given back with `release`. */
  async acquire(owner: SessionOwner, wanted?: PooledChild): Promise<PooledChild | Refusal | typeof legacyOnly> {
    const choice = wanted?.connection.isOver === false ? wanted : this.#choose(owner)
    // Counted at once where it can be, so that requests of one moment spread
    const child = choice instanceof Promise ? await choice : choice
    if (typeof child !== 'string' && !isRefusal(child)) child.inFlight++
    return child
  }

  #choose(owner: SessionOwner): PooledChild | Promise<PooledChild | Refusal | typeof legacyOnly> | typeof legacyOnly {
    if (performance.now() < this.#legacyUntil) return legacyOnly
    const { isolation, poolSize } = this.#settings
    if (isolation === 'request') return this.#start(owner.principal)
    const group = this.#groupOf(owner)
    const alive = group.children.filter(({ connection }) => !connection.isOver)
    group.children = alive
    const best = leastBusy(alive)
    if (best !== undefined && (best.inFlight < crowded || alive.length >= this.#sizeFor(isolation, poolSize)))
      return best
    const started = this.#startIn(group, owner.principal)
    return best ?? started
  }

  /** A request is over. */
  release(child: PooledChild): void {
    child.inFlight--
    child.usedAt = performance.now()
    if (this.#settings.isolation === 'request') void child.connection.child.stop()
  }

  /** Stops every child, those too that are still being started. */
  close(): void {
    for (const group of this.#groups.values()) {
      for (const { connection } of group.children) void connection.child.stop()
      void group.starting?.then((started) => {
        if (typeof started !== 'string' && !isRefusal(started)) void started.connection.child.stop()
      })
    }
    this.#groups.clear()
  }

  /** Stops the children that nobody has used for a while. */
  tick(now: number): void {
    for (const [key, group] of this.#groups) {
      for (const { connection, inFlight, usedAt } of group.children) {
        if (inFlight === 0 && now - usedAt > this.#settings.idleTimeout * 1000) void connection.child.stop()
      }
      group.children = group.children.filter(({ connection }) => !connection.isOver)
      if (group.children.length === 0 && group.starting === undefined && now > group.notBefore) this.#groups.delete(key)
    }
  }

  #sizeFor(isolation: PoolSettings['isolation'], poolSize: number): number {
    return isolation === 'principal' || isolation === 'session' ? 1 : poolSize
  }

  // A modern client has no session; children that are not for everybody are for one user
  #keyOf({ principal, audience, scopes }: SessionOwner): string {
    if (this.isForAll) return ''
    const whose = JSON.stringify([principal, audience, [...scopes].sort()])
    return createHash('sha256').update(whose).digest('base64')
  }

  #groupOf(owner: SessionOwner): Group {
    const key = this.#keyOf(owner)
    const group = this.#groups.get(key) ?? { children: [], crashes: 0, notBefore: 0 }
    this.#groups.set(key, group)
    return group
  }

  #startIn(group: Group, principal: string): Promise<PooledChild | Refusal | typeof legacyOnly> {
    const pause = group.notBefore - performance.now()
    if (pause > 0) {
      const message = 'The MCP server ended by itself and is being restarted'
      return Promise.resolve({ status: 503, message, retryAfter: pause / 1000 })
    }
    group.starting ??= this.#start(principal).then((started) => {
      group.starting = undefined
      if (typeof started === 'string' || isRefusal(started)) return started
      group.children.push(started)
      this.#watch(group, started)
      return started
    })
    return group.starting
  }

  /** The first crash costs nothing; each that follows soon after makes the pause before the next start longer. */
  #watch(group: Group, { connection }: PooledChild): void {
    const { child } = connection
    const { onEnd } = child
    child.onEnd = (ending) => {
      onEnd(ending)
      if (ending.expected) return
      const isSoon = performance.now() - child.startedAt < 60_000
      group.crashes = isSoon ? Math.min(group.crashes + 1, 8) : 0
      if (group.crashes > 1) group.notBefore = performance.now() + 100 * 2 ** group.crashes * (0.75 + Math.random() / 2)
    }
  }

  /** Who come without tokens cannot be told apart, so their child has several users too. */
  #tasksOf(principal: string): TaskSharing {
    const { isOwn = false, isolation } = this.#settings
    if (isOwn || isolation === 'request') return 'one'
    return this.isForAll || principal === '' ? 'several' : 'one'
  }

  async #start(principal: string): Promise<PooledChild | Refusal | typeof legacyOnly> {
    const connection = await this.#connect(principal, { ...noSessions, tasks: this.#tasksOf(principal) })
    if (isRefusal(connection)) return connection
    const { child } = connection
    child.isProbed = !this.#isModern
    const answer = await ownRequest(connection, 'server/discover', {}, this.#settings.handshakeTimeout)
    // One that was modern before does not become another by dying
    if (answer === undefined && this.#isModern) {
      void child.stop()
      return cannotStart
    }
    if (answer === undefined || !isModern(answer)) {
      // MCP S2: any other error and silence mean legacy, whatever the code
      this.#legacyUntil = answer === undefined ? performance.now() + deathMeansLegacy : Number.POSITIVE_INFINITY
      if (child.ending?.error !== undefined) this.#legacyUntil = 0
      void child.stop()
      return legacyOnly
    }
    this.#isModern = true
    const { tools } = (answer.result?.capabilities ?? {}) as { tools?: { listChanged?: unknown } }
    const headers = new ToolHeaders(listByConnection(connection, tools?.listChanged === true))
    return { connection, tools: headers, inFlight: 0, usedAt: performance.now() }
  }
}

function leastBusy(children: readonly PooledChild[]): PooledChild | undefined {
  return children.reduce<PooledChild | undefined>((least, one) => {
    return least === undefined || one.inFlight < least.inFlight ? one : least
  }, undefined)
}

function isModern({ result, error }: OwnAnswer): boolean {
  if (Array.isArray(result?.supportedVersions)) return true
  return error !== undefined && error !== null && isModernCode(error.code)
}
