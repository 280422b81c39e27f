import { respond } from '../http/respond.js'
import { type Html, html, rawHtml } from './html.js'

/** The style sheet of a page, and its SHA-256 in base64, which the content security policy names. */
export interface Styles {
  readonly css: string
  readonly hash: string
}

/** What protects a page in the browser. */
export interface PageProtection {
  /** The SHA-256 of its style sheet in base64; nothing else is loaded. */
  readonly styleHash: string
  /** With `no-referrer`, browsers send its forms with `Origin: null`. */
  readonly referrerPolicy: 'no-referrer' | 'same-origin'
}

/** What a page is made of. */
export interface Page extends Omit<PageProtection, 'styleHash'> {
  readonly title: string
  readonly styles: Styles
  /** Whether the style sheet has colours for light and for dark. */
  readonly hasColorSchemes?: boolean
  readonly body: Html
  readonly status?: number
  readonly cookies?: readonly string[]
}

/** Answers with a page: no script, no frame, no cache, nothing loaded from anywhere. */
export function pageResponse({
  title,
  styles,
  hasColorSchemes = false,
  body,
  status = 200,
  cookies = [],
  referrerPolicy,
}: Page): Response {
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${hasColorSchemes ? html`<meta name="color-scheme" content="light dark">\n` : ''}<meta name="robots" content="noindex">
<title>${title}</title>
<style>${rawHtml(styles.css)}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`.html
  const headers = pageHeaders({ styleHash: styles.hash, referrerPolicy })
  headers.set('Content-Type', 'text/html; charset=utf-8')
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  return respond(text, { status, headers })
}

/**
 * The headers that a page and a redirect away from one have. There is no Cross-Origin-Opener-Policy: a client that opens
 * the page in a popup would see `closed` at once, and its callback could not hand the code over. There is no form-action
 * either: browsers hold every redirect after a form to it, and where a client's callback leads on to nobody knows.
 */
export function pageHeaders({ styleHash, referrerPolicy }: PageProtection): Headers {
  return new Headers({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': [
      "default-src 'none'",
      `style-src 'sha256-${styleHash}'`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': referrerPolicy,
  })
}
