import { respond } from '@mcp-gateway/core'

/** Answers with a public document that may be kept for a few minutes. */
export function cacheableJson(document: unknown): Response {
  return respond(JSON.stringify(document), {
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=300' },
  })
}
