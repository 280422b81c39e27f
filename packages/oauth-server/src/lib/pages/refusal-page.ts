import type { Context } from '@mcp-gateway/core'
import { html } from '@mcp-gateway/core/internal'
import type { PageOptions } from '../server/page-options.js'
import { pageResponse } from './page.js'

/** Why it ends here. */
export interface PageRefusal {
  readonly status: number
  readonly title: string
  readonly explanation: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Tells the person at the browser why it ends here: for errors that must not be sent to a redirect URI. */
export async function refusalPage(
  pages: PageOptions,
  { requestId }: Context,
  { status, title, explanation, headers = {} }: PageRefusal,
): Promise<Response> {
  const response = await pageResponse(pages, {
    status,
    title,
    ...(requestId !== undefined && { requestId }),
    body: html`<h1>${title}</h1>
<p>${explanation}</p>
<p class="note">You can close this page, and start again in your application.</p>`,
  })
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}
