import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { type AuthorizationServer, createAuthorizationServer } from '../src/lib/authorization-server.js'
import { devLogin } from '../src/lib/identity-providers/dev-login.js'
import type { AuthorizationServerOptions } from '../src/lib/server/options.js'

/** An authorization server on a port of its own, and the callback of a client beside it. */
export interface Listening {
  server: AuthorizationServer
  issuer: string
  resource: string
  /** Answers with a page, as a client on loopback does. */
  redirectUri: string
  close: () => Promise<void>
}

export async function listen(options: Partial<AuthorizationServerOptions> = {}): Promise<Listening> {
  let listener: RequestListener = (_, response) => response.end()
  const http = createServer((request, response) => {
    if (request.url?.startsWith('/client/callback')) response.end('connected')
    else listener(request, response)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const resource = `${issuer}/everything/mcp`
  const server = createAuthorizationServer({
    issuer,
    storage: memoryStorage(),
    identityProvider: devLogin(),
    resources: [resource],
    ...options,
  })
  listener = toNodeHandler(server)
  return {
    server,
    issuer,
    resource,
    redirectUri: `${issuer}/client/callback`,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}

/** Registers a public client that is called back there. */
export async function registerAt({ issuer, redirectUri }: Listening, clientName = 'A client'): Promise<string> {
  const response = await fetch(`${issuer}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      client_name: clientName,
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
    }),
  })
  return ((await response.json()) as { client_id: string }).client_id
}
