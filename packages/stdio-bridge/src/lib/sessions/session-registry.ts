import { randomBytes } from 'node:crypto'
import { type Context, principal } from '@mcp-gateway/core'
import type { SessionOwner } from '../legacy/session-types.js'

const idPattern = /^[A-Za-z0-9_-]{32}$/

/** A session id: 192 random bits (MCP L7). */
export function newSessionId(): string {
  return randomBytes(24).toString('base64url')
}

/** Whose request this is. */
export function ownerOf(context: Context): SessionOwner {
  const { auth, resource } = context
  return {
    principal: auth === undefined ? '' : principal(auth),
    audience: resource ?? auth?.resource?.href ?? '',
    scopes: auth?.scopes ?? [],
  }
}

/** The sessions of a transport, found only by those whose they are. */
export class SessionRegistry<T extends { readonly id: string; readonly owner: SessionOwner }> {
  readonly #sessions: Map<string, T> = new Map()
  readonly #perPrincipal: Map<string, number> = new Map()

  get size(): number {
    return this.#sessions.size
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#sessions.values()
  }

  /** Sessions of this user. Without tokens nobody can be told from anybody else, and has none. */
  countOf(principalName: string): number {
    return principalName === '' ? 0 : (this.#perPrincipal.get(principalName) ?? 0)
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
    if (session === undefined) return undefined
    const { principal, audience, scopes } = ownerOf(context)
    const { owner } = session
    const same = owner.principal === principal && owner.audience === audience
    return same && owner.scopes.every((scope) => scopes.includes(scope)) ? session : undefined
  }
}
