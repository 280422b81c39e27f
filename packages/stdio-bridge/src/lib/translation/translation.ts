import { legacyClient, modernServer } from '@mcp-gateway/core/eras'
import type { TaskOwners } from '@mcp-gateway/core/internal'
import { legacyOnly, Pool, type PoolSettings } from '../children/modern-children.js'
import type { Connection } from '../connection/connection.js'
import type { Routing } from '../connection/routing.js'
import type { SessionOwner } from '../legacy/session-types.js'
import { isRefusal, type Refusal } from '../refusal.js'
import { ChildrenLink } from './children-link.js'
import { TranslatedConnection } from './translated-connection.js'

/** What a translation takes from its bridge. */
export interface TranslationHost {
  readonly settings: PoolSettings & { readonly maxQueuedBytes: number }
  /** The children of modern clients, which serve these too unless each session is to have its own. */
  readonly pool: Pool
  readonly tasks: TaskOwners<object>
  readonly connect: (principal: string, routing: Routing) => Promise<Connection | Refusal>
}

/** How a client is served. */
export interface TranslatedClient {
  /** Whether it has a session, in which it can hear of changes. */
  readonly listens: boolean
  /** The revision that it speaks, where it does not send `initialize`. */
  readonly protocolVersion?: string
}

/** Serves legacy clients by a server that refuses `initialize`. That it is needed is found out once, and kept. */
export class Translation {
  readonly #host: TranslationHost
  #isKnown = false

  constructor(host: TranslationHost) {
    this.#host = host
  }

  /** Whether the server is known to speak modern revisions alone, so that it need not be sent an `initialize`. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Asks whether the server speaks a modern revision. */
  async finds(owner: SessionOwner): Promise<boolean> {
    const { pool } = this.#host
    const child = await pool.acquire(owner)
    if (child === legacyOnly || isRefusal(child)) return false
    pool.release(child)
    return true
  }

  /** Something to speak with for one client; `undefined` when the server speaks no modern revision either (MCP S2). */
  async connect(
    owner: SessionOwner,
    client: TranslatedClient = { listens: true },
  ): Promise<TranslatedConnection | Refusal | undefined> {
    const { settings, tasks, pool, connect } = this.#host
    const isOwn = settings.isolation === 'session' && client.listens
    const children = isOwn ? new Pool({ ...settings, isolation: 'pool', poolSize: 1, isOwn: true }, connect) : pool
    if (!this.#isKnown || settings.isolation !== 'request') {
      const child = await children.acquire(owner)
      this.#isKnown = child !== legacyOnly && (this.#isKnown || !isRefusal(child))
      if (child === legacyOnly) return undefined
      if (isRefusal(child)) return child
      children.release(child)
    }
    const link = new ChildrenLink(owner, { children, tasks, maxQueuedBytes: settings.maxQueuedBytes })
    return new TranslatedConnection(
      (notified) => legacyClient(modernServer(link), { principal: owner.principal, notified, ...client }),
      () => link.queued,
      settings.handshakeTimeout,
      () => {
        if (isOwn) children.close()
      },
    )
  }
}
