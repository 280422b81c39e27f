import { createLogger, type Storage } from '@mcp-gateway/core'
import { createGateway } from '@mcp-gateway/core/gateway'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { createStdioBridge, type StdioBridgeOptions } from '@mcp-gateway/stdio-bridge'

export interface ExampleOptions {
  url: string
  storage: Storage
  /** Without it nobody needs a token, which the gateway allows on loopback only. */
  auth: boolean
  /** The MCP server, by the path it is served at. */
  path: string
  server: StdioBridgeOptions
}

/** An MCP server that speaks stdio, behind an authorization server of our own. */
export const exampleGateway = ({ url, storage, auth, path, server }: ExampleOptions) =>
  createGateway({
    url,
    ...(auth
      ? { auth: createAuthorizationServer({ issuer: url, storage, identityProvider: devLogin() }) }
      : { dangerouslyAllowAnonymous: true }),
    servers: { [path]: createStdioBridge(server) },
    logger: createLogger({ level: 'warn' }),
  })
