import { displayText, type Html, html } from '@mcp-gateway/core/internal'
import type { Parameters } from '../http/form.js'
import type { Server } from '../server/server.js'
import type { AuthorizationRequest } from '../store/authorization-request.js'

const scopeTexts: Record<string, string> = { offline_access: 'Stay connected while you are away' }

/** A scope in words. */
export function scopeText({ settings }: Server, scope: string): string {
  return displayText(settings.scopes.get(scope) ?? scopeTexts[scope] ?? scope)
}

/** The scopes of a request that the person may leave out. */
export function optionalScopes({ settings }: Server, { scopes }: AuthorizationRequest): readonly string[] {
  return scopes.filter((scope) => settings.optionalScopes.has(scope))
}

/** A box to untick for each of them. */
export function choices(server: Server, request: AuthorizationRequest): Html {
  const optional = optionalScopes(server, request)
  if (optional.length === 0) return html``
  return html`<fieldset>
<legend>You can leave out</legend>
<input type="hidden" name="choices" value="shown">
${optional.map(
  (
    scope,
  ) => html`<label class="choice"><input type="checkbox" name="scope" value="${scope}" checked>${scopeText(server, scope)}</label>
`,
)}</fieldset>
`
}

/**
 * The request without what the person left out. An answer to a page without boxes leaves nothing out, and nothing can be left
 * out that is not optional.
 */
export function chosen(server: Server, request: AuthorizationRequest, form: Parameters): AuthorizationRequest {
  if (form.get('choices') === undefined) return request
  const ticked = new Set(form.all('scope'))
  const without = new Set(optionalScopes(server, request).filter((scope) => !ticked.has(scope)))
  if (without.size === 0) return request
  return {
    ...request,
    scopes: request.scopes.filter((scope) => !without.has(scope)),
    leftOut: [...without],
    ...(without.has('offline_access') && { withoutRefresh: true }),
  }
}
