import type { Handler } from '../contract/handler.js'
import { checkOptions, filledText, listOf, membersOf, type OptionTypes } from '../contract/option-types.js'
import { oauthError } from '../http/oauth-error.js'
import { type AddedServer, clientSetups } from './client-setups.js'
import { html } from './html.js'
import { pageResponse } from './page.js'
import { type PageLook, pageLookTypes } from './page-look.js'

/** What the page tells. */
export interface SetupPageOptions extends PageLook {
  /** The servers on it. Everybody who opens the page learns their names and URLs. */
  readonly servers: readonly AddedServer[]
}

const types: OptionTypes<SetupPageOptions> = {
  ...pageLookTypes,
  servers: listOf(membersOf<AddedServer>({ name: filledText, url: filledText })),
}

/**
 * The page for people who open the address of MCP servers in a browser: what this is, how the servers are added to five
 * clients, and who runs them. It has no script, needs no token and tells nothing that one is needed for. What does not ask for HTML
 * gets 404.
 *
 * @throws {GatewayError} `invalid_configuration` for a contact that is no link
 * @example
 * ```ts
 * const page: Handler = setupPage({
 *   servers: [{ name: 'notes', url: 'https://mcp.example.com/notes/mcp' }],
 *   name: 'Example Inc.',
 *   contact: 'mailto:it@example.com',
 * })
 * ```
 */
export function setupPage(options: SetupPageOptions): Handler {
  checkOptions('setupPage', options, types)
  const { servers, ...look } = options
  const setups = clientSetups(servers)
  const one = servers.length === 1
  const addresses = servers.map(({ url }) => html`<li><code>${url}</code></li>\n`)
  const steps = setups.map(
    ({ client, where, text }) =>
      html`<h2>${client}</h2>\n<p>${where === 'terminal' ? '' : html`In <code>${where}</code>: `}<code>${text}</code></p>\n`,
  )
  const body = html`<h1>${one ? 'This is an MCP server' : 'These are MCP servers'}</h1>
<p>Programs that speak the Model Context Protocol connect to it; there is nothing to use in a browser. Add this address to your client:</p>
<ul>
${addresses}</ul>
${steps}<p class="note">If a login is needed, the client opens a page for it.</p>`
  return (request) =>
    wantsPage(request)
      ? pageResponse(look, { title: 'MCP server', body, referrerPolicy: 'no-referrer' })
      : oauthError(404, 'not_found', 'Nothing is served at this path but a page for people')
}

/**
 * Whether a person has opened this address: a GET that asks for HTML by name, and for no event stream. `*`+`/*` alone is what
 * programs send.
 */
export function wantsPage({ method, headers }: Request): boolean {
  if (method !== 'GET' || headers.has('mcp-session-id') || headers.has('origin')) return false
  const ranges = (headers.get('accept') ?? '').toLowerCase().split(',')
  const types = ranges.map((range) => range.split(';').map((piece) => piece.trim()))
  if (types.some(([type]) => type === 'text/event-stream')) return false
  return types.some(([type, ...rest]) => type === 'text/html' && !rest.some((one) => /^q=0(\.0*)?$/.test(one)))
}
