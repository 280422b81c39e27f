import type { Handler, Middleware } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { resourceMetadata } from '../resource-server/resource-metadata.js'
import type { ServerOptions } from './gateway-options.js'

/** What the metadata of a server says beside its own options. */
export interface ServerMetadataOptions {
  readonly resource: string
  readonly issuer: string
  /** Whether it is served at the root well-known too: one document cannot speak for two resources (RFC 9728 section 3.3). */
  readonly isRoot: boolean
  readonly checkHost: Middleware
}

/** Serves the protected resource metadata of one server (RFC 9728). */
export function serverMetadata(server: Omit<ServerOptions, 'server'>, options: ServerMetadataOptions): Handler {
  const document = resourceMetadata({
    resource: options.resource,
    authorizationServers: [options.issuer],
    scopesSupported: server.scopesSupported ?? server.requiredScopes,
    resourceName: server.name,
    dpopAlgorithms: server.dpop?.algorithms,
    dpopRequired: server.dpop?.required,
    root: options.isRoot,
  })
  return compose([options.checkHost], document)
}
