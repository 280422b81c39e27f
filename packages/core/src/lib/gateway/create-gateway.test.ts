import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Handler } from '../contract/handler.js'
import { createLogger } from '../logging/create-logger.js'
import { dpop } from '../resource-server/dpop.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createGateway } from './create-gateway.js'
import type { GatewayOptions } from './gateway-options.js'

afterEach(() => void vi.useRealTimers())

const url = 'https://mcp.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'

/** Takes the token `good`, for any of its resources. */
function authority(resources: string[] = []): Authority {
  return {
    issuer: 'https://login.example.com',
    protect: (resource) => {
      resources.push(resource)
      return {
        verifyAccessToken: async (token): Promise<AuthInfo> => {
          if (token !== 'good') throw new GatewayError('invalid_token', 'no')
          return {
            token,
            clientId: 'app',
            scopes: ['read'],
            expiresAt: Date.now() / 1000 + 60,
            extra: { subject: 'ada' },
          }
        },
      }
    },
    handle: (request) => new Response(`authority: ${new URL(request.url).pathname}`),
    match: (request) => new URL(request.url).pathname === '/token',
  }
}

const echo: Handler = (_request, context) =>
  Response.json({
    jsonrpc: '2.0',
    id: context.message?.id ?? null,
    result: { method: context.message?.method, resource: context.resource, client: context.auth?.clientId },
  })

function gateway(options: Partial<GatewayOptions> = {}): ReturnType<typeof createGateway> {
  return createGateway({ url, auth: authority(), servers: { '/notes/mcp': echo }, logger: quiet, ...options })
}

function post(path: string, headers: Record<string, string> = {}, content: string = body): Request {
  return new Request(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good', ...headers },
    body: content,
  })
}

test('a POST with a good token reaches its server with message, token and resource', async () => {
  const response = await gateway().fetch(post('/notes/mcp'))
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({
    jsonrpc: '2.0',
    id: 1,
    result: { method: 'ping', resource: 'https://mcp.example.com/notes/mcp', client: 'app' },
  })
})

test('without a token the answer is a challenge, and the body is not read', async () => {
  let pulled = 0
  const request = new Request(`${url}/notes/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: new ReadableStream(
      {
        pull: () => {
          pulled++
        },
      },
      { highWaterMark: 0 },
    ),
    duplex: 'half',
  } as RequestInit)
  const response = await gateway().fetch(request)
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toContain(
    'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/notes/mcp"',
  )
  expect(pulled).toBe(0)
})

test('the authority learns every resource at construction, as the strings that clients use', () => {
  const resources: string[] = []
  gateway({ url: 'https://mcp.example.com/gw/', auth: authority(resources), servers: { '/a/mcp': echo, '/b': echo } })
  expect(resources).toEqual(['https://mcp.example.com/gw/a/mcp', 'https://mcp.example.com/gw/b'])
})

test('metadata is served per server at its path-inserted address [R1]', async () => {
  const app = gateway({
    servers: {
      '/a': { server: echo, requiredScopes: ['a:read'], name: 'Server A' },
      '/b': { server: echo, requiredScopes: ['b:read'], scopesSupported: ['b:read', 'b:write'] },
    },
  })
  const metadata = async (path: string) =>
    (await app.fetch(new Request(`${url}/.well-known/oauth-protected-resource${path}`))).json()
  expect(await metadata('/a')).toMatchObject({
    resource: 'https://mcp.example.com/a',
    authorization_servers: ['https://login.example.com'],
    scopes_supported: ['a:read'],
    resource_name: 'Server A',
  })
  expect(await metadata('/b')).toMatchObject({
    resource: 'https://mcp.example.com/b',
    scopes_supported: ['b:read', 'b:write'],
  })
})

test('the root metadata exists with one server or by rootResource alone, else it is 404 as JSON', async () => {
  const root = (app: ReturnType<typeof createGateway>) =>
    app.fetch(new Request(`${url}/.well-known/oauth-protected-resource`))
  expect(await (await root(gateway())).json()).toMatchObject({ resource: 'https://mcp.example.com/notes/mcp' })
  const servers = { '/a': echo, '/b': echo }
  const none = await root(gateway({ servers }))
  expect([none.status, none.headers.get('content-type')]).toEqual([404, 'application/json'])
  expect(await (await root(gateway({ servers, rootResource: '/b' }))).json()).toMatchObject({
    resource: 'https://mcp.example.com/b',
  })
})

test('under a path prefix everything moves, and the well-known is inserted in front of it', async () => {
  const app = gateway({ url: 'https://mcp.example.com/gw' })
  const status = async (path: string, init?: RequestInit) => (await app.fetch(new Request(url + path, init))).status
  expect(await status('/.well-known/oauth-protected-resource/gw/notes/mcp')).toBe(200)
  expect(await status('/gw/notes/mcp')).toBe(401)
  expect(await status('/notes/mcp')).toBe(404)
  expect(await status('/gw/health')).toBe(200)
})

test('behind a proxy that ends TLS, what it says about itself changes nothing', async () => {
  const request = new Request('http://10.0.0.5:8787/notes/mcp', {
    headers: { 'X-Forwarded-Host': 'evil.com', 'X-Forwarded-Proto': 'gopher' },
  })
  expect((await gateway().fetch(request)).headers.get('www-authenticate')).toContain(
    '"https://mcp.example.com/.well-known',
  )
})

test('a scope that is missing is 403 with the scopes of the server', async () => {
  const response = await gateway({ servers: { '/a': { server: echo, requiredScopes: ['admin'] } } }).fetch(post('/a'))
  expect(response.status).toBe(403)
  expect(response.headers.get('www-authenticate')).toContain('scope="admin"')
})

test("the authority's own paths go to it, everything else is 404 as JSON", async () => {
  expect(await (await gateway().fetch(new Request(`${url}/token`))).text()).toBe('authority: /token')
  const response = await gateway().fetch(new Request(`${url}/nothing`))
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: 'not_found' })
})

test('an authority that throws is an OAuth error without details [attack 159]', async () => {
  const failing = (error: Error): Authority => ({
    ...authority(),
    handle: () => {
      throw error
    },
  })
  const broken = await gateway({ auth: failing(new Error('secret')) }).fetch(new Request(`${url}/token`))
  expect([broken.status, await broken.json()]).toEqual([
    500,
    { error: 'server_error', error_description: 'Internal error' },
  ])
  const down = await gateway({ auth: failing(new GatewayError('temporarily_unavailable', 'redis://secret')) }).fetch(
    new Request(`${url}/token`),
  )
  expect(down.status).toBe(503)
  expect(down.headers.get('retry-after')).toBe('5')
  expect(await down.json()).toMatchObject({ error: 'temporarily_unavailable' })
})

test.each([
  ['/notes/mcp', true],
  ['/notes/mcp/', true],
  ['/notes/mcp?x=y', true],
  ['/.well-known/oauth-protected-resource/notes/mcp', true],
  ['/health', true],
  ['/token', true],
  ['/notes', false],
  ['/notes/mcp/x', false],
  ['/NOTES/mcp', false],
  ['/notes%2fmcp', false],
  ['//notes/mcp', false],
  ['/notes/mcp;x', false],
  ['/notes/%6dcp', false],
  ['/', false],
])('match(%s) is %s, as is what fetch serves [attack 143]', async (path, expected) => {
  const app = gateway()
  expect(app.match(new Request(url + path))).toBe(expected)
  expect([404, 400].includes((await app.fetch(new Request(url + path))).status)).toBe(!expected)
})

test.each([
  '/notes%2fmcp',
  '//notes/mcp',
  '/notes/mcp;x',
  '/notes/%6dcp',
  '/notes/mcp%3Fx',
  '/notes/mcp%23',
  '/notes/mcp%00',
  '/notes/%256dcp',
  '/notes%5cmcp',
  '/tok%65n',
  '/.well-known/oauth-protected-resource/notes/%6dcp',
])('%s is 400: servers read it differently [finding 6, finding 13]', async (path) => {
  const response = await gateway().fetch(new Request(url + path))
  expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([400, 'invalid_request'])
})

test.each([
  '/public/..\\notes/mcp',
  '/public/../notes/mcp',
  '/public/%2e%2e/notes/mcp',
  '/notes/mcp?a\\b',
  '/notes/mcp?a#b',
  '/notes/mcp#',
  '//notes/mcp',
])('the target %s is 400 whatever the host made of it [finding 13]', async (target) => {
  const request = new Request(new URL(target.replace('//', '/'), url), { headers: { Authorization: 'Bearer good' } })
  expect((await gateway().handle(request, { target })).status).toBe(400)
  expect((await gateway().handle(new Request(`${url}/health`), { target })).status).toBe(400)
})

test('of nested servers each has its own paths and tokens alone [finding 6]', async () => {
  const reached: string[] = []
  const app = gateway({
    servers: Object.fromEntries(
      ['/tools', '/tools/admin'].map((path) => [
        path,
        () => {
          reached.push(path)
          return Response.json({ jsonrpc: '2.0', id: 1, result: {} })
        },
      ]),
    ),
    auth: {
      issuer: 'https://login.example.com',
      protect: (resource) => ({
        verifyAccessToken: async (token) => {
          if (!resource.endsWith(`/${token}`)) throw new GatewayError('invalid_token', 'for another resource')
          return { token, clientId: 'c', scopes: [], expiresAt: Number.MAX_SAFE_INTEGER }
        },
      }),
    },
  })
  const status = async (path: string) => (await app.fetch(post(path, { Authorization: 'Bearer tools' }))).status
  expect(await status('/tools')).toBe(200)
  expect(await status('/tools/admin')).toBe(401)
  for (const path of ['/tools/ADMIN', '/tools/admin/x', '/tools/x', '/tools/Admin', '/tools/admin.']) {
    expect(await status(path)).toBe(404)
  }
  for (const path of ['/tools/%61dmin', '/tools/admin%3Bx', '/tools/admin;x', '/tools//admin', '/tools%2fadmin']) {
    expect(await status(path)).toBe(400)
  }
  expect(reached).toEqual(['/tools'])
})

test('no path reaches a server but its own, whatever the path [attack 143]', async () => {
  const reached: string[] = []
  const app = gateway({
    servers: {
      '/a/mcp': (request) => {
        reached.push(request.url)
        return new Response()
      },
    },
  })
  const piece = fc.constantFrom(
    'a',
    'mcp',
    '/',
    '//',
    '.',
    '..',
    '%2f',
    '%2e',
    '%00',
    ';',
    '?',
    '#',
    '\\',
    'A',
    ' ',
    'é',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      reached.length = 0
      const request = new Request(`${url}/${pieces.join('')}`, { headers: { Authorization: 'Bearer good' } })
      await app.fetch(request)
      if (reached.length > 0) expect(['/a/mcp', '/a/mcp/']).toContain(new URL(request.url).pathname)
    }),
    { numRuns: 1000 },
  )
})

test.each<[string, Partial<GatewayOptions>, RegExp]>([
  ['a url that is none', { url: 'mcp.example.com' }, /absolute URL/],
  ['a url with a query', { url: 'https://mcp.example.com/?a' }, /query/],
  ['a url with credentials', { url: 'https://a:b@mcp.example.com' }, /credentials/],
  ['plain http on a public host', { url: 'http://mcp.example.com' }, /https/],
  ['no servers', { servers: {} }, /servers is empty/],
  ['a path without a slash', { servers: { notes: echo } }, /path/],
  ['a path with dots', { servers: { '/a/../b': echo } }, /path/],
  ['a path with a slash at its end', { servers: { '/a/': echo } }, /path/],
  ['a path with an escape', { servers: { '/a%2fb': echo } }, /path/],
  ['a path that is taken', { servers: { '/health': echo } }, /taken/],
  ['a rootResource that is no server', { rootResource: '/b' }, /rootResource/],
  ['an origin with a path', { allowedOrigins: ['https://a.example/x'] }, /allowedOrigins/],
  ['neither auth nor the danger', { auth: undefined }, /auth is missing/],
  ['no auth on a public url', { auth: undefined, dangerouslyAllowAnonymous: true }, /loopback/],
  ['limits without a store', { rateLimits: { address: { limit: 1, window: 1 } } }, /storage/],
  ['a limit that is none', { storage: memoryStorage(), rateLimits: { identity: { limit: 0, window: 1 } } }, /limit/],
  ['both auth and the danger', { dangerouslyAllowAnonymous: true }, /contradicts/],
])('%s is refused at construction', (_what, options, message) => {
  expect(() => gateway(options)).toThrow(message)
})

test('on loopback, a gateway can serve without tokens', async () => {
  const app = gateway({ url: 'http://127.0.0.1:8787', auth: undefined, dangerouslyAllowAnonymous: true })
  const headers = { 'Content-Type': 'application/json' }
  const response = await app.fetch(new Request('http://127.0.0.1:8787/notes/mcp', { method: 'POST', headers, body }))
  expect(await response.json()).toMatchObject({ result: { resource: 'http://127.0.0.1:8787/notes/mcp' } })
})

test.each([
  ['https://mcp.example.com', 'https://evil.com', 403],
  ['https://mcp.example.com', 'null', 403],
  ['https://mcp.example.com', 'http://localhost:3000', 403],
  ['https://mcp.example.com', 'https://mcp.example.com.evil.com', 403],
  ['https://mcp.example.com', 'https://mcp.example.com', 200],
  ['http://127.0.0.1:8787', 'http://localhost:3000', 200],
  ['http://127.0.0.1:8787', 'http://[::1]:1', 200],
  ['http://127.0.0.1:8787', 'http://localhost.evil.com', 403],
])('a gateway at %s answers a page of %s with %d [M2, attack 150]', async (base, origin, status) => {
  const app = gateway({ url: base })
  const response = await app.fetch(
    new Request(`${base}/notes/mcp`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good', Origin: origin },
      body,
    }),
  )
  expect(response.status).toBe(status)
  expect(response.headers.get('access-control-allow-origin')).toBe(status === 200 ? origin : null)
  expect(response.headers.get('vary')).toContain('Origin')
})

test.each([
  ['evil.com', 403],
  ['127.0.0.1.evil.com:8787', 403],
  ['localhost:9', 200],
  ['[::1]:8787', 200],
])('on loopback, Host %s is %d (DNS rebinding) [attack 150]', async (name, status) => {
  const request = new Request('http://127.0.0.1:8787/notes/mcp', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good' },
    body,
  })
  const headers = new Headers(request.headers)
  Object.defineProperty(request, 'headers', { value: headers })
  headers.get = (key) => (key.toLowerCase() === 'host' ? name : Headers.prototype.get.call(headers, key))
  expect((await gateway({ url: 'http://127.0.0.1:8787' }).fetch(request)).status).toBe(status)
})

test('a preflight needs no token, and errors carry the same headers as successes [attack 151, attack 154, attack 155]', async () => {
  const origin = 'https://app.example.com'
  const app = gateway({ allowedOrigins: [origin] })
  const preflight = await app.fetch(
    new Request(`${url}/notes/mcp`, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization, mcp-param-city, x-evil',
      },
    }),
  )
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
  const allowed = preflight.headers.get('access-control-allow-headers')
  for (const name of [
    'authorization',
    'content-type',
    'dpop',
    'mcp-protocol-version',
    'mcp-method',
    'mcp-name',
    'mcp-session-id',
    'last-event-id',
    'mcp-param-city',
  ]) {
    expect(allowed).toContain(name)
  }
  expect(allowed).not.toContain('x-evil')
  expect(preflight.headers.has('access-control-allow-credentials')).toBe(false)
  const refused = await app.fetch(post('/notes/mcp', { Origin: origin, Authorization: 'Bearer bad' }))
  expect(refused.status).toBe(401)
  expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
  expect(refused.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
  const failed = await gateway({
    allowedOrigins: [origin],
    servers: {
      '/x': () => {
        throw new Error('x')
      },
    },
  }).fetch(post('/x', { Origin: origin }))
  expect([failed.status, failed.headers.get('access-control-allow-origin')]).toEqual([500, origin])
})

test('the own origin is known as browsers write it, the resource as it was configured', async () => {
  const app = gateway({ url: 'https://MCP.example.com:443' })
  const response = await app.fetch(post('/notes/mcp', { Origin: 'https://mcp.example.com' }))
  expect(await response.json()).toMatchObject({ result: { resource: 'https://MCP.example.com:443/notes/mcp' } })
})

test('a preflight of a foreign origin is refused, and OPTIONS without one is no preflight', async () => {
  const headers = { Origin: 'https://evil.com', 'Access-Control-Request-Method': 'POST' }
  const foreign = await gateway().fetch(new Request(`${url}/notes/mcp`, { method: 'OPTIONS', headers }))
  expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null])
  expect((await gateway().fetch(new Request(`${url}/notes/mcp`, { method: 'OPTIONS' }))).status).toBe(405)
})

test.each<[string, Error, number]>([
  ['an unknown error', new Error('secret at /srv'), 500],
  ['storage that is down', new GatewayError('temporarily_unavailable', 'redis://secret'), 503],
  ['a server behind that fails', new GatewayError('outbound_refused', 'http://secret'), 502],
])('%s becomes one JSON-RPC error with the id and nothing else [attack 159]', async (_what, error, status) => {
  const lines: string[] = []
  const app = gateway({
    servers: { '/x': () => Promise.reject(error) },
    logger: createLogger({ write: (line) => lines.push(line) }),
  })
  const response = await app.fetch(post('/x', { 'X-Request-Id': 'request-0001' }))
  expect(response.status).toBe(status)
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({
    id: 1,
    error: { code: -31000 - status, data: { requestId: 'request-0001' } },
  })
  expect(text).not.toContain('secret')
  expect(lines.join()).toContain('request-0001')
})

test('the request id of a proxy in front is kept if it is one, and is in the answer', async () => {
  const given = await gateway().fetch(post('/notes/mcp', { 'X-Request-Id': 'abc-123-def' }))
  expect(given.headers.get('x-request-id')).toBe('abc-123-def')
  const forged = await gateway().fetch(post('/notes/mcp', { 'X-Request-Id': 'a b"}' }))
  expect(forged.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
})

test('/health is alive whatever else; /ready names what fails, not why', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  let fails = true
  const readiness = {
    issuer: async () => undefined,
    database: async () => {
      if (fails) throw new Error('secret')
    },
  }
  const app = gateway({ readiness, storage: memoryStorage() })
  const get = (path: string) => app.fetch(new Request(url + path))
  expect((await get('/health')).status).toBe(200)
  const unready = await get('/ready')
  expect(unready.status).toBe(503)
  expect(await unready.json()).toEqual({
    status: 'unavailable',
    checks: { storage: 'ok', issuer: 'ok', database: 'failed' },
  })
  fails = false
  expect((await get('/ready')).status).toBe(503)
  vi.advanceTimersByTime(2000)
  expect((await get('/ready')).status).toBe(200)
  expect((await app.fetch(new Request(`${url}/health`, { method: 'POST' }))).status).toBe(405)
})

test('close refuses new requests, waits for those under way, then closes what it holds', async () => {
  const order: string[] = []
  let finish = () => {}
  const app = gateway({
    auth: { ...authority(), close: async () => void order.push('authority') },
    servers: {
      '/x': {
        fetch: async () => new Response(),
        handle: () =>
          new Promise((resolve) => {
            finish = () => {
              order.push('answer')
              resolve(new Response('done'))
            }
          }),
        close: async () => void order.push('server'),
      },
    },
  })
  const pending = app.fetch(post('/x'))
  await new Promise((resolve) => setTimeout(resolve, 5))
  const closed = app.close()
  const refused = await app.fetch(post('/x'))
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
  const unready = await app.fetch(new Request(`${url}/ready`))
  expect([unready.status, await unready.json()]).toEqual([503, { status: 'closing' }])
  expect((await app.fetch(new Request(`${url}/health`))).status).toBe(200)
  expect(order).toEqual([])
  finish()
  expect(await (await pending).text()).toBe('done')
  await closed
  expect(order).toEqual(['answer', 'server', 'authority'])
})

test('close waits for the stream of a POST, and not for that of a GET', async () => {
  const streams: ReadableStreamDefaultController[] = []
  const close = vi.fn(async () => {})
  const app = gateway({
    servers: {
      '/x': {
        fetch: async () => new Response(),
        handle: () => new Response(new ReadableStream({ start: (controller) => void streams.push(controller) })),
        close,
      },
    },
  })
  const headers = { Authorization: 'Bearer good' }
  const get = await app.fetch(new Request(`${url}/x`, { headers }))
  const left = await app.fetch(post('/x'))
  const read = await app.fetch(post('/x'))
  const closed = app.close()
  await left.body?.cancel()
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(close).not.toHaveBeenCalled()
  streams[2]?.close()
  expect(await read.text()).toBe('')
  await closed
  expect(close).toHaveBeenCalledOnce()
  await get.body?.cancel()
})

test('close waits no longer than the deadline', async () => {
  const close = vi.fn(async () => {})
  const app = gateway({
    drainTimeout: 0.02,
    servers: { '/x': { fetch: async () => new Response(), handle: () => new Promise(() => {}), close } },
  })
  void app.fetch(post('/x'))
  await app.close()
  expect(close).toHaveBeenCalledOnce()
})

test('limits by address stand before the token check, those by identity behind it [attack 158]', async () => {
  const window = 3600
  const app = gateway({
    storage: memoryStorage(),
    addressHeader: 'cf-connecting-ip',
    rateLimits: { address: { limit: 3, window }, identity: { limit: 1, window } },
  })
  const status = async (address: string, token: string) =>
    (await app.fetch(post('/notes/mcp', { 'CF-Connecting-IP': address, Authorization: `Bearer ${token}` }))).status
  expect(await status('192.0.2.1', 'bad')).toBe(401)
  expect(await status('192.0.2.1', 'good')).toBe(200)
  expect(await status('192.0.2.1', 'good')).toBe(429)
  expect(await status('192.0.2.1', 'bad')).toBe(429)
  expect(await status('192.0.2.2', 'good')).toBe(429)
  expect(await status('192.0.2.2', 'bad')).toBe(401)
})

test('a limit by address on a host that tells none fails, and the log says what to change', async () => {
  const lines: string[] = []
  const app = gateway({
    storage: memoryStorage(),
    rateLimits: { address: { limit: 1, window: 60 } },
    logger: createLogger({ write: (line) => lines.push(line) }),
  })
  expect((await app.fetch(post('/notes/mcp'))).status).toBe(500)
  expect(lines.join()).toContain('addressHeader')
})

test('a broader scope covers the one a server needs, as the hierarchy says [R4]', async () => {
  const server = { server: echo, requiredScopes: ['browse'] }
  const without = gateway({ servers: { '/notes/mcp': server } })
  const within = gateway({ servers: { '/notes/mcp': { ...server, scopeHierarchy: { read: ['browse'] } } } })
  expect((await without.fetch(post('/notes/mcp'))).status).toBe(403)
  expect((await within.fetch(post('/notes/mcp'))).status).toBe(200)
})

test('a server with DPoP says so in its challenge and its metadata [attack 138]', async () => {
  const bound = dpop({ storage: memoryStorage(), required: true, algorithms: ['ES256'] })
  const app = gateway({ servers: { '/notes/mcp': { server: echo, dpop: bound } } })
  const refused = await app.fetch(post('/notes/mcp'))
  expect(refused.status).toBe(401)
  expect(refused.headers.get('WWW-Authenticate')).toMatch(/DPoP .*algs="ES256"/)
  const metadata = await app.fetch(new Request(`${url}/.well-known/oauth-protected-resource/notes/mcp`))
  expect(await metadata.json()).toMatchObject({
    dpop_signing_alg_values_supported: ['ES256'],
    dpop_bound_access_tokens_required: true,
  })
})
