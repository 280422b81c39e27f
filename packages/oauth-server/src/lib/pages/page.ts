import { pageResponse as corePage, type Page } from '@mcp-gateway/core/internal'
import type { PageOptions } from '../server/page-options.js'

/** Answers with a page in the look of this server. */
export function pageResponse(pages: PageOptions, page: Omit<Page, 'referrerPolicy'>): Promise<Response> {
  // The address of these pages holds state, and later a code (RFC 9700 section 4.2.4)
  return corePage(pages, { ...page, referrerPolicy: 'no-referrer' })
}
