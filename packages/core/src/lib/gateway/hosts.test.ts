import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { Hono } from 'hono'
import { afterEach, expect, test } from 'vitest'
import type { Authority } from '../contract/authority.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Handler } from '../contract/handler.js'
import { createLogger } from '../logging/create-logger.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createGateway, type Gateway } from './create-gateway.js'
import type { GatewayOptions } from './gateway-options.js'

const url = 'https://mcp.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

const tokenFor = (resource: string) => Buffer.from(resource).toString('base64url')

const authority: Authority = {
  issuer: 'https://login.example.com',
  protect: (resource) => ({
    verifyAccessToken: async (token) => {
      if (token !== tokenFor(resource)) throw new GatewayError('invalid_token', 'for another resource')
      return { token, clientId: 'c', scopes: [], expiresAt: Number.MAX_SAFE_INTEGER }
    },
  }),
}

const told: Handler = (_request, { resource }) => new Response(resource)

function make(options: Partial<GatewayOptions>): Gateway {
  return createGateway({ url, auth: authority, servers: { '/mcp': told }, logger: quiet, ...options })
}

function get(target: string, headers: Record<string, string> = {}): Request {
  return new Request(target, { headers })
}

/** As a token for this resource opens it. */
async function opened(gateway: Gateway, target: string, resource: string): Promise<string> {
  const answer = await gateway.fetch(get(target, { Authorization: `Bearer ${tokenFor(resource)}` }))
  return answer.ok ? answer.text() : `${answer.status}`
}

const openServer = { server: told, dangerouslyAllowAnonymous: true }

test('servers on several hosts have resources, metadata and challenges of their own hosts', async () => {
  const gateway = make({ servers: { '/mcp': told, 'https://notes.example.com/mcp': told } })
  for (const host of ['mcp.example.com', 'notes.example.com']) {
    const resource = `https://${host}/mcp`
    expect(await opened(gateway, resource, resource)).toBe(resource)
    const refused = await gateway.fetch(get(resource))
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining(`resource_metadata="https://${host}/.well-known/oauth-protected-resource/mcp"`),
    ])
    for (const path of ['/mcp', '']) {
      const metadata = await gateway.fetch(get(`https://${host}/.well-known/oauth-protected-resource${path}`))
      expect(await metadata.json()).toMatchObject({ resource })
    }
    // Pages of one host are foreign to the other
    const other = host === 'mcp.example.com' ? 'https://notes.example.com' : url
    expect((await gateway.fetch(get(resource, { Origin: other }))).status).toBe(403)
  }
  const stolen = await gateway.fetch(
    get('https://notes.example.com/mcp', { Authorization: `Bearer ${tokenFor(`${url}/mcp`)}` }),
  )
  expect(stolen.status).toBe(401)
})

test.each([
  ['notes.example.com', 'https://notes.example.com/mcp'],
  ['NOTES.example.COM', 'https://notes.example.com/mcp'],
  ['notes.example.com:443', 'https://notes.example.com/mcp'],
  ['notes.example.com:80', 'https://notes.example.com/mcp'],
  ['xn--bcher-kva.example', 'https://xn--bcher-kva.example/mcp'],
  ['[2001:db8::1]:8443', 'https://[2001:db8::1]:8443/mcp'],
  ['[2001:0db8:0::1]:8443', 'https://[2001:db8::1]:8443/mcp'],
  ['[2001:db8::1]', 'https://[2001:db8::1]:8443/mcp'],
  ['mcp.example.com', 'https://mcp.example.com/mcp'],
])('the Host %s is that of %s', async (host, resource) => {
  const hosts = ['https://notes.example.com', 'https://xn--bcher-kva.example', 'https://[2001:db8::1]:8443']
  const gateway = make({ servers: { '/mcp': told, ...Object.fromEntries(hosts.map((one) => [`${one}/mcp`, told])) } })
  const request = get('http://internal/mcp', { Host: host, Authorization: `Bearer ${tokenFor(resource)}` })
  expect(gateway.match(request)).toBe(true)
  expect(await (await gateway.fetch(request)).text()).toBe(resource)
})

test('a path of several hosts is 421 where the request names none of them, and what proxies say counts for nothing', async () => {
  const gateway = make({ servers: { '/mcp': told, '/one': told, 'https://notes.example.com/mcp': told } })
  const forwarded = { 'X-Forwarded-Host': 'notes.example.com', Forwarded: 'host=notes.example.com' }
  expect((await gateway.fetch(get('http://10.0.0.1:3000/mcp', forwarded))).status).toBe(421)
  expect(await opened(gateway, 'http://10.0.0.1:3000/one', `${url}/one`)).toBe(`${url}/one`)
  expect((await gateway.fetch(get(`${url}/other`))).status).toBe(404)
  expect((await gateway.fetch(get('https://notes.example.com/one'))).status).toBe(404)
})

test('two gateways in one application do not answer for each other', async () => {
  const [a, b] = ['a', 'b'].map((name) => make({ url: `https://${name}.example.com` })) as [Gateway, Gateway]
  for (const path of ['/mcp', '/health', '/ready', '/.well-known/oauth-protected-resource/mcp']) {
    expect([a.match(get(`https://a.example.com${path}`)), a.match(get(`https://b.example.com${path}`))]).toEqual([
      true,
      false,
    ])
    expect(b.match(get(`https://b.example.com${path}`))).toBe(true)
  }
  expect(a.match(get('https://a.example.com:8443/mcp'))).toBe(false)
  // Names that no gateway has for its public one: of this machine, of a network, of what an orchestrator asks
  for (const host of ['127.0.0.1:3000', 'localhost', '[::1]:3000', 'backend:3000', '10.1.2.3']) {
    expect(a.match(get(`http://${host}/health`))).toBe(true)
  }
})

test('a public name that a proxy writes into Host is told once, and allowedHosts takes it', () => {
  const lines: string[] = []
  const logger = createLogger({ write: (line) => lines.push(line) })
  const gateway = make({ logger })
  expect([1, 2].map(() => gateway.match(get('http://app.internal.example:3000/mcp')))).toEqual([false, false])
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 'info',
      host: 'app.internal.example:3000',
      path: '/mcp',
      message: expect.stringContaining('allowedHosts'),
    },
  ])
  const named = make({ allowedHosts: ['mcp.example.com', 'app.internal.example'] })
  expect(named.match(get('http://app.internal.example:3000/mcp'))).toBe(true)
})

test.each([
  ['https://mcp.example.com', '/', 'https://mcp.example.com/', '/.well-known/oauth-protected-resource'],
  ['https://mcp.example.com/', '/', 'https://mcp.example.com/', '/.well-known/oauth-protected-resource'],
  ['https://mcp.example.com/a', '/', 'https://mcp.example.com/a', '/.well-known/oauth-protected-resource/a'],
  [url, 'https://root.example.com', 'https://root.example.com', '/.well-known/oauth-protected-resource'],
])('at %s the key %s is the resource %s', async (base, key, resource, path) => {
  const gateway = make({ url: base, servers: { [key]: told } })
  expect(await opened(gateway, resource, resource)).toBe(resource)
  expect(await (await gateway.fetch(get(new URL(path, resource).href))).json()).toMatchObject({ resource })
  expect((await gateway.fetch(get(new URL('/other', resource).href))).status).toBe(404)
})

test('a server that is open to all stands beside guarded ones, without metadata', async () => {
  const limits = { storage: memoryStorage(), rateLimits: { address: { limit: 1, window: 60 } } }
  const gateway = make({ servers: { '/mcp': told, '/open': openServer }, ...limits })
  const ask = async (path: string) => {
    const answer = await gateway.handle(get(url + path), { client: { address: '192.0.2.1' } })
    return answer.status
  }
  expect([await ask('/open'), await ask('/open')]).toEqual([200, 429])
  expect((await gateway.handle(get(`${url}/mcp`), { client: { address: '192.0.2.2' } })).status).toBe(401)
  expect((await gateway.fetch(get(`${url}/.well-known/oauth-protected-resource/open`))).status).toBe(404)
  expect(() => make({ auth: undefined, servers: { '/open': openServer }, ...limits })).not.toThrow()
})

test.each<[string, Partial<GatewayOptions>, RegExp]>([
  ['an open server on a public URL without limits', { servers: { '/a': openServer } }, /\/a .*rateLimits\.address/],
  [
    'an open server with scopes',
    { servers: { '/a': { ...openServer, requiredScopes: ['x'] } } },
    /requiredScopes.*contradicts/,
  ],
  ['a guarded server without auth', { auth: undefined, servers: { '/a': told } }, /auth is missing/],
  ['an open rootResource', { url: 'http://127.0.0.1:1', servers: { '/a': openServer }, rootResource: '/a' }, /token/],
  ['plain http on a public host', { servers: { 'http://notes.example.com/mcp': told } }, /https/],
  ['a host twice', { servers: { '/mcp': told, 'https://MCP.example.com:443/mcp': told } }, /\/mcp is taken/],
  ['a slash at the end', { servers: { 'https://notes.example.com/mcp/': told } }, /slash at its end/],
  ['a query', { servers: { 'https://notes.example.com/mcp?a': told } }, /query/],
  ['an international name as people write it', { url: 'https://b\u00fccher.example' }, /xn--bcher-kva\.example/],
  ['two claims on the root metadata', { servers: { '/': told, '/a': told }, rootResource: '/a' }, /rootResource/],
  ['an issuer of plain http', { auth: { issuer: 'http://login.example.com' } }, /issuer/],
])('%s is refused at construction', (_what, options, message) => {
  expect(() => make(options)).toThrow(message)
})

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Asks with a Host that `fetch` does not let one write. */
async function ask(server: Server, path: string, host = 'mcp.example.com'): Promise<number> {
  if (!server.listening) {
    servers.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
  }
  const { port } = server.address() as AddressInfo
  const [answer] = await once(httpRequest({ port, host: '127.0.0.1', path, headers: { host } }).end(), 'response')
  answer.resume()
  return answer.statusCode
}

function logged(options: Partial<GatewayOptions> = {}): { gateway: Gateway; warnings: Record<string, unknown>[] } {
  const warnings: Record<string, unknown>[] = []
  const logger = createLogger({ level: 'warn', write: (line) => warnings.push(JSON.parse(line)) })
  return { gateway: make({ ...options, logger }), warnings }
}

test('below a prefix that the url lacks, Express and Hono get one line that says what to change', async () => {
  const inExpress = logged()
  const app = express().use('/api', toNodeHandler(inExpress.gateway) as never)
  const server = createServer(app)
  expect([await ask(server, '/api/mcp'), await ask(server, '/api/mcp')]).toEqual([404, 404])
  const inHono = logged()
  const hono = new Hono().basePath('/api').all('*', (c) => inHono.gateway.fetch(c.req.raw))
  for (const _ of [1, 2]) expect((await hono.request(`${url}/api/mcp`)).status).toBe(404)
  for (const { warnings } of [inExpress, inHono]) {
    expect(warnings).toMatchObject([{ mount: '/api', message: expect.stringContaining('url must end in /api') }])
  }
  // With the prefix in its URL it is found
  const right = new Hono().basePath('/api').all('*', (c) => make({ url: `${url}/api` }).fetch(c.req.raw))
  expect((await right.request(`${url}/api/mcp`)).status).toBe(401)
})

test('a host that takes the prefix away is told once', async () => {
  const { gateway, warnings } = logged({ url: `${url}/api` })
  const hono = new Hono().mount('/api', gateway.fetch)
  expect((await hono.request(`${url}/api/mcp`)).status).toBe(404)
  expect(warnings).toMatchObject([{ prefix: '/api', message: expect.stringContaining('the whole path') }])
})

test('paths that clients try for metadata are no sign of a wrong mount', async () => {
  const { gateway, warnings } = logged()
  await gateway.fetch(get(`${url}/.well-known/oauth-authorization-server/mcp`))
  expect(warnings).toEqual([])
})

test('in Hono, in Express and in front of it the application keeps its own 404', async () => {
  const gateway = make({})
  const hono = new Hono()
  hono.use('*', (c, next) => (gateway.match(c.req.raw) ? gateway.fetch(c.req.raw) : next()) as never)
  hono.notFound((c) => c.text('no such page', 404))
  expect(await (await hono.request(`${url}/login`)).text()).toBe('no such page')
  expect((await hono.request(`${url}/mcp`)).status).toBe(401)
  const app = express().use((_request, response) => void response.status(410).end())
  const server = createServer(toNodeHandler(gateway, { next: app }))
  expect([await ask(server, '/login'), await ask(server, '/mcp'), await ask(server, '/mcp', 'b.example.com')]).toEqual([
    410, 401, 410,
  ])
})
