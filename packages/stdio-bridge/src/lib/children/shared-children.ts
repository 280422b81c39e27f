import { createHash } from 'node:crypto'
import type { Message } from '@mcp-gateway/core'
import { legacyVersions } from '@mcp-gateway/core/internal'
import { withoutCapabilities } from '../legacy/initialize-message.js'
import type { SessionOwner } from '../legacy/session-types.js'
import { isRefusal, type Refusal } from '../refusal.js'
import { type Connect, type Initialized, SharedChild } from './shared-child.js'

/** What decides who shares a child. */
export interface SharingSettings {
  readonly isolation: 'session' | 'principal' | 'pool' | 'request' | undefined
  /** Seconds. */
  readonly handshakeTimeout: number
  /** Seconds. */
  readonly idleTimeout: number
}

/** Children without sessions that one user may leave behind; the one that is idle longest makes room. */
const maxIdle = 4

interface Entry {
  readonly shared: SharedChild
  /** Whose it is; empty where it is everybody's. */
  readonly principal: string
  /** Sessions that are being opened on it. */
  opening: number
}

/** The legacy children that sessions share, found by who may share them. */
export class SharedChildren {
  readonly #settings: SharingSettings
  readonly #connect: (principal: string) => ReturnType<Connect>
  readonly #entries: Map<string, Entry> = new Map()

  constructor(settings: SharingSettings, connect: (principal: string) => ReturnType<Connect>) {
    this.#settings = settings
    this.#connect = connect
  }

  /** The child for a session that is opened with this `initialize`, and what it said to it. */
  async open(
    message: Message,
    owner: SessionOwner,
  ): Promise<{ readonly shared: SharedChild; readonly started: Initialized | Refusal }> {
    const key = this.#keyOf(message, owner)
    const entry = this.#entries.get(key) ?? this.#add(key, message, owner)
    const { shared } = entry
    entry.opening++
    const started = await shared.get()
    entry.opening--
    // What never lived is not kept, nor is the `initialize` of the client that came first
    if ((isRefusal(started) || started.isError) && this.#entries.get(key) === entry) this.#entries.delete(key)
    return { shared, started }
  }

  /** Stops those that have had no session for a while. */
  tick(now: number): void {
    for (const [key, entry] of this.#entries) {
      const { shared } = entry
      if (!isIdle(entry)) shared.emptySince = now
      if (now - shared.emptySince >= this.#settings.idleTimeout * 1000) this.#stop(key, entry)
    }
  }

  #add(key: string, message: Message, { principal }: SessionOwner): Entry {
    const { isolation, handshakeTimeout } = this.#settings
    const isPool = isolation === 'pool'
    const initialize = isPool ? withoutCapabilities(message) : message
    const shared = new SharedChild(initialize, () => this.#connect(principal), handshakeTimeout)
    const entry = { shared, principal: isPool ? '' : principal, opening: 0 }
    this.#makeRoom(entry.principal)
    this.#entries.set(key, entry)
    return entry
  }

  /** A client that declares something else each time must not fill the bridge with children that nobody uses. */
  #makeRoom(principal: string): void {
    const idle = [...this.#entries].filter(([, entry]) => entry.principal === principal && isIdle(entry))
    idle.sort(([, a], [, b]) => a.shared.emptySince - b.shared.emptySince)
    for (const [key, entry] of idle.slice(0, Math.max(0, idle.length - maxIdle + 1))) this.#stop(key, entry)
  }

  #stop(key: string, { shared }: Entry): void {
    this.#entries.delete(key)
    void shared.connection?.child.stop()
  }

  /** A child knows what its client declared when it was initialized: those who declared something else get another. */
  #keyOf(message: Message, { principal, audience, scopes }: SessionOwner): string {
    const { protocolVersion, capabilities } = message.json().params ?? {}
    // Every other text is one that the server will answer with a revision of its own
    const version = legacyVersions.find((one) => one === protocolVersion)
    const isPool = this.#settings.isolation === 'pool'
    const whose = isPool ? [version] : [principal, audience, [...scopes].sort(), version, sorted(capabilities)]
    return createHash('sha256').update(JSON.stringify(whose)).digest('base64')
  }
}

function isIdle({ shared, opening }: Entry): boolean {
  return opening === 0 && shared.sessions === 0
}

/** The same value with its members in order, however it was written. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
