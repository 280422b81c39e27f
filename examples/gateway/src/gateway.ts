import type { Handler, Mountable, Storage } from '@mcp-gateway/core'
import { type AddedServer, createGateway, setupPage } from '@mcp-gateway/core/gateway'
import { createLogger } from '@mcp-gateway/core/logging'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'

export interface ExampleOptions {
  url: string
  storage: Storage
  /** Without it nobody needs a token, which the gateway allows on loopback only. */
  auth: boolean
  /** The MCP servers, by the paths they are served at. */
  servers: Readonly<Record<string, Handler | Mountable>>
  /** What clients call them. */
  names: readonly AddedServer[]
}

const logger = createLogger({ level: 'warn' })

/** MCP servers behind an authorization server of our own. */
export const exampleGateway = ({ url, storage, auth, servers, names }: ExampleOptions) =>
  createGateway({
    url,
    ...(auth
      ? { auth: createAuthorizationServer({ issuer: url, storage, identityProvider: devLogin(), logger }) }
      : { dangerouslyAllowAnonymous: true }),
    servers,
    // For who opens the address that the banner prints
    routes: { '/': { handle: setupPage({ servers: names }), dangerouslyAllowAnonymous: true } },
    logger,
  })
