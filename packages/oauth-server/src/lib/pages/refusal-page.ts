import { html } from '@mcp-gateway/core/internal'
import type { PageOptions } from '../server/page-options.js'
import { pageResponse } from './page.js'

/**
 * Tells the person at the browser why it ends here: for errors that must not be sent to a redirect URI.
 *
 * @param retryAfter seconds
 */
export async function refusalPage(
  pages: PageOptions,
  status: number,
  title: string,
  explanation: string,
  retryAfter?: string,
): Promise<Response> {
  const response = await pageResponse(pages, {
    status,
    title,
    body: html`<h1>${title}</h1>
<p>${explanation}</p>
<p class="note">You can close this page.</p>`,
  })
  if (retryAfter !== undefined) response.headers.set('Retry-After', retryAfter)
  return response
}
