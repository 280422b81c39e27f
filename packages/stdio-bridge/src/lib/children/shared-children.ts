import type { Message } from '@mcp-gateway/core'
import { legacyVersions, type Owner } from '@mcp-gateway/core/internal'
import type { Connection } from '../connection/connection.js'
import { hash, keyOf, type SharingSettings, tooManyIdle } from './child-groups.js'
import { type Initialized, SharedChild } from './shared-child.js'

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
  readonly #connect: (principal: string, until: number) => Promise<Connection>
  readonly #entries: Map<string, Entry> = new Map()

  constructor(settings: SharingSettings, connect: (principal: string, until: number) => Promise<Connection>) {
    this.#settings = settings
    this.#connect = connect
  }

  /**
   * The child for a session that is opened with this `initialize`, and what it said to it.
   *
   * @throws {Refusal} when it cannot be started now
   */
  async open(message: Message, owner: Owner): Promise<{ readonly shared: SharedChild; readonly started: Initialized }> {
    const key = this.#keyOf(message, owner)
    const entry = this.#entries.get(key) ?? this.#add(key, message, owner)
    const { shared } = entry
    let isAlive = false
    entry.opening++
    try {
      const started = await shared.get()
      isAlive = !started.isError
      return { shared, started }
    } finally {
      entry.opening--
      // What never lived is not kept, nor is the `initialize` of the client that came first
      if (!isAlive && this.#entries.get(key) === entry) this.#entries.delete(key)
    }
  }

  /** Stops those that have had no session for a while. */
  tick(now: number): void {
    for (const [key, entry] of this.#entries) {
      const { shared } = entry
      if (!isIdle(entry)) shared.emptySince = now
      if (now - shared.emptySince >= this.#settings.idleTimeout * 1000) this.#stop(key, entry)
    }
  }

  #add(key: string, message: Message, { principal }: Owner): Entry {
    const { isolation, handshakeTimeout } = this.#settings
    const isPool = isolation === 'pool'
    const initialize = isPool ? withoutCapabilities(message) : message
    const shared = new SharedChild(initialize, (until) => this.#connect(principal, until), handshakeTimeout)
    const entry = { shared, principal: isPool ? '' : principal, opening: 0 }
    this.#makeRoom(entry.principal)
    this.#entries.set(key, entry)
    return entry
  }

  /** A client that declares something else each time must not fill the bridge with children that nobody uses. */
  #makeRoom(principal: string): void {
    const idle = [...this.#entries].filter(([, entry]) => entry.principal === principal && isIdle(entry))
    for (const [key, entry] of tooManyIdle(idle, ([, { shared }]) => shared.emptySince)) this.#stop(key, entry)
  }

  #stop(key: string, { shared }: Entry): void {
    this.#entries.delete(key)
    void shared.connection?.child.stop()
  }

  /** A child knows what its client declared when it was initialized: those who declared something else get another. */
  #keyOf(message: Message, owner: Owner): string {
    const { protocolVersion, capabilities } = message.json().params ?? {}
    // Every other text is one that the server will answer with a revision of its own
    const version = legacyVersions.find((one) => one === protocolVersion)
    return this.#settings.isolation === 'pool' ? hash([version]) : keyOf(owner, version, capabilities)
  }
}

function isIdle({ shared, opening }: Entry): boolean {
  return opening === 0 && shared.sessions === 0
}

/** The same `initialize` from a client that can do nothing for the server. */
function withoutCapabilities(message: Message): Message {
  const json = message.json()
  return message.with({ ...json, params: { ...json.params, capabilities: {} } })
}
