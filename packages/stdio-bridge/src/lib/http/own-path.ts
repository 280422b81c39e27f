import type { Context } from '@mcp-gateway/core'
import { invalidConfiguration, jsonRpcError, pathFault, requestPath } from '@mcp-gateway/core/internal'

/** Says whether a request is for the server's own path; whatever else comes has no server. */
export type OwnPath = { readonly kind: 'own' } | { readonly kind: 'foreign'; readonly response: Response }

/**
 * Compares the path of a request with the one that the server has: the one that was configured, else that of the resource
 * that the guard in front has checked the token for, else `/mcp`. A proxy that sends other paths here by mistake, or for
 * another host, must not find the server. Paths are compared as text; a slash at the end is the one tolerance.
 *
 * @throws {GatewayError} `invalid_configuration` for what is not a path
 */
export function ownPath(configured: string | undefined): (request: Request, context: Context) => OwnPath {
  if (configured !== undefined && (!configured.startsWith('/') || pathFault(configured) !== undefined)) {
    throw invalidConfiguration('path must be the path of the server, such as /mcp')
  }
  let known: { readonly resource: string; readonly path: string } | undefined
  return (request, { resource }) => {
    let path = configured ?? '/mcp'
    if (configured === undefined && resource !== undefined) {
      if (known?.resource !== resource) known = { resource, path: new URL(resource).pathname }
      path = known.path
    }
    if (withoutSlash(requestPath(request.url)) === withoutSlash(path)) return { kind: 'own' }
    return { kind: 'foreign', response: jsonRpcError({ status: 404, message: 'Nothing is served at this path' }) }
  }
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
