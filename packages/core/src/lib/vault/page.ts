import { respond } from '../http/respond.js'
import { displayText } from '../text/display-text.js'

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** A template for HTML whose values are escaped, unless they were made by it themselves. */
export function html(texts: TemplateStringsArray, ...values: readonly (string | Html)[]): Html {
  return new Html(texts.reduce((whole, text, index) => whole + render(values[index - 1] ?? '') + text))
}

/** Text that is safe to put on a page. */
class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

function render(value: string | Html): string {
  if (value instanceof Html) return value.text
  return displayText(value).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
}

/** A name that somebody else chose: in a box of its own, from which it can neither reorder nor cover what is around it. */
export function foreign(name: string): Html {
  return html`<bdi class="foreign">${displayText(name, 80)}</bdi>`
}

/** Part of every page; `stylesHash` is its SHA-256. */
export const styles: string =
  '.foreign{display:inline-block;max-width:100%;max-height:2.6em;line-height:1.3;vertical-align:bottom;overflow:hidden;overflow:clip;contain:paint;overflow-wrap:anywhere;unicode-bidi:isolate}'
export const stylesHash: string = 'ukAhBGeHHNdjneIKk8XC1E8wbVppjv5NqduHl+6fXhg='

/** A page without scripts, frames or anything loaded from elsewhere. */
export function page(
  title: string,
  body: Html,
  { status = 200, cookie }: { status?: number; cookie?: string } = {},
): Response {
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${new Html(styles)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
  const headers = new Headers({ ...protection, 'Content-Type': 'text/html; charset=utf-8' })
  if (cookie !== undefined) headers.append('Set-Cookie', cookie)
  return respond(text, { status, headers })
}

/** Sends the browser on, with GET whatever it came with. */
export function redirect(location: string, ...cookies: readonly string[]): Response {
  const headers = new Headers({ ...protection, Location: location })
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  return new Response(null, { status: 303, headers })
}

const protection = {
  'Cache-Control': 'no-store',
  // No form-action: browsers hold the redirect behind a form to it, and that leads to the upstream
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${stylesHash}'; frame-ancestors 'none'; base-uri 'none'`,
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  // With no-referrer a form would be sent with `Origin: null`
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
}
