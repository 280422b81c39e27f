import type { Context } from '../contract/handler.js'
import { principal } from './principal.js'

/** Whose a session, a call or a task is: the token of another user finds nothing (MCP L9). */
export interface Owner {
  /** Who the user is, as `principal` names him; empty for all who come without a token. */
  readonly principal: string
  /** The resource that the token is for; empty without tokens. */
  readonly audience: string
  /** What the token may do; nothing where it is left out. */
  readonly scopes?: readonly string[]
}

/** Whose request this is. */
export function ownerOf({ auth, resource }: Context): Owner {
  return {
    principal: auth === undefined ? '' : principal(auth),
    audience: resource ?? auth?.resource?.href ?? '',
    scopes: auth?.scopes ?? [],
  }
}

/** Whether who asks may use what is this owner's: the same user and audience, with at least the same scopes. */
export function isSameOwner(owner: Owner, asking: Owner): boolean {
  const isSame = owner.principal === asking.principal && owner.audience === asking.audience
  const { scopes = [] } = asking
  return isSame && (owner.scopes ?? []).every((scope) => scopes.includes(scope))
}
