import { displayText, foreign, type Html, html, longestName } from '@mcp-gateway/core/internal'
import { outOfBand } from '../client-metadata/out-of-band.js'
import { isLoopbackRedirectUri } from '../client-metadata/redirect-uri.js'
import type { Server } from '../server/server.js'
import type { Client } from '../store/client.js'
import { displayHost } from './display-host.js'

/** What a page calls a client. */
export interface ClientWords {
  /** Its own name, or what we call one that gave none. */
  readonly name: string
  /** Whether the name is its own. */
  readonly named: boolean
  /** The name for the page: a client's own words are in quotes, and in a box that they cannot leave. */
  readonly shown: Html
}

export function clientWords(client: Client | undefined, redirectUri: string): ClientWords {
  const own = displayText(client?.metadata.client_name ?? '', longestName)
  const name = own || nameless(redirectUri)
  return {
    name,
    named: own !== '',
    shown: own === '' ? html`${name}` : html`<span class="words">“${foreign(own)}”</span>`,
  }
}

/** Into what and for whom: the heading of the pages on the way in, and below it where that is. */
export function wayIn(server: Server, resource: string, heading: (resourceName: string) => Html): Html {
  return html`<h1>${heading(server.resources.nameOf(resource))}</h1>
<p class="where">${resource}</p>`
}

/** What a client without a name is called (RFC 7591 section 2 leaves it to us): by where its answer goes. */
function nameless(redirectUri: string): string {
  if (isLoopbackRedirectUri(redirectUri)) return 'an application on this computer'
  if (redirectUri === outOfBand) return 'an application without a name'
  const host = displayHost(redirectUri)
  return redirectUri.startsWith('https:') ? `an application at ${host}` : host
}
