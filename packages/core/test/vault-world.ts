import { sharedMemory } from '../../../test/servers/shared-memory.js'
import type { AuthInfo } from '../src/lib/contract/auth-info.js'
import type { Logger } from '../src/lib/contract/logger.js'
import type { Storage } from '../src/lib/contract/storage.js'
import { createGateway } from '../src/lib/gateway/create-gateway.js'
import { proxy } from '../src/lib/proxy/proxy.js'
import { fakeMcpServer } from '../src/lib/testing/fake-mcp-server.js'
import { type McpRequestOptions, mcpAnswer, mcpRequest } from '../src/lib/testing/mcp-request.js'
import { vaultCookie } from '../src/lib/vault/browser.js'
import { createVault } from '../src/lib/vault/create-vault.js'
import type { Vault, VaultOptions } from '../src/lib/vault/vault-options.js'
import { type AccountServer, startAccountServer } from './account-server.js'
import { Browser } from './browser.js'

export const url = 'https://mcp.example.com'
/** The cookie of who is signed in at the vault. */
export const cookieName: string = `__Host-${vaultCookie(`${url}/connect`)}`
export const key = Buffer.alloc(32, 7).toString('base64')

/** The two real servers: where people sign in, and where they have accounts. */
export interface Servers {
  readonly login: AccountServer
  readonly wiki: AccountServer
  close(): Promise<void>
}

export async function startServers(): Promise<Servers> {
  const [login, wiki] = await Promise.all([
    startAccountServer([`${url}/connect/sign-in/callback`, `${url}/other/sign-in/callback`]),
    startAccountServer([`${url}/connect/wiki/callback`]),
  ])
  return { login, wiki, close: async () => void (await Promise.all([login.close(), wiki.close()])) }
}

/** A gateway with a vault, in front of an MCP server that takes the wiki's tokens alone. */
export function replica(
  { login, wiki }: Servers,
  storage: Storage = sharedMemory(),
  more: Partial<VaultOptions> = {},
  logger: Logger = { debug() {}, info() {}, warn() {}, error() {} },
) {
  const { issuer, clientId, clientSecret } = login
  const vault: Vault = createVault({
    url: `${url}/connect`,
    storage,
    encryptionKeys: [key],
    signIn: { issuer, clientId, clientSecret },
    upstreams: {
      wiki: {
        issuer: wiki.issuer,
        clientId: wiki.clientId,
        clientSecret: wiki.clientSecret,
        scope: 'openid offline_access',
        title: 'the <Wiki>',
        parameters: { prompt: 'consent' },
      },
    },
    ...more,
  })
  const seen: string[] = []
  const mcp = fakeMcpServer({ sessions: true, tools: { whoami: (_args, headers) => headers.get('x-account') } })
  const upstream = async (target: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    const token = headers.get('authorization')?.replace('Bearer ', '') ?? ''
    seen.push(token)
    const account = await wiki.accountOf(token)
    if (account === undefined) return new Response(null, { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } })
    headers.set('x-account', account)
    return mcp.fetch(new Request(target, { ...init, headers }))
  }
  const gateway = createGateway({
    url,
    auth: { issuer, protect: () => ({ verifyAccessToken: async (token) => user(token, issuer) }) },
    servers: { '/wiki': proxy('https://wiki.test/mcp', { token: vault.token('wiki'), fetch: upstream }) },
    vault,
    logger,
  })
  const call = async (token: string, options: Partial<McpRequestOptions> = {}) => {
    const call = { url: `${url}/wiki`, method: 'tools/call', params: { name: 'whoami', arguments: {} }, token }
    const response = await gateway.fetch(mcpRequest({ era: 'modern', ...call, ...options }))
    return { status: response.status, session: response.headers.get('mcp-session-id'), ...(await mcpAnswer(response)) }
  }
  /** A browser of somebody with this name at the issuer, and that one at the wiki. */
  const browser = (name: string, account = `${name}-at-wiki`) =>
    new Browser((request) => (request.url.startsWith(url) ? gateway.fetch(request) : undefined), {
      [login.issuer]: name,
      [wiki.issuer]: account,
    })
  const connect = async (name: string, account?: string) => {
    const person = browser(name, account)
    return { person, page: await person.submit(await person.open(`${url}/connect/wiki`)) }
  }
  return { vault, gateway, seen, mcp, call, browser, connect, storage }
}

/** Who a token of the tests stands for: `token-of-alice`. */
export function user(token: string, issuer: string): AuthInfo {
  const subject = token.replace('token-of-', '')
  return {
    token,
    clientId: 'app',
    scopes: [],
    expiresAt: Number.MAX_SAFE_INTEGER,
    extra: { issuer, subject, roles: [], groups: [], claims: {} },
  }
}
