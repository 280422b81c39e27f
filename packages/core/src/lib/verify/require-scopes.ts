import { GatewayError } from '../gateway-error.js'
import type { Middleware } from '../handler.js'
import type { Message } from '../message.js'
import { coversScopes, type ScopeHierarchy } from './scopes.js'

/** What `requireScopes` needs to know. */
export interface RequireScopesOptions {
  /**
   * The scopes of each MCP method, either for all of it or by the name of the tool or prompt or the URI of the resource;
   * `*` stands for the names that are not listed. What is not listed at all needs no scope of its own.
   */
  readonly operations: Readonly<Record<string, readonly string[] | Readonly<Record<string, readonly string[]>>>>
  /** Which scopes include which others. */
  readonly scopeHierarchy?: ScopeHierarchy
}

/**
 * Asks for the scopes of single operations: the 403 names all of the operation's scopes and of the server's at once, so
 * that one step-up is enough. It stands behind `bearerAuth` and `message`, and hides nothing from lists.
 *
 * Throws a GatewayError `invalid_configuration` when a request comes that did not pass both of them.
 *
 * @see RFC 6750 section 3.1; MCP authorization, step-up
 * @example
 * ```ts
 * const stepUp: Middleware = requireScopes({
 *   operations: { 'tools/call': { delete_note: ['notes:write'], '*': ['notes:read'] } },
 * })
 * ```
 */
export function requireScopes({ operations, scopeHierarchy }: RequireScopesOptions): Middleware {
  return (request, context, next) => {
    const { auth, message, refuse, requiredScopes = [] } = context
    if (auth === undefined || refuse === undefined || (message === undefined && request.method === 'POST')) {
      throw new GatewayError('invalid_configuration', 'requireScopes must stand behind bearerAuth and message')
    }
    const needed = message === undefined ? [] : scopesOf(message, operations)
    if (coversScopes(auth.scopes, needed, scopeHierarchy)) return next(request, context)
    return refuse({ error: 'insufficient_scope', scope: [...new Set([...requiredScopes, ...needed])] })
  }
}

function scopesOf({ method, name }: Message, operations: RequireScopesOptions['operations']): readonly string[] {
  const scopes = own(operations, method)
  if (scopes === undefined || isList(scopes)) return scopes ?? []
  return own(scopes, name) ?? own(scopes, '*') ?? []
}

function own<T>(table: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value)
}
