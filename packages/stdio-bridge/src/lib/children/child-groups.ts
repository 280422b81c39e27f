import { createHash } from 'node:crypto'
import type { ToolHeaders } from '@mcp-gateway/core/eras'
import type { Owner } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import type { TaskSharing } from '../connection/task-guard.js'

/** Who shares a child, and how long one lives that nobody uses. */
export interface SharingSettings {
  readonly isolation: 'session' | 'principal' | 'pool' | 'request' | undefined
  /** Seconds. */
  readonly handshakeTimeout: number
  /** Seconds. */
  readonly idleTimeout: number
}

/** A child that serves modern requests, whatever its own era is. */
export interface ServingChild {
  readonly connection: Connection
  readonly tools: ToolHeaders
  /** Requests and parked calls that it is needed for. */
  inFlight: number
  usedAt: number
}

/** Children that the same clients share. */
export interface ChildGroup<Child> {
  readonly key: string
  children: Child[]
}

/** Requests under way at every child of a shared group before another one is started. */
export const maxPerChild = 16
/** Children or groups without work that one user may leave behind; the one that is idle longest makes room. */
const maxIdle = 4

/** Children by who may share them. */
export class ChildGroups<Child extends ServingChild, Group extends ChildGroup<Child>> {
  readonly #settings: SharingSettings
  readonly #groups: Map<string, Group> = new Map()

  constructor(settings: SharingSettings) {
    this.#settings = settings
  }

  [Symbol.iterator](): IterableIterator<Group> {
    return this.#groups.values()
  }

  get(key: string): Group | undefined {
    return this.#groups.get(key)
  }

  add(group: Group): Group {
    this.#groups.set(group.key, group)
    return group
  }

  delete({ key }: Group): void {
    this.#groups.delete(key)
  }

  clear(): void {
    this.#groups.clear()
  }

  *children(): Generator<Child> {
    for (const { children } of this.#groups.values()) yield* children
  }

  /** The child that speaks over this connection, where it is one of these. */
  find(connection: object): Child | undefined {
    for (const child of this.children()) if (child.connection === connection) return child
    return undefined
  }

  /** A request of this child is over. */
  release(child: Child): void {
    child.inFlight--
    child.usedAt = performance.now()
    if (this.#settings.isolation === 'request' && child.inFlight === 0) void child.connection.child.stop()
  }

  /** Stops the children that nobody has used for a while, and forgets the groups that have none and need not be kept. */
  tick(now: number, mayForget: (group: Group) => boolean): void {
    for (const group of this.#groups.values()) {
      for (const { connection, inFlight, usedAt } of group.children) {
        if (inFlight === 0 && now - usedAt > this.#settings.idleTimeout * 1000) void connection.child.stop()
      }
      if (alive(group).length === 0 && mayForget(group)) this.#groups.delete(group.key)
    }
  }
}

/** The children that have not ended; the others are forgotten. */
export function alive<Child extends ServingChild>(group: ChildGroup<Child>): Child[] {
  group.children = group.children.filter(({ connection }) => !connection.isOver)
  return group.children
}

/** The child with the fewest requests. */
export function leastBusy<Child extends ServingChild>(children: readonly Child[]): Child | undefined {
  return children.reduce<Child | undefined>((least, one) => {
    return least === undefined || one.inFlight < least.inFlight ? one : least
  }, undefined)
}

/** Whether children that know nothing of one client are for everybody. */
export function isForAll({ isolation }: SharingSettings): boolean {
  return isolation === undefined || isolation === 'pool'
}

/**
 * How the tasks of a child are kept apart. Who come without tokens cannot be told apart, so their child has several
 * users too.
 *
 * @param isShared whether children of this kind are everybody's
 */
export function taskSharing({ isolation }: SharingSettings, isShared: boolean, principal: string): TaskSharing {
  if (isolation === 'request') return 'one'
  return isShared || principal === '' ? 'several' : 'one'
}

/** A key for what is this owner's alone, and for these other facts. */
export function keyOf({ principal, audience, scopes = [] }: Owner, ...facts: readonly unknown[]): string {
  return hash([principal, audience, [...scopes].sort(), ...facts])
}

/** A key of limited length for these facts. */
export function hash(facts: readonly unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify(facts.map(sorted)))
    .digest('base64')
}

/** Those that one user has to give up before there is another one: a client must not fill the bridge with idle children. */
export function tooManyIdle<T>(idle: readonly T[], idleSince: (one: T) => number): readonly T[] {
  const oldestFirst = [...idle].sort((a, b) => idleSince(a) - idleSince(b))
  return oldestFirst.slice(0, Math.max(0, idle.length - maxIdle + 1))
}

/** The same value with its members in order, however it was written. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
