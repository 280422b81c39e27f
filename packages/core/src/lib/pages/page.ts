import { respond } from '../http/respond.js'
import { sha256 } from '../text/sha256.js'
import { type Html, html, rawHtml } from './html.js'
import type { PageLook } from './page-look.js'
import { styles } from './styles.js'

/** What a page is made of. */
export interface Page {
  readonly title: string
  readonly body: Html
  readonly status?: number
  readonly cookies?: readonly string[]
  /** With `no-referrer`, browsers send its forms with `Origin: null`. */
  readonly referrerPolicy: 'no-referrer' | 'same-origin'
  /** What stands at the foot beside who runs this. */
  readonly foot?: Html
  /** By which the operator finds the request in the log; shown at the foot. */
  readonly requestId?: string
}

/** Answers with a page: no script, no frame, no cache, nothing loaded from anywhere. */
export async function pageResponse({ styles: more = '', ...look }: PageLook, page: Page): Promise<Response> {
  const { title, body, status = 200, cookies = [], referrerPolicy } = page
  const css = styles + more
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="${rawHtml(icon)}">
<style>${rawHtml(css)}</style>
</head>
<body>
<main>
${look.name === undefined ? html`` : html`<p class="owner">${look.name}</p>\n`}${body}
</main>
${footer(look, page)}</body>
</html>
`.html
  const headers = pageHeaders(referrerPolicy, await hashOf(css))
  headers.set('Content-Type', 'text/html; charset=utf-8')
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  return respond(text, { status, headers })
}

/** Two links of a chain. It is in the page itself: browsers ask for /favicon.ico otherwise, which may be somebody else's. */
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%230b5cad'/%3E%3Cg fill='none' stroke='%23fff' stroke-width='3'%3E%3Crect x='5' y='11' width='13' height='10' rx='5'/%3E%3Crect x='14' y='11' width='13' height='10' rx='5'/%3E%3C/g%3E%3C/svg%3E"

function footer({ name, contact }: PageLook, { foot, requestId }: Page): Html {
  const runBy =
    name === undefined && contact === undefined
      ? []
      : [
          html`<p>Run by ${contact === undefined ? (name ?? '') : html`<a href="${contact}">${name ?? contact}</a>`}.</p>\n`,
        ]
  const id = requestId === undefined ? [] : [html`<p>Request id: ${requestId}</p>\n`]
  const parts = [...(foot === undefined ? [] : [html`${foot}\n`]), ...runBy, ...id]
  return parts.length === 0 ? html`` : html`<footer>\n${parts}</footer>\n`
}

async function hashOf(css: string): Promise<string> {
  return `${(await sha256(css)).replaceAll('-', '+').replaceAll('_', '/')}=`
}

/**
 * The headers that a page and a redirect away from one have. There is no Cross-Origin-Opener-Policy: a client that opens
 * the page in a popup would see `closed` at once, and its callback could not hand the code over. There is no form-action
 * either: browsers hold every redirect after a form to it, and where a client's callback leads on to nobody knows.
 *
 * @param styleHash the SHA-256 of the style sheet in base64; without it no style applies
 */
export function pageHeaders(referrerPolicy: Page['referrerPolicy'], styleHash?: string): Headers {
  return new Headers({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': [
      "default-src 'none'",
      // For the icon; no picture from anywhere else
      ...(styleHash === undefined ? [] : [`style-src 'sha256-${styleHash}'`, 'img-src data:']),
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': referrerPolicy,
  })
}
