import { createServer } from 'node:http'
import { createTokenVerifier } from '@mcp-gateway/core'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { toNodeHandler as toWebHandler } from '@mcp-gateway/core/node'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { toNodeHandler } from '@mcp-gateway/forward-auth/node'
import { exportJWK, generateKeyPair } from 'jose'
import { compareServers, send } from './harness.js'

const issuer = 'https://login.example.com'
const url = 'https://mcp.example.com'
const resource = `${url}/notes/mcp`

// The servers are processes of their own: they get the key by the environment
if (process.env.BENCH_KEY === undefined) {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  process.env.BENCH_KEY = JSON.stringify({ ...(await exportJWK(privateKey)), alg: 'ES256' })
}
const keys = createSigningKeys({ issuer, privateKeys: [JSON.parse(process.env.BENCH_KEY)] })
const logger = { debug() {}, info() {}, warn() {}, error() {} }

function forwardAuth() {
  return createForwardAuth({
    url,
    auth: {
      issuer,
      protect: (audience) => createTokenVerifier({ issuer, audience, jwks: () => keys.jwks() }),
    },
    dialect: 'forwarded',
    servers: { '/notes/mcp': { requiredScopes: ['mcp'] }, '/files/mcp': {} },
    logger,
  })
}

/** What the answer to a good token has. */
const headers = {
  'Cache-Control': 'no-store',
  'X-User-Id': 'alice',
  'X-User-Name': 'ada',
  'X-User-Email': 'ada@example.com',
  'X-Roles': '-',
  'X-Scopes': 'mcp',
  'X-Client-Id': 'client-1',
  'X-Identity-Assertion': '-',
}

function sign(index: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: resource, sub: 'alice', client_id: 'client-1', scope: 'mcp', jti: `${index}` }
  const user = { preferred_username: 'ada', email: 'ada@example.com' }
  return keys.sign({ ...claims, ...user, iat: now, exp: now + 3600 }, { typ: 'at+jwt' })
}

const tokens = await Promise.all(Array.from({ length: 100 }, (_, index) => sign(index)))

/** What Traefik or Caddy send for a POST of an MCP client. */
function authRequest(token: string): Record<string, string> {
  return {
    Accept: 'application/json, text/event-stream',
    'Accept-Encoding': 'gzip, deflate, br',
    Authorization: `Bearer ${token}`,
    'Content-Type': 'application/json',
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'tools/call',
    'Mcp-Name': 'search',
    'User-Agent': 'node',
    'X-Forwarded-For': '192.0.2.1',
    'X-Forwarded-Host': 'mcp.example.com',
    'X-Forwarded-Method': 'POST',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Uri': '/notes/mcp',
  }
}

let next = 0
await compareServers(
  'a good token, remembered',
  import.meta.url,
  {
    'node:http': () => createServer((_, response) => response.writeHead(200, headers).end()),
    'forward-auth/node': () => createServer(toNodeHandler(forwardAuth())),
    'core/node': () => createServer(toWebHandler(forwardAuth())),
  },
  {
    operations: 4000,
    connect: (base) => () => send(`${base}auth`, { headers: authRequest(tokens[next++ % tokens.length] as string) }),
  },
)

await memory()

/** Prints the heap during a million requests with ten thousand tokens. */
async function memory(): Promise<void> {
  const many = await Promise.all(Array.from({ length: 10_000 }, (_, index) => sign(index)))
  const { ask } = forwardAuth()
  console.log('\n| requests with 10 000 tokens | heap MB |\n| ---: | ---: |')
  for (let count = 0; count <= 1_000_000; count++) {
    if (count % 200_000 === 0) {
      globalThis.gc?.()
      console.log(`| ${count} | ${(process.memoryUsage().heapUsed / 1e6).toFixed(1)} |`)
    }
    const headers = new Map(
      Object.entries(authRequest(many[count % many.length] as string)).map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    )
    const get = (name: string) => headers.get(name.toLowerCase()) ?? null
    await ask(
      {
        method: 'GET',
        target: '/auth',
        headers: { get, has: (name) => headers.has(name), keys: () => headers.keys() },
      },
      {},
    )
  }
}
