import { createServer, type RequestListener, type ServerResponse } from 'node:http'
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
  /** Headers that its answers get beside their own, or in place of them. */
  readonly extraHeaders: Map<string, (before: string) => string>
  close: () => Promise<void>
}

export async function listen(options: Partial<AuthorizationServerOptions> = {}): Promise<Listening> {
  const extraHeaders = new Map<string, (before: string) => string>()
  let listener: RequestListener = (_, response) => response.end()
  const http = createServer((request, response) => {
    if (request.url?.startsWith('/client/callback')) response.end('connected')
    else listener(request, changing(response, extraHeaders))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const resource = `${issuer}/everything/mcp`
  const server = createAuthorizationServer({
    issuer,
    storage: memoryStorage(),
    identityProvider: devLogin(),
    resources: [resource],
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...options,
  })
  listener = toNodeHandler(server)
  return {
    server,
    issuer,
    resource,
    redirectUri: `${issuer}/client/callback`,
    extraHeaders,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}

function changing(response: ServerResponse, changes: Listening['extraHeaders']): ServerResponse {
  const writeHead = response.writeHead.bind(response) as (status: number, headers: string[]) => ServerResponse
  return Object.assign(response, {
    writeHead: (status: number, raw: string[]) => {
      const headers = [...raw]
      for (const [name, change] of changes) {
        const at = headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name)
        if (at === -1) headers.push(name, change(''))
        else headers[at + 1] = change(headers[at + 1] ?? '')
      }
      return writeHead(status, headers)
    },
  })
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
