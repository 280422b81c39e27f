import type { RawJson } from '@mcp-gateway/core/eras'
import { canBeAsked, type Owner } from '@mcp-gateway/core/internal'
import type { Connect } from '../connection/connection.js'
import { exclusive } from '../connection/routing.js'
import type { Child } from '../process/child.js'
import { deadline, timeLeft } from '../process/deadline.js'
import { temporary, tooSlowToStart } from '../refusals/refusals.js'
import {
  alive,
  type ChildGroup,
  ChildGroups,
  isForAll,
  keyOf,
  leastBusy,
  maxPerChild,
  taskSharing,
  tooManyIdle,
} from './child-groups.js'
import { type LegacyChild, startLegacyChild } from './legacy-child.js'
import type { PoolSettings } from './modern-children.js'

/** What a request needs of the child that serves it. */
export interface Need {
  readonly owner: Owner
  /** What the client declared, as it wrote it and parsed. */
  readonly capabilities: RawJson
  readonly declared: Readonly<Record<string, unknown>>
  /** Whether the child may ask the client something in its course. */
  readonly mayAsk: boolean
}

interface Group extends ChildGroup<LegacyChild> {
  /** Whose it is; empty where it is everybody's. */
  readonly principal: string
  /** Whether its children were told of a client that can be asked, so that they serve one such call at a time. */
  readonly isAsking: boolean
  starting: number
  parked: number
  readonly waiting: Set<() => void>
}

/**
 * The legacy children that serve modern clients. A legacy child learns only once what its client can do, so there are
 * some for each set of capabilities; and as it does not say which call its question is about, one that may ask serves one
 * such call at a time. Children whose clients can do nothing may be everybody's, as the isolation is.
 */
export class LegacyChildren {
  readonly #settings: PoolSettings
  readonly #connect: Connect
  readonly #takeSpare: () => Child | undefined
  readonly #groups: ChildGroups<LegacyChild, Group>
  readonly #groupOf: WeakMap<LegacyChild, Group> = new WeakMap()
  #lastSingle = 0

  /** @param takeSpare gives a child that need not be started, where there is one */
  constructor(settings: PoolSettings, connect: Connect, takeSpare: () => Child | undefined) {
    this.#settings = settings
    this.#groups = new ChildGroups(settings)
    this.#connect = connect
    this.#takeSpare = takeSpare
  }

  /** The children, each with whose it is; nobody's in particular where it is everybody's. */
  *serving(): Generator<{ readonly child: LegacyChild; readonly principal: string }> {
    for (const group of this.#groups) for (const child of alive(group)) yield { child, principal: group.principal }
  }

  children(): Iterable<LegacyChild> {
    return this.#groups.children()
  }

  /** The child that speaks over this connection, where it is one of these. */
  find(connection: object): LegacyChild | undefined {
    return this.#groups.find(connection)
  }

  /**
   * The child for a request, the wanted one while it lives; to be given back with `release`.
   *
   * @param until when one that is started for it must have answered, by `performance.now()`
   * @throws {Refusal} when no child can be had now
   */
  async acquire(need: Need, wanted?: LegacyChild, until?: number): Promise<LegacyChild> {
    const group = wanted === undefined ? this.#find(need) : this.#groupOf.get(wanted)
    if (group === undefined) throw gone
    for (;;) {
      const found = wanted?.connection.isOver === false ? wanted : this.#choose(group, need)
      if (found !== undefined) return this.#taken(found, need)
      if (this.#mayStart(group, need)) {
        const started = await this.#start(group, need, until)
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
    if (mayAsk) child.asking--
    this.#groups.release(child)
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
    this.#groups.tick(now, isIdle)
  }

  #taken(child: LegacyChild, { mayAsk }: Need): LegacyChild {
    child.inFlight++
    if (mayAsk) child.asking++
    return child
  }

  #choose(group: Group, { mayAsk }: Need): LegacyChild | undefined {
    const children = alive(group)
    // The first that is free, so that a client that makes one call after the other keeps its child
    if (group.isAsking) return mayAsk ? children.find(({ asking }) => asking === 0) : children[0]
    const best = leastBusy(children)
    const isFull = children.length + group.starting >= this.#settings.poolSize
    return best !== undefined && (best.inFlight < maxPerChild || isFull) ? best : undefined
  }

  #mayStart({ children, starting, parked, isAsking }: Group, { mayAsk }: Need): boolean {
    const { poolSize } = this.#settings
    if (isAsking && mayAsk) return children.length + starting < poolSize + parked
    // Those that can share wait for the one that is being started
    return starting === 0 && children.length < poolSize + parked
  }

  async #start(
    group: Group,
    { owner, capabilities }: Need,
    until = deadline(this.#settings.handshakeTimeout),
  ): Promise<LegacyChild> {
    group.starting++
    try {
      const { principal } = owner
      const tasks = taskSharing(this.#settings, group.key === '', principal)
      const told = group.key === '' ? nothing : capabilities
      const start = async (child?: Child) => {
        if (timeLeft(until) === 0) throw tooSlowToStart
        const connection = await this.#connect(principal, { ...exclusive, tasks }, { until, child })
        return startLegacyChild(connection, told, until)
      }
      const spare = this.#takeSpare()
      // What was asked before may take that amiss
      const kept = spare && (await start(spare).catch(() => undefined))
      const started = kept ?? (await start())
      group.children.push(started)
      this.#groupOf.set(started, group)
      return started
    } finally {
      group.starting--
      this.#wakeAll(group)
    }
  }

  #find({ owner, declared }: Need): Group {
    const isAsking = canBeAsked(declared)
    const isEverybodys = isForAll(this.#settings) && Object.keys(declared).length === 0
    const key = isEverybodys ? '' : this.#keyOf(owner, declared)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const principal = isEverybodys ? '' : owner.principal
    this.#makeRoom(principal)
    return this.#groups.add({ key, principal, isAsking, children: [], starting: 0, parked: 0, waiting: new Set() })
  }

  #keyOf(owner: Owner, declared: Need['declared']): string {
    return this.#settings.isolation === 'request' ? String(++this.#lastSingle) : keyOf(owner, declared)
  }

  /** A client that declares something else each time must not fill the bridge with children that nobody uses. */
  #makeRoom(principal: string): void {
    const idle = [...this.#groups].filter((group) => group.key !== '' && group.principal === principal && isIdle(group))
    for (const group of tooManyIdle(idle, usedAt)) {
      this.#groups.delete(group)
      for (const { connection } of group.children) void connection.child.stop()
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
const gone = temporary(503, 'The MCP server process of this task has ended', 1)
