import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Storage } from '@mcp-gateway/core'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { followLogin } from '@mcp-gateway/oauth-server/testing'
import { compare, compareServers, send } from './harness.js'
import { oidcProvider } from './oauth/oidc-provider.js'
import { issuer, pkce, redirectUri, resource, type Start } from './oauth/settings.js'
import { installWorkersOAuthProvider, workersOAuthProvider } from './oauth/workers-oauth-provider.js'

type Fields = Record<string, string>

function authorizationServer(storage: Storage = memoryStorage({ maxEntries: 10_000_000 })) {
  return createAuthorizationServer({
    issuer,
    storage,
    identityProvider: devLogin(),
    resources: [resource],
    logger: quiet,
  })
}

/** What a line costs is the matter of whoever writes it. */
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

type Server = ReturnType<typeof authorizationServer>

const post = (server: Server, path: string, body: unknown, type: string): Promise<Response> =>
  server.fetch(new Request(issuer + path, { method: 'POST', body: String(body), headers: { 'Content-Type': type } }))

const token = async (server: Server, fields: Fields): Promise<Fields> => {
  const response = await post(server, '/token', new URLSearchParams(fields), 'application/x-www-form-urlencoded')
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()) as Fields
}

async function register(server: Server): Promise<string> {
  const metadata = { client_name: 'Bench', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }
  const response = await post(server, '/register', JSON.stringify(metadata), 'application/json')
  return ((await response.json()) as { client_id: string }).client_id
}

/** Registration, consent, login and token: what a person does once. */
async function walk(server: Server): Promise<Start> {
  const client_id = await register(server)
  const { verifier: code_verifier, challenge } = pkce()
  const query = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: redirectUri,
    state: 's',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  const callback = await followLogin(`${issuer}/authorize?${query}`, redirectUri, {
    fetch: (url, init) => server.fetch(new Request(url, init)),
  })
  const code = callback.searchParams.get('code') ?? ''
  const fields = { grant_type: 'authorization_code', code, code_verifier, redirect_uri: redirectUri, client_id }
  return { client_id, refresh_token: (await token(server, fields)).refresh_token ?? '' }
}

const formHeaders = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** One client's chain of refreshes over HTTP. */
function chain(url: string, path: string, start: Start, more: Fields = {}) {
  let { refresh_token } = start
  return async () => {
    const fields = { grant_type: 'refresh_token', refresh_token, client_id: start.client_id, ...more }
    const text = await send(new URL(path, url).href, {
      method: 'POST',
      headers: formHeaders,
      body: String(new URLSearchParams(fields)),
    })
    refresh_token = (JSON.parse(text) as Fields).refresh_token ?? refresh_token
  }
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = ''
  for await (const chunk of request) text += chunk
  const body = JSON.stringify(Object.fromEntries(new URLSearchParams(text)))
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(body)
}

/** Gives every connecting client a grant of its own, over an address that only this benchmark has. */
function ours(more: (storage: Storage) => Promise<void> = async () => {}) {
  return async () => {
    const storage = memoryStorage({ maxEntries: 10_000_000 })
    const server = authorizationServer(storage)
    await more(storage)
    const handler = toNodeHandler(server)
    return createServer(async (request, response) => {
      if (request.url === '/start') response.end(JSON.stringify(await walk(server)))
      else handler(request, response)
    })
  }
}

const connect = async (url: string, variant: string) => {
  if (variant === 'node:http echo') return chain(url, '/token', { client_id: 'bench', refresh_token: 'x'.repeat(90) })
  const start = JSON.parse(await send(new URL('/start', url).href)) as Start
  return chain(url, '/token', start, variant === 'oidc-provider' ? { resource } : {})
}

/** Ten clients with a hundred grants each, a hundred times over: 10,000 clients and 100,000 grants. */
async function fill(storage: Storage): Promise<void> {
  const server = authorizationServer(storage)
  const { client_id } = await walk(server)
  const [model] = (await storage.list(await listOf(storage, client_id))).keys
  const value = (await storage.get(model ?? ''))?.value ?? ''
  for (let index = 0; index < 10_000; index++) await register(server)
  for (let index = 0; index < 100_000; index++) {
    const lists = [`user ${index % 1000}`, `client ${index % 10_000}`]
    await storage.set(`oauth:refresh:${index}`, value, { ttl: 30 * 86_400, lists })
  }
}

async function listOf(_: Storage, clientId: string): Promise<string> {
  return `oauth:client_tokens:${createHash('sha256').update(`${issuer}\n${clientId}`).digest('base64url')}`
}

// Servers run in processes of their own, which find it where the first one put it.
if (process.env.BENCH_SERVER === undefined) {
  process.env.BENCH_WORKERS_OAUTH_PROVIDER = installWorkersOAuthProvider() ?? ''
}
const installed = process.env.BENCH_WORKERS_OAUTH_PROVIDER

await compareServers(
  'Refresh over HTTP, ES256, in memory (target: ours at most 6x the echo)',
  import.meta.url,
  {
    'node:http echo': () => createServer(echo),
    'oauth-server': ours(),
    'oauth-server with 10,000 clients and 100,000 grants': ours(fill),
    'oidc-provider': oidcProvider,
    ...(installed && { 'workers-oauth-provider, opaque tokens': () => workersOAuthProvider(installed) }),
  },
  { rounds: 7, operations: 3000, concurrency: 8, connect },
)

const storage = memoryStorage({ maxEntries: 10_000_000 })
const server = authorizationServer(storage)
const full = memoryStorage({ maxEntries: 10_000_000 })
if (process.env.BENCH_SERVER === undefined) await fill(full)
const fullServer = authorizationServer(full)
await compare(
  'A walk from registration to tokens, in process',
  { 'oauth-server': () => walk(server), 'with 10,000 clients and 100,000 grants': () => walk(fullServer) },
  { rounds: 5, operations: 200 },
)

if (process.env.BENCH_SERVER === undefined) {
  const calls: string[] = []
  const counted = new Proxy(storage, {
    get(target, name: keyof Storage) {
      const method = target[name] as (...values: unknown[]) => unknown
      return (...values: unknown[]) => {
        calls.push(name)
        return method.apply(target, values)
      }
    },
  })
  const counting = authorizationServer(counted)
  const grant = await walk(counting)
  calls.length = 0
  await token(counting, { grant_type: 'refresh_token', ...grant })
  console.log(`\n### Storage operations of one refresh\n\n${calls.join(', ')} (bound: two reads and one compareAndSet)`)
}
