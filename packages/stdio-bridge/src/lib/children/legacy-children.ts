import { createHash } from 'node:crypto'
import type { RawJson } from '@mcp-gateway/core/eras'
import { canBeAsked } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import { exclusive, type Routing } from '../connection/routing.js'
import type { TaskSharing } from '../connection/task-guard.js'
import type { SessionOwner } from '../legacy/session-types.js'
import { isRefusal, type Refusal } from '../refusal.js'
import { type LegacyChild, startLegacyChild } from './legacy-child.js'
import type { PoolSettings } from './modern-children.js'

/** What a request needs of the child that serves it. */
export interface Need {
  readonly owner: SessionOwner
  /** What the client declared, as it wrote it and parsed. */
  readonly capabilities: RawJson
  readonly declared: Readonly<Record<string, unknown>>
  /** Whether the child may ask the client something in its course. */
  readonly mayAsk: boolean
}

interface Group {
  readonly key: string
  /** Whose it is; empty where it is everybody's. */
  readonly principal: string
  /** Whether its children were told of a client that can be asked, so that they serve one such call at a time. */
  readonly isAsking: boolean
  children: LegacyChild[]
  starting: number
  parked: number
  readonly waiting: Set<() => void>
}

/** Requests under way at every child of a shared group before another one is started. */
const crowded = 16
/** Groups without work that one user may leave behind; the one that is idle longest makes room. */
const maxIdle = 4

/**
 * The legacy children that serve modern clients. A legacy child learns only once what its client can do, so there are
 * some for each set of capabilities; and as it does not say which call its question is about, one that may ask serves one
 * such call at a time. Children whose clients can do nothing may be everybody's, as the isolation is.
 */
export class LegacyChildren {
  readonly #settings: PoolSettings
  readonly #connect: (principal: string, routing: Routing) => Promise<Connection | Refusal>
  readonly #groups: Map<string, Group> = new Map()
  readonly #groupOf: WeakMap<LegacyChild, Group> = new WeakMap()
  #lastSingle = 0

  constructor(settings: PoolSettings, connect: (principal: string, routing: Routing) => Promise<Connection | Refusal>) {
    this.#settings = settings
    this.#connect = connect
  }

  *children(): Generator<LegacyChild> {
    for (const { children } of this.#groups.values()) yield* children
  }

  /** The child that speaks over this connection, where it is one of these. */
  find(connection: object): LegacyChild | undefined {
    for (const child of this.children()) if (child.connection === connection) return child
    return undefined
  }

  /** Whether a child without capabilities is for everybody. */
  get isForAll(): boolean {
    const { isolation } = this.#settings
    return isolation === undefined || isolation === 'pool'
  }

  /** The child for a request, the wanted one while it lives; to be given back with `release`. */
  async acquire(need: Need, wanted?: LegacyChild): Promise<LegacyChild | Refusal> {
    const group = wanted === undefined ? this.#find(need) : this.#groupOf.get(wanted)
    if (group === undefined) return gone
    for (;;) {
      const found = wanted?.connection.isOver === false ? wanted : this.#choose(group, need)
      if (found !== undefined) return this.#taken(found, need)
      if (this.#mayStart(group, need)) {
        const started = await this.#start(group, need)
        if (isRefusal(started)) return started
        // Others may have taken it meanwhile
        const isFree = this.#choose(group, need) === started || !group.isAsking
        if (isFree) return this.#taken(started, need)
      } else {
        await new Promise<void>((resolve) => group.waiting.add(resolve))
      }
    }
  }

  /** A request is over, and a call with it. */
  release(child: LegacyChild, { mayAsk }: Pick<Need, 'mayAsk'>): void {
    child.inFlight--
    if (mayAsk) child.asking--
    child.usedAt = performance.now()
    if (this.#settings.isolation === 'request' && child.inFlight === 0) void child.connection.child.stop()
    this.#wake(child)
  }

  /** A call of this child waits for its client, or does so no more: meanwhile another child may take its place. */
  park(child: LegacyChild, more: 1 | -1): void {
    const group = this.#groupOf.get(child)
    if (group === undefined) return
    group.parked += more
    this.#wake(child)
  }

  /** Stops the children that nobody has used for a while. */
  tick(now: number): void {
    for (const group of this.#groups.values()) {
      for (const { connection, inFlight, usedAt } of group.children) {
        if (inFlight === 0 && now - usedAt > this.#settings.idleTimeout * 1000) void connection.child.stop()
      }
      group.children = group.children.filter(({ connection }) => !connection.isOver)
      if (group.children.length === 0 && isIdle(group)) this.#groups.delete(group.key)
    }
  }

  #taken(child: LegacyChild, { mayAsk }: Need): LegacyChild {
    child.inFlight++
    if (mayAsk) child.asking++
    return child
  }

  #choose(group: Group, { mayAsk }: Need): LegacyChild | undefined {
    group.children = group.children.filter(({ connection }) => !connection.isOver)
    const { children } = group
    // The first that is free, so that a client that makes one call after the other keeps its child
    if (group.isAsking) return mayAsk ? children.find(({ asking }) => asking === 0) : children[0]
    const best = children.reduce<LegacyChild | undefined>((least, one) => {
      return least === undefined || one.inFlight < least.inFlight ? one : least
    }, undefined)
    const isFull = children.length + group.starting >= this.#settings.poolSize
    return best !== undefined && (best.inFlight < crowded || isFull) ? best : undefined
  }

  #mayStart({ children, starting, parked, isAsking }: Group, { mayAsk }: Need): boolean {
    const { poolSize } = this.#settings
    if (isAsking && mayAsk) return children.length + starting < poolSize + parked
    // Those that can share wait for the one that is being started
    return starting === 0 && children.length < poolSize + parked
  }

  async #start(group: Group, { owner, capabilities }: Need): Promise<LegacyChild | Refusal> {
    group.starting++
    try {
      const connection = await this.#connect(owner.principal, { ...exclusive, tasks: this.#tasksOf(group, owner) })
      if (isRefusal(connection)) return connection
      const told = group.key === '' ? nothing : capabilities
      const started = await startLegacyChild(connection, told, this.#settings.handshakeTimeout)
      if (isRefusal(started)) return started
      group.children.push(started)
      this.#groupOf.set(started, group)
      return started
    } finally {
      group.starting--
      this.#wakeAll(group)
    }
  }

  /** Who come without tokens cannot be told apart, so their child has several users too. */
  #tasksOf({ key }: Group, { principal }: SessionOwner): TaskSharing {
    if (this.#settings.isolation === 'request') return 'one'
    return key === '' || principal === '' ? 'several' : 'one'
  }

  #find({ owner, declared }: Need): Group {
    const isAsking = canBeAsked(declared)
    const isForAll = this.isForAll && Object.keys(declared).length === 0
    const key = isForAll ? '' : this.#keyOf(owner, declared)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const principal = isForAll ? '' : owner.principal
    this.#makeRoom(principal)
    const group = { key, principal, isAsking, children: [], starting: 0, parked: 0, waiting: new Set<() => void>() }
    this.#groups.set(key, group)
    return group
  }

  #keyOf({ principal, audience, scopes }: SessionOwner, declared: Need['declared']): string {
    if (this.#settings.isolation === 'request') return String(++this.#lastSingle)
    const whose = JSON.stringify([principal, audience, [...scopes].sort(), sorted(declared)])
    return createHash('sha256').update(whose).digest('base64')
  }

  /** A client that declares something else each time must not fill the bridge with children that nobody uses. */
  #makeRoom(principal: string): void {
    const idle = [...this.#groups.values()].filter(
      (group) => group.key !== '' && group.principal === principal && isIdle(group),
    )
    idle.sort((a, b) => usedAt(a) - usedAt(b))
    for (const { key, children } of idle.slice(0, Math.max(0, idle.length - maxIdle + 1))) {
      this.#groups.delete(key)
      for (const { connection } of children) void connection.child.stop()
    }
  }

  #wake(child: LegacyChild): void {
    const group = this.#groupOf.get(child)
    if (group !== undefined) this.#wakeAll(group)
  }

  #wakeAll({ waiting }: Group): void {
    const all = [...waiting]
    waiting.clear()
    for (const wake of all) wake()
  }
}

function isIdle({ children, starting, waiting }: Group): boolean {
  return starting === 0 && waiting.size === 0 && children.every(({ inFlight }) => inFlight === 0)
}

function usedAt({ children }: Group): number {
  return Math.max(0, ...children.map((child) => child.usedAt))
}

const nothing = Buffer.from('{}')
const gone: Refusal = { status: 503, message: 'The MCP server process of this task has ended', retryAfter: 1 }

/** The same value with its members in order, however it was written. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
