import { type Html, html } from '../pages/html.js'
import { pageHeaders, pageResponse } from '../pages/page.js'

/** Part of every page; `stylesHash` is its SHA-256. */
export const styles: string =
  '.foreign{display:inline-block;max-width:100%;max-height:2.6em;line-height:1.3;vertical-align:bottom;overflow:hidden;overflow:clip;contain:paint;overflow-wrap:anywhere;unicode-bidi:isolate}'
export const stylesHash: string = 'ukAhBGeHHNdjneIKk8XC1E8wbVppjv5NqduHl+6fXhg='

// With no-referrer a form would be sent with `Origin: null`.
const protection = { styleHash: stylesHash, referrerPolicy: 'same-origin' } as const

/** A page without scripts, frames or anything loaded from elsewhere. */
export function page(title: string, body: Html, { status = 200 }: { status?: number } = {}): Response {
  return pageResponse({
    ...protection,
    title,
    styles: { css: styles, hash: stylesHash },
    body: html`<h1>${title}</h1>\n${body}`,
    status,
  })
}

/** Sends the browser on, with GET whatever it came with. */
export function redirect(location: string, ...cookies: readonly string[]): Response {
  const headers = pageHeaders(protection)
  headers.set('Location', location)
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  return new Response(null, { status: 303, headers })
}
