import { legacyClient, modernServer } from '@mcp-gateway/core/eras'
import { isRefusal, type Owner, type TaskOwners } from '@mcp-gateway/core/internal'
import { legacyOnly, ModernChildren, type PoolSettings } from '../children/modern-children.js'
import type { Connect } from '../connection/connection.js'
import { deadline } from '../process/deadline.js'
import { ChildrenLink } from './children-link.js'
import { TranslatedConnection } from './translated-connection.js'

/** What a translation takes from its bridge. */
export interface TranslationHost {
  readonly settings: PoolSettings & { readonly maxQueuedBytes: number }
  /** The children of modern clients, which serve these too unless each session is to have its own. */
  readonly pool: ModernChildren
  readonly tasks: TaskOwners<object>
  readonly connect: Connect
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
  async finds(owner: Owner, until?: number): Promise<boolean> {
    const { pool } = this.#host
    try {
      const child = await pool.acquire(owner, undefined, until)
      if (child !== legacyOnly) pool.release(child)
      return child !== legacyOnly
    } catch (refusal) {
      if (isRefusal(refusal)) return false
      throw refusal
    }
  }

  /**
   * Something to speak with for one client; `undefined` when the server speaks no modern revision either (MCP S2).
   *
   * @param until when it must be known, and `initialize` answered, by `performance.now()`
   * @throws {Refusal} when no child can be had now
   */
  async connect(
    owner: Owner,
    client: TranslatedClient = { listens: true },
    until: number = deadline(this.#host.settings.handshakeTimeout),
  ): Promise<TranslatedConnection | undefined> {
    const { settings, tasks, pool, connect } = this.#host
    const isOwn = settings.isolation === 'session' && client.listens
    const children = isOwn
      ? new ModernChildren({ ...settings, isolation: 'pool', poolSize: 1, isOwn: true }, connect)
      : pool
    if (!this.#isKnown || settings.isolation !== 'request') {
      const child = await children.acquire(owner, undefined, until)
      this.#isKnown = child !== legacyOnly
      if (child === legacyOnly) return undefined
      children.release(child)
    }
    const link = new ChildrenLink(owner, { children, tasks, maxQueuedBytes: settings.maxQueuedBytes })
    return new TranslatedConnection(
      (notified) => legacyClient(modernServer(link), { principal: owner.principal, notified, ...client }),
      () => link.queued,
      until,
      () => {
        if (isOwn) children.close()
      },
    )
  }
}
