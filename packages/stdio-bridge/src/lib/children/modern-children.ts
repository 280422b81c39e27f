import { ToolHeaders, type ToolLists } from '@mcp-gateway/core/eras'
import { errorCodes, isModernCode, type Owner } from '@mcp-gateway/core/internal'
import type { Connect, Connection } from '../connection/connection.js'
import type { Child } from '../process/child.js'
import { deadline, timeLeft } from '../process/deadline.js'
import { cannotStart, temporary, tooSlowToStart } from '../refusals/refusals.js'
import {
  alive,
  type ChildGroup,
  ChildGroups,
  isForAll,
  keyOf,
  leastBusy,
  maxPerChild,
  type ServingChild,
  type SharingSettings,
  taskSharing,
} from './child-groups.js'
import { type OwnAnswer, ownListen, ownRequest } from './own-request.js'

/** What a pool takes from the options of its bridge. */
export interface PoolSettings extends SharingSettings {
  readonly poolSize: number
  /** Whether the pool is one session's own. */
  readonly isOwn?: boolean
}

/** How long a child that died of the question is taken for a legacy one, in ms. */
const deathMeansLegacy = 60_000

/** How long a page of the list of tools may take, in ms. */
const listTimeout = 10_000
/** How long a legacy child that has been asked and has not been initialized is kept for who needs one, in ms. */
const spareFor = 2000

/** Modern children have no requests for their clients, and nothing that is unasked concerns a session. */
const noSessions = { isShared: true, notified: () => [], asked: () => undefined }

/** The server speaks no modern revision. */
export const legacyOnly = 'legacy-only'

type Started = ServingChild | typeof legacyOnly

interface Group extends ChildGroup<ServingChild> {
  readonly principal: string
  starting?: Promise<Started>
  crashes: number
  notBefore: number
}

/** The modern children: a few for everybody, or one for each user, or one for each request. */
export class ModernChildren {
  readonly #settings: PoolSettings
  readonly #connect: Connect
  readonly #groups: ChildGroups<ServingChild, Group>
  #legacyUntil = 0
  #isModern = false
  #spare: Child | undefined

  constructor(settings: PoolSettings, connect: Connect) {
    this.#settings = settings
    this.#groups = new ChildGroups(settings)
    this.#connect = connect
  }

  /** The child that speaks over this connection, where it is one of these. */
  find(connection: object): ServingChild | undefined {
    return this.#groups.find(connection)
  }

  /** The children, each with whose it is; nobody's in particular where several users share them. */
  *serving(): Generator<{ readonly child: ServingChild; readonly principal: string }> {
    for (const group of this.#groups) {
      const principal = isForAll(this.#settings) ? '' : group.principal
      for (const child of alive(group)) yield { child, principal }
    }
  }

  /** Whether a child that is everybody's is there, so that nobody waits for one. */
  get isReady(): boolean {
    const group = isForAll(this.#settings) ? this.#groups.get('') : undefined
    return group?.children.some(({ connection }) => !connection.isOver) === true
  }

  /** Bytes that wait for the child that would get a message of this user now. */
  queuedFor(owner: Owner): number {
    const group = this.#groups.get(this.#keyOf(owner))
    return (group && leastBusy(alive(group)))?.connection.child.queued ?? 0
  }

  /** The server has been initialized as a legacy one: there is nothing left to find out. */
  confirmLegacy(): void {
    this.#legacyUntil = Number.POSITIVE_INFINITY
  }

  /**
   * The child that a request of this user goes to, the wanted one while it lives; to be given back with `release`.
   *
   * @param until when one that is started for it must have answered, by `performance.now()`
   * @throws {Refusal} when no child can be had now
   */
  async acquire(owner: Owner, wanted?: ServingChild, until?: number): Promise<Started> {
    const choice = wanted?.connection.isOver === false ? wanted : this.#choose(owner, until)
    // Counted at once where it can be, so that requests of one moment spread
    const child = choice instanceof Promise ? await choice : choice
    if (child !== legacyOnly) child.inFlight++
    return child
  }

  /** A legacy child that has answered that it does not know what modern ones are asked, and nothing else; once. */
  takeSpare(): Child | undefined {
    const spare = this.#spare
    this.#spare = undefined
    return spare?.ending === undefined && spare?.isStopping === false ? spare : undefined
  }

  #choose(owner: Owner, until = deadline(this.#settings.handshakeTimeout)): Started | Promise<Started> {
    if (performance.now() < this.#legacyUntil) return legacyOnly
    if (this.#settings.isolation === 'request') return this.#start(owner.principal, until)
    const group = this.#groupOf(owner)
    const children = alive(group)
    const best = leastBusy(children)
    if (best !== undefined && (best.inFlight < maxPerChild || children.length >= this.#maxSize)) return best
    const started = this.#startIn(group, owner.principal, until)
    if (best === undefined) return started
    // Nobody waits for the other one: there is a child already
    started.catch(() => undefined)
    return best
  }

  /** A request is over. */
  release(child: ServingChild): void {
    this.#groups.release(child)
  }

  /** Stops every child, those too that are still being started. */
  close(): void {
    void this.takeSpare()?.stop()
    for (const { children, starting } of this.#groups) {
      for (const { connection } of children) void connection.child.stop()
      starting?.then(
        (started) => started !== legacyOnly && void started.connection.child.stop(),
        () => undefined,
      )
    }
    this.#groups.clear()
  }

  /** Stops the children that nobody has used for a while. */
  tick(now: number): void {
    this.#groups.tick(now, ({ starting, notBefore }) => starting === undefined && now > notBefore)
  }

  get #maxSize(): number {
    const { isolation, poolSize } = this.#settings
    return isolation === 'principal' || isolation === 'session' ? 1 : poolSize
  }

  // A modern client has no session; children that are not for everybody are for one user
  #keyOf(owner: Owner): string {
    return isForAll(this.#settings) ? '' : keyOf(owner)
  }

  #groupOf(owner: Owner): Group {
    const key = this.#keyOf(owner)
    return (
      this.#groups.get(key) ??
      this.#groups.add({ key, principal: owner.principal, children: [], crashes: 0, notBefore: 0 })
    )
  }

  async #startIn(group: Group, principal: string, until: number): Promise<Started> {
    const pause = group.notBefore - performance.now()
    if (pause > 0) throw temporary(503, 'The MCP server ended by itself and is being restarted', pause / 1000)
    group.starting ??= this.#startAlone(group, principal, until)
    return group.starting
  }

  /** Starts one child of a group at a time. */
  async #startAlone(group: Group, principal: string, until: number): Promise<Started> {
    try {
      const started = await this.#start(principal, until)
      if (started === legacyOnly) return legacyOnly
      group.children.push(started)
      this.#watch(group, started)
      return started
    } finally {
      group.starting = undefined
    }
  }

  /** Some servers end at a request that they do not know; one that has answered it need not be started again. */
  #keep(child: Child): void {
    void this.takeSpare()?.stop()
    this.#spare = child
    setTimeout(() => {
      if (this.#spare === child) void this.takeSpare()?.stop()
    }, spareFor).unref()
  }

  /** The first crash costs nothing; each that follows soon after makes the pause before the next start longer. */
  #watch(group: Group, { connection }: ServingChild): void {
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

  async #start(principal: string, until: number): Promise<Started> {
    if (timeLeft(until) === 0) throw tooSlowToStart
    const { isOwn = false } = this.#settings
    const tasks = isOwn ? 'one' : taskSharing(this.#settings, isForAll(this.#settings), principal)
    const connection = await this.#connect(principal, { ...noSessions, tasks }, { until })
    const { child } = connection
    child.isProbed = !this.#isModern
    const answer = await ownRequest(connection, 'server/discover', {}, timeLeft(until))
    if (answer === undefined && !connection.isOver) child.wasTooSlow = true
    // One that was modern before does not become another by dying
    if (answer === undefined && this.#isModern) {
      void child.stop()
      throw cannotStart
    }
    if (answer === undefined || !isModern(answer)) {
      // MCP S2: any other error and silence mean legacy, whatever the code
      this.#legacyUntil = answer === undefined ? performance.now() + deathMeansLegacy : Number.POSITIVE_INFINITY
      if (child.ending?.error !== undefined) this.#legacyUntil = 0
      if (answer?.error?.code === errorCodes.methodNotFound && !connection.isOver) this.#keep(child)
      else void child.stop()
      return legacyOnly
    }
    this.#isModern = true
    const { tools } = (answer.result?.capabilities ?? {}) as { tools?: { listChanged?: unknown } }
    const headers = new ToolHeaders(toolListsOf(connection, tools?.listChanged === true))
    return { connection, tools: headers, inFlight: 0, usedAt: performance.now() }
  }
}

function isModern({ result, error }: OwnAnswer): boolean {
  if (Array.isArray(result?.supportedVersions)) return true
  return error !== undefined && error !== null && isModernCode(error.code)
}

/** The lists of a modern child. */
export function toolListsOf(connection: Connection, isToldOfChanges: boolean): ToolLists {
  return {
    page: async (cursor) => {
      const params = cursor === undefined ? {} : { cursor }
      return (await ownRequest(connection, 'tools/list', params, listTimeout))?.result ?? undefined
    },
    onChange: (changed) => {
      if (!isToldOfChanges) return
      ownListen(connection, { toolsListChanged: true }, (bytes) => {
        if (bytes.includes('/list_changed"')) changed()
      })
    },
  }
}
