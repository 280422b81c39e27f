import { html, Refusal } from '@mcp-gateway/core/internal'
import { pageResponse } from '../pages/page.js'
import type { Server } from '../server/server.js'

/** Shows a person the code that their application waits for. */
export function successEndpoint({ settings }: Server, request: Request): Promise<Response> {
  const code = new URL(request.url).searchParams.get('code') ?? ''
  // Nothing but a code of ours is ever shown: the address can be written by anyone.
  if (!/^[A-Za-z0-9_-]{43}$/.test(code)) {
    throw new Refusal(400, 'invalid_request', 'The application was not allowed in. Go back to it to try again.')
  }
  return pageResponse(settings.pages, {
    title: 'Almost done',
    body: html`<h1>Almost done</h1>
<p>Copy this code into the application that asked for it. It is good for ${settings.lifetimes.code} seconds.</p>
<p><strong><code>${code}</code></strong></p>
<p class="warning">Give it to nobody else: whoever has it can finish what you started.</p>`,
  })
}
