import { respond } from '@mcp-gateway/core'
import { hash } from '../crypto/hash.js'
import type { PageOptions } from '../server/page-options.js'
import { type Html, html } from './html.js'
import { styles } from './styles.js'

/** What a page is made of. */
export interface Page {
  readonly title: string
  readonly body: Html
  /** Where its forms may lead, beside this origin: redirects after a form count too (CSP3 form-action). */
  readonly formTargets?: readonly string[]
  readonly status?: number
  readonly cookies?: readonly string[]
}

/** Answers with a page: no script, no frame, no cache, nothing loaded from anywhere. */
export async function pageResponse(
  { name, styles: more = '' }: PageOptions,
  { title, body, formTargets = [], status = 200, cookies = [] }: Page,
): Promise<Response> {
  const css = styles + more
  const styleHash = (await hash(css)).replaceAll('-', '+').replaceAll('_', '/')
  const headers = new Headers({
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': [
      "default-src 'none'",
      `style-src 'sha256-${styleHash}='`,
      `form-action ${["'self'", ...formTargets].join(' ')}`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    // The address of these pages holds state, and later a code (RFC 9700 section 4.2.4)
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
  })
  for (const cookie of cookies) headers.append('Set-Cookie', cookie)
  return respond(document(title, name, css, body), { status, headers })
}

function document(title: string, name: string | undefined, css: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${{ html: css }}</style>
</head>
<body>
<main>
${name === undefined ? html`` : html`<p class="owner">${name}</p>`}
${body}
</main>
</body>
</html>
`.html
}
