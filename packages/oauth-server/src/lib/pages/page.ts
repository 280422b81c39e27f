import { pageResponse as corePage, type Html, html, sha256 } from '@mcp-gateway/core/internal'
import type { PageOptions } from '../server/page-options.js'
import { styles } from './styles.js'

/** What a page is made of. */
export interface Page {
  readonly title: string
  readonly body: Html
  readonly status?: number
  readonly cookies?: readonly string[]
}

/** Answers with a page in the style of this server. */
export async function pageResponse(
  { name, styles: more = '' }: PageOptions,
  { body, ...page }: Page,
): Promise<Response> {
  const css = styles + more
  const styleHash = (await sha256(css)).replaceAll('-', '+').replaceAll('_', '/')
  return corePage({
    ...page,
    styles: { css, hash: `${styleHash}=` },
    hasColorSchemes: true,
    body: name === undefined ? html`\n${body}` : html`<p class="owner">${name}</p>\n${body}`,
    // The address of these pages holds state, and later a code (RFC 9700 section 4.2.4)
    referrerPolicy: 'no-referrer',
  })
}
