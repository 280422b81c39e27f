import { html } from '@mcp-gateway/core/internal'
import type { Dialect } from './dialect.js'

/** What the form of a refusal depends on. */
export interface RefusalForm {
  readonly dialect: Dialect
  /** Whether a person reads it: a browser's navigation. */
  readonly html: boolean
  /** The resource, where the address is one. */
  readonly resource?: string
}

/** Gives a refusal the form that the proxy and the client at its other side can read. */
export function finishRefusal(response: Response, { dialect, html: isPage, resource }: RefusalForm): Response {
  const { headers } = response
  // Proxies take every 2xx for a yes, and some follow a 3xx
  const told = response.status >= 400 ? response.status : 500
  headers.set('Cache-Control', 'no-store')
  // nginx turns everything but 401 and 403 into 500; the recipe reads the real status from this header
  const hidden = dialect === 'original' && told < 500 && told !== 401 && told !== 403
  if (hidden) headers.set('X-Forward-Auth-Status', String(told))
  const status = hidden ? 403 : told
  if (!isPage) return status === response.status ? response : new Response(response.body, { status, headers })
  headers.set('Content-Type', 'text/html; charset=utf-8')
  headers.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'")
  headers.set('X-Content-Type-Options', 'nosniff')
  return new Response(page(told, resource), { status, headers })
}

function page(status: number, resource: string | undefined): string {
  const title = status === 403 ? 'Not allowed' : status < 500 ? 'Sign-in needed' : 'Try again later'
  const text =
    resource === undefined
      ? 'There is nothing to see here without an access token.'
      : html`This is an MCP server, made for MCP clients. Add <code>${resource}</code> to yours; it will ask you to sign in.`
  return html`<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><p>${text}</p></html>\n`
    .html
}
