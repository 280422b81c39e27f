import type { Context } from '../../contract/handler.js'
import { principal } from '../../tokens/principal.js'

/** Whose a session is: another's token finds nothing (MCP L9). */
export interface Owner {
  readonly principal: string
  readonly audience: string
  readonly scopes: readonly string[]
}

/** Whose request this is. */
export function ownerOf({ auth, resource }: Context): Owner {
  return {
    principal: auth === undefined ? '' : principal(auth),
    audience: resource ?? auth?.resource?.href ?? '',
    scopes: auth?.scopes ?? [],
  }
}

/** Whether a request may use what is this owner's: the same user and audience, with at least the same scopes. */
export function isSameOwner(owner: Owner, other: Owner): boolean {
  const isSame = owner.principal === other.principal && owner.audience === other.audience
  return isSame && owner.scopes.every((scope) => other.scopes.includes(scope))
}

/** What is known beside a client's message, for requests that are made on its behalf. */
export function withoutClient(context: Context): Context {
  return { ...context, message: undefined, transforms: undefined }
}
