import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Context } from '../contract/handler.js'
import { createGateway } from '../gateway/create-gateway.js'
import { claimHeader } from '../http/claim-header.js'
import { compose } from '../http/compose.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { principal } from '../tokens/principal.js'
import { dangerouslyTrustedHeaders, type TrustedHeadersOptions } from './trusted-headers.js'

const resource = 'https://mcp.example.com/notes/mcp'
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const alice = { 'X-User-Id': 'alice', 'X-Client-Id': 'client-1', 'X-Scopes': 'a b', 'X-Roles': 'editor,x%2Cy' }
const proxy: Context = { client: { address: '203.0.113.7', peer: '10.0.0.5' } }

async function ask(
  headers: Readonly<Record<string, string>>,
  {
    context = proxy,
    path = '/notes/mcp',
    ...options
  }: Partial<TrustedHeadersOptions> & { context?: Context; path?: string } = {},
) {
  let seen: { context: Context; headers: string[] } | undefined
  const guard = dangerouslyTrustedHeaders({ trustedProxies: ['10.0.0.0/24'], resource, ...options })
  const handle = compose([guard], (request, known) => {
    seen = { context: known, headers: [...request.headers.keys()] }
    return new Response()
  })
  const response = await handle(new Request(`https://mcp.example.com${path}`, { headers }), context)
  return { status: response.status, seen }
}

test('takes the caller from the headers of a trusted proxy, and takes them away', async () => {
  const { status, seen } = await ask({ ...alice, 'X-User-Name': 'Ad%C3%A9l', 'X-Other': '1' })
  expect(status).toBe(200)
  expect(seen?.headers).toEqual(['x-other'])
  expect(seen?.context).toMatchObject({
    resource,
    auth: {
      token: '',
      clientId: 'client-1',
      scopes: ['a', 'b'],
      extra: { subject: 'alice', roles: ['editor', 'x,y'], claims: { preferred_username: 'Adél' } },
    },
  })
})

test('takes a name with a comma, as proxies that know of claims write it, and no second header [attack 141]', async () => {
  const named = await ask({ ...alice, 'X-User-Name': claimHeader('Doe, Jane') ?? '' })
  expect(named.seen?.context.auth?.extra?.claims).toMatchObject({ preferred_username: 'Doe, Jane' })
  expect((await ask({ ...alice, 'X-User-Name': 'Doe, Jane' })).status).toBe(401)
})

test.each<[what: string, context: Context]>([
  ['another address', { client: { address: '10.0.0.5', peer: '10.0.1.5' } }],
  ['a client that forwards for the proxy', { client: { address: '10.0.0.5', peer: '203.0.113.7' } }],
  ['an IPv6 address that only contains it', { client: { peer: '64:ff9b::a00:5' } }],
])('refuses the headers from %s with 403', async (_, context) => {
  const { status, seen } = await ask(alice, { context })
  expect(status).toBe(403)
  expect(seen).toBeUndefined()
})

test.each<[what: string, context: Context]>([
  ['no address', {}],
  ['the address of the client alone', { client: { address: '10.0.0.5' } }],
])('is an error of the server where the host tells %s, and the log says how to mount', async (_, context) => {
  const lines: object[] = []
  const logger = { ...silent, error: (fields: object) => void lines.push(fields) }
  const { status, seen } = await ask(alice, { context: { ...context, logger } })
  expect(status).toBe(500)
  expect(seen).toBeUndefined()
  expect(lines).toEqual([{ reason: expect.stringContaining('toNodeHandler') }])
})

test.each<[what: string, headers: Record<string, string>]>([
  ['no user', { 'X-Client-Id': 'client-1' }],
  ['nobody', { 'X-User-Id': '-', 'X-Client-Id': '-' }],
  ['an empty user', { 'X-User-Id': '' }],
  ['a user that was sent twice', { ...alice, 'X-User-Id': 'mallory, alice' }],
  ['roles that were sent twice', { ...alice, 'X-Roles': 'user, admin' }],
  ['scopes that were sent twice', { ...alice, 'X-Scopes': 'a, admin' }],
  ['a user in a broken encoding', { ...alice, 'X-User-Id': '%zz' }],
  ['a user of an unheard-of length', { ...alice, 'X-User-Id': 'x'.repeat(2049) }],
  ['a user with the name of the client', { ...alice, 'X-User-Id': 'client-1' }],
  ['a user in another spelling', { X_User_Id: 'alice' }],
])('refuses %s with 401', async (_, headers) => {
  const { status, seen } = await ask(headers)
  expect(status).toBe(401)
  expect(seen).toBeUndefined()
})

test('takes a client that acts for itself for no user', async () => {
  const { seen } = await ask({ 'X-User-Id': '-', 'X-Client-Id': 'alice' }, { issuer: 'https://login.example.com' })
  expect(seen?.context.auth && principal(seen.context.auth)).toBe('["https://login.example.com","client:alice"]')
})

test('reads the headers that it is told, and no others', async () => {
  const headers = { userId: 'Remote-User', roles: 'Remote-Groups' }
  const { seen } = await ask({ ...alice, 'Remote-User': 'bob', 'Remote-Groups': 'staff' }, { headers })
  expect(seen?.context.auth?.extra).toMatchObject({ subject: 'bob', roles: ['staff'] })
  expect((await ask(alice, { headers })).status).toBe(401)
})

test('lets health checks through from any address, as nobody', async () => {
  const { status, seen } = await ask(alice, { path: '/health', context: {} })
  expect(status).toBe(200)
  expect(seen).toMatchObject({ headers: [] })
  expect(seen?.context.auth).toBeUndefined()
})

test.each<[what: string, options: Partial<TrustedHeadersOptions>, message: RegExp]>([
  ['no proxy', { trustedProxies: [] }, /trustedProxies is empty/],
  ['a name for a proxy', { trustedProxies: ['proxy.internal'] }, /trustedProxies has "proxy.internal"/],
  ['one header for two things', { headers: { roles: 'x-scopes' } }, /headers names .* twice/i],
])('does not start with %s', async (_, options, message) => {
  await expect(ask(alice, options)).rejects.toThrow(message)
})

test('does not start on a runtime that tells no addresses', async () => {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
  onTestFinished(() => void vi.unstubAllGlobals())
  await expect(ask(alice)).rejects.toThrow(/does not tell who is at the other end/)
})

test.each([
  ['127.0.0.1', 200],
  ['10.0.0.0/8', 403],
])('behind a real socket trusts its other end, not X-Forwarded-For: %s gives %i', async (trusted, expected) => {
  const gateway = createGateway({
    url: 'https://mcp.example.com',
    auth: dangerouslyTrustedHeaders({ trustedProxies: [trusted] }),
    servers: { '/notes/mcp': (_, { auth }) => Response.json(auth?.extra?.subject) },
    logger: silent,
  })
  const server = createServer(toNodeHandler(gateway, { trustedProxies: ['127.0.0.1'] })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const headers = { ...alice, 'X-Forwarded-For': '10.0.0.5', 'X-Real-IP': '10.0.0.5', Forwarded: 'for=10.0.0.5' }
  expect((await fetch(`${url}/notes/mcp`, { headers })).status).toBe(expected)
  expect((await fetch(`${url}/health`)).status).toBe(200)
})
