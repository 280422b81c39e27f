import { openCors, openPreflight } from '@mcp-gateway/core/internal'

/** Lets any web page read the answer, without credentials: for endpoints that take none from the browser. */
export function withCors(response: Response): Response {
  for (const [name, value] of Object.entries(openCors)) response.headers.set(name, value)
  return response
}

/** Answers a preflight; it needs no authentication. */
export function preflight(methods: readonly string[]): Response {
  return new Response(null, { status: 204, headers: openPreflight(methods) })
}
