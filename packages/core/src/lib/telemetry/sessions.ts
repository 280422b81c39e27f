import type { RequestRecord } from '../contract/request-record.js'

/** Why a session is over. */
export type SessionEnd = 'deleted' | 'lost' | 'idle'

interface Session {
  readonly server: string
  readonly since: number
  usedAt: number
}

/** Who hears of sessions. */
export interface SessionListener {
  readonly created: (server: string) => void
  /** @param seconds that it was known to last */
  readonly closed: (server: string, why: SessionEnd, seconds: number) => void
}

/** Sessions that are remembered; those that were not used for longest go first. */
const maxSessions = 10_000

/**
 * Follows sessions by what this process sees of them: a session begins with `initialize`, and is over when it is deleted, when
 * its server does not know it any more, or when it was not used for a time.
 */
export class Sessions {
  /** By fingerprint; the one that was used last is the last. */
  readonly #sessions = new Map<string, Session>()
  readonly #idle: number
  readonly #listener: SessionListener

  /** @param idle in seconds */
  constructor(idle: number, listener: SessionListener) {
    this.#idle = idle * 1000
    this.#listener = listener
  }

  see({ session, route, status = 0, method, message, times }: RequestRecord): void {
    const server = route?.kind === 'server' ? route.path : undefined
    if (session === undefined || server === undefined) return
    const known = this.#sessions.get(session)
    const isDeleted = method === 'DELETE' && status < 300
    if (isDeleted || status === 404) this.#close(session, isDeleted ? 'deleted' : 'lost')
    if (isDeleted || status >= 400) return
    if (known === undefined && message?.method === 'initialize') this.#listener.created(server)
    this.#sessions.delete(session)
    this.#sessions.set(session, known ?? { server, since: times.start, usedAt: times.start })
    if (known !== undefined) known.usedAt = times.start
    if (this.#sessions.size > maxSessions) {
      const [oldest] = this.#sessions.keys()
      if (oldest !== undefined) this.#close(oldest, 'idle')
    }
  }

  /** How many there are, by server. */
  active(): ReadonlyMap<string, number> {
    const before = performance.now() - this.#idle
    const counts = new Map<string, number>()
    for (const [id, { server, usedAt }] of this.#sessions) {
      if (usedAt < before) this.#close(id, 'idle')
      else counts.set(server, (counts.get(server) ?? 0) + 1)
    }
    return counts
  }

  #close(id: string, why: SessionEnd): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    this.#sessions.delete(id)
    const until = why === 'idle' ? session.usedAt : performance.now()
    this.#listener.closed(session.server, why, Math.max(0, until - session.since) / 1000)
  }
}
