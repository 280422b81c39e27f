import type { Html } from '../pages/html.js'
import { html } from '../pages/html.js'
import { pageHeaders, pageResponse } from '../pages/page.js'
import type { PageLook } from '../pages/page-look.js'

// With no-referrer a form would be sent with `Origin: null`
const referrerPolicy = 'same-origin'

/** What else a page of the vault has. */
export interface VaultPage {
  readonly status?: number
  readonly foot?: Html
  readonly requestId?: string
}

/** A page in the look of all pages. */
export function page(look: PageLook, title: string, body: Html, more: VaultPage = {}): Promise<Response> {
  return pageResponse(look, { ...more, referrerPolicy, title, body: html`<h1>${title}</h1>\n${body}` })
}

/** Sends the browser on, with GET whatever it came with. */
export function redirect(location: string, ...cookies: readonly string[]): Response {
  const headers = pageHeaders(referrerPolicy)
  headers.set('Location', location)
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  return new Response(null, { status: 303, headers })
}
