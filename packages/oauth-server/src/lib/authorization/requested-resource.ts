import { Refusal } from '@mcp-gateway/core/internal'
import type { Server } from '../server/server.js'

/**
 * Which resource the tokens will be for (RFC 8707 section 2), in the configured spelling. One grant is for one resource.
 *
 * @throws {Refusal} `invalid_target`
 */
export function requestedResource({ settings, resources }: Server, requested: readonly string[]): string {
  if (requested.length === 0) {
    const meant = settings.defaultResource ?? resources.sole
    if (meant !== undefined) return meant
    throw new Refusal(400, 'invalid_target', 'resource is missing: name the URL of the MCP server')
  }
  const found = new Set(requested.map((resource) => resources.canonical(resource)))
  const [resource, another] = found
  if (resource === undefined || found.has(undefined)) {
    throw new Refusal(400, 'invalid_target', 'No tokens are issued for this resource')
  }
  if (another !== undefined)
    throw new Refusal(400, 'invalid_target', 'A grant is for one resource: ask for each by itself')
  return resource
}
