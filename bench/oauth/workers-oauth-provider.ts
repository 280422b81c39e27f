import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { mountable } from '@mcp-gateway/core'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { issuer, pkce, redirectUri, resource, type Start } from './settings.js'

const name = '@cloudflare/workers-oauth-provider'
const version = '1.2.3'

/**
 * Installs Cloudflare's provider into a temporary folder, because nothing here depends on it, and takes the one import out that
 * only workerd resolves.
 *
 * @returns the module to import, or `undefined` with a word about why not
 */
export function installWorkersOAuthProvider(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'bench-oauth-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  try {
    const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder]
    execFileSync('npm', ['install', ...flags, `${name}@${version}`], { stdio: 'pipe', timeout: 60_000 })
    const source = readFileSync(join(folder, 'node_modules', name, 'dist/oauth-provider.js'), 'utf8')
    const shim = 'class WorkerEntrypoint { constructor(ctx, env) { this.ctx = ctx; this.env = env } }'
    const file = join(folder, 'provider.mjs')
    writeFileSync(file, source.replace(/^import \{ WorkerEntrypoint \} from "cloudflare:workers";/m, shim))
    return file
  } catch (error) {
    console.log(`\n${name} is left out: ${String(error).split('\n', 1)[0]}`)
    return undefined
  }
}

/** The provider on Node with its namespace in memory; access tokens are opaque, it has no others. `/start` begins a grant. */
export async function workersOAuthProvider(file: string): Promise<Server> {
  const { OAuthAuthorizationServer } = await import(pathToFileURL(file).href)
  const provider = new OAuthAuthorizationServer({
    issuer,
    resources: [resource],
    scopesSupported: ['mcp', 'offline_access'],
    authorizeEndpoint: '/authorize',
    tokenEndpoint: '/token',
  })
  const env = { OAUTH_KV: memoryNamespace() }
  const context = { waitUntil() {}, passThroughOnException() {}, props: {} }
  const answer = (request: Request): Promise<Response> => provider.fetch(request, env, context)
  const api = provider.getOAuthApi(env)

  const begin = async (): Promise<Start> => {
    const { clientId } = await api.createClient({ redirectUris: [redirectUri], tokenEndpointAuthMethod: 'none' })
    const { verifier, challenge } = pkce()
    const request = {
      responseType: 'code',
      clientId,
      redirectUri,
      scope: ['mcp'],
      state: 's',
      codeChallenge: challenge,
      codeChallengeMethod: 'S256',
      resource,
      issuer,
    }
    const grant = { request, userId: 'alice', metadata: {}, scope: ['mcp'], props: { username: 'alice' } }
    const { redirectTo } = await api.completeAuthorization({ ...grant, revokeExistingGrants: false })
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code: new URL(redirectTo).searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: redirectUri,
      client_id: clientId,
    })
    const tokens = await answer(new Request(`${issuer}/token`, { method: 'POST', body }))
    return { client_id: clientId, refresh_token: ((await tokens.json()) as Start).refresh_token }
  }

  // Where it runs, its address is the issuer's: what the client dialled is no matter here.
  const handler = toNodeHandler(
    mountable({
      handle: async (request) =>
        answer(
          new Request(`${issuer}/token`, { method: 'POST', headers: request.headers, body: await request.text() }),
        ),
    }),
  )
  return createServer(async (request, response) => {
    if (request.url === '/start') response.end(JSON.stringify(await begin()))
    else handler(request, response)
  })
}

/** A KV namespace as far as the provider uses one. */
function memoryNamespace() {
  const values = new Map<string, { value: string; metadata: unknown }>()
  return {
    async get(key: string, { type }: { type?: string } = {}) {
      const value = values.get(key)?.value ?? null
      return type === 'json' && value !== null ? JSON.parse(value) : value
    },
    async put(key: string, value: string, { metadata }: { metadata?: unknown } = {}) {
      values.set(key, { value, metadata })
    },
    async delete(key: string) {
      values.delete(key)
    },
    async list({ prefix = '' }: { prefix?: string } = {}) {
      const keys = [...values].filter(([key]) => key.startsWith(prefix))
      return { keys: keys.map(([key, { metadata }]) => ({ name: key, metadata })), list_complete: true }
    },
  }
}
