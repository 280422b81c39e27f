import { randomBytes } from 'node:crypto'
import type { Context } from '@mcp-gateway/core'
import { isSameOwner, type Owner, ownerOf } from '@mcp-gateway/core/internal'

const idPattern = /^[A-Za-z0-9_-]{32}$/

/** A session id: 192 random bits (MCP L7). */
export function newSessionId(): string {
  return randomBytes(24).toString('base64url')
}

/** The sessions of a transport, found only by those whose they are. */
export class SessionRegistry<T extends { readonly id: string; readonly owner: Owner }> {
  readonly #sessions: Map<string, T> = new Map()
  readonly #perPrincipal: Map<string, number> = new Map()

  get size(): number {
    return this.#sessions.size
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#sessions.values()
  }

  /** Sessions of this user. Without tokens nobody can be told from anybody else, and has none. */
  countOf(principal: string): number {
    return principal === '' ? 0 : (this.#perPrincipal.get(principal) ?? 0)
  }

  add(session: T): void {
    this.#sessions.set(session.id, session)
    this.#perPrincipal.set(session.owner.principal, (this.#perPrincipal.get(session.owner.principal) ?? 0) + 1)
  }

  delete(session: T): void {
    if (!this.#sessions.delete(session.id)) return
    const left = (this.#perPrincipal.get(session.owner.principal) ?? 0) - 1
    if (left > 0) this.#perPrincipal.set(session.owner.principal, left)
    else this.#perPrincipal.delete(session.owner.principal)
  }

  /**
   * The session with this id, for a token of the same user, for the same audience, with at least the scopes that the
   * session was opened with. For every other token there is no such session (MCP L9).
   */
  find(id: string, context: Context): T | undefined {
    const session = idPattern.test(id) ? this.#sessions.get(id) : undefined
    return session !== undefined && isSameOwner(session.owner, ownerOf(context)) ? session : undefined
  }
}
