import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGateway } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createVault } from '@mcp-gateway/core/vault'
import { createAuthorizationServer, devLogin, type PageOptions } from '@mcp-gateway/oauth-server'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A gateway with every page that a person can see. */
export interface Shown {
  readonly url: string
  /** The address that a client opens. */
  readonly authorize: (changes?: Record<string, string>) => string
  /** Who answers as the client. */
  readonly callback: string
  readonly close: () => void
}

export async function showPages(pages: PageOptions = {}): Promise<Shown> {
  let listener: RequestListener = (_, response) => response.end()
  const server = createServer((request, response) =>
    request.url?.startsWith('/client/') ? response.end('connected') : listener(request, response),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const storage = memoryStorage()
  const confidential = { client_secret: 'a-secret-of-sixteen', token_endpoint_auth_method: 'client_secret_basic' }
  const auth = createAuthorizationServer({
    issuer: url,
    storage,
    identityProvider: devLogin(),
    scopes: { notes: 'Read and write your notes', 'notes:share': 'Share notes with other people' },
    optionalScopes: ['notes:share'],
    pages,
    logger: quiet,
    registration: { privateUseRedirectUris: ['urn:ietf:wg:oauth:2.0:oob'] },
    resources: [`${url}/connect`, `${url}/wiki`],
    clients: ['vault', 'gateway'].map((client_id) => ({
      ...confidential,
      client_id,
      redirect_uris: [`${url}/connect/sign-in/callback`, `${url}/connect/wiki/callback`],
    })) as never,
  })
  const vault = createVault({
    url: `${url}/connect`,
    storage,
    pages,
    signIn: {
      issuer: url,
      clientId: 'vault',
      clientSecret: confidential.client_secret,
      scope: 'notes',
      resource: `${url}/connect`,
      verifier: auth.protect(`${url}/connect`),
    },
    upstreams: {
      wiki: {
        title: 'Acme Wiki',
        issuer: url,
        clientId: 'gateway',
        clientSecret: confidential.client_secret,
        scope: 'notes',
        resource: `${url}/wiki`,
      },
    },
  })
  const gateway = createGateway({
    url,
    auth,
    vault,
    servers: { '/notes/mcp': { server: () => new Response(), name: 'Acme Notes', requiredScopes: ['notes'] } },
    logger: quiet,
  })
  listener = toNodeHandler(gateway, { logger: quiet })
  const callback = `${url}/client/callback`
  const registered = await fetch(`${url}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Claude',
      redirect_uris: [callback, 'urn:ietf:wg:oauth:2.0:oob'],
      token_endpoint_auth_method: 'none',
    }),
  })
  const { client_id } = (await registered.json()) as { client_id: string }
  const all = {
    response_type: 'code',
    client_id,
    redirect_uri: callback,
    state: 'some-state',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    resource: `${url}/notes/mcp`,
  }
  return {
    url,
    callback,
    authorize: (changes = {}) => `${url}/authorize?${new URLSearchParams({ ...all, ...changes })}`,
    close: () => server.close().closeAllConnections(),
  }
}
