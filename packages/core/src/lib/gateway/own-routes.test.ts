import { expect, test } from 'vitest'
import type { Authority } from '../contract/authority.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { RequestRecord } from '../contract/request-record.js'
import { mountable } from '../http/mountable.js'
import { createLogger } from '../logging/create-logger.js'
import { createGateway, type Gateway } from './create-gateway.js'
import type { GatewayOptions } from './gateway-options.js'

const url = 'https://mcp.example.com'
const host = 'mcp.example.com'
const authority: Authority = {
  issuer: url,
  protect: (resource) => ({
    verifyAccessToken: async (token) => {
      if (!resource.endsWith(`/${token}`)) throw new GatewayError('invalid_token', 'for another resource')
      return { token, clientId: 'c', scopes: ['read'], expiresAt: Number.MAX_SAFE_INTEGER, extra: { subject: 'ada' } }
    },
  }),
  handle: () => new Response('authority'),
  match: (request) => new URL(request.url).pathname.startsWith('/token'),
  paths: () => [{ host, path: '/token', match: 'prefix' }],
}
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const text = (words: string) => () => new Response(words)

function make(routes: GatewayOptions['routes'], options: Partial<GatewayOptions> = {}): Gateway {
  return createGateway({ url, auth: authority, servers: { '/mcp': text('server') }, logger: quiet, ...options, routes })
}

async function ask(gateway: Gateway, path: string, headers: Record<string, string> = {}): Promise<number | string> {
  const answer = await gateway.fetch(new Request(url + path, { headers }))
  return answer.ok ? answer.text() : answer.status
}

const token = (name: string) => ({ Authorization: `Bearer ${name}` })

test('a route needs a token that was issued for it, and has metadata of its own', async () => {
  const gateway = make({ '/metrics': text('metrics') })
  expect(await ask(gateway, '/metrics')).toBe(401)
  expect(await ask(gateway, '/metrics', token('mcp'))).toBe(401)
  expect(await ask(gateway, '/metrics', token('metrics'))).toBe('metrics')
  expect(await ask(gateway, '/metrics/', token('metrics'))).toBe('metrics')
  expect(await ask(gateway, '/metrics/x', token('metrics'))).toBe(404)
  expect(JSON.parse(`${await ask(gateway, '/.well-known/oauth-protected-resource/metrics')}`)).toMatchObject({
    resource: `${url}/metrics`,
  })
  // One server is still the one that the root speaks of
  expect(JSON.parse(`${await ask(gateway, '/.well-known/oauth-protected-resource')}`)).toMatchObject({
    resource: `${url}/mcp`,
  })
})

test('scopes, a guard of its own, or none at all', async () => {
  const gateway = make({
    '/scoped': { handle: text('scoped'), requiredScopes: ['operate'] },
    '/keyed': {
      handle: text('keyed'),
      guard: (request, context, next) =>
        request.headers.get('x-key') === 'k' ? next(request, context) : new Response(null, { status: 403 }),
    },
    '/open': { handle: text('open'), dangerouslyAllowAnonymous: true },
  })
  expect([await ask(gateway, '/scoped', token('scoped')), await ask(gateway, '/keyed', token('keyed'))]).toEqual([
    403, 403,
  ])
  expect([await ask(gateway, '/keyed', { 'x-key': 'k' }), await ask(gateway, '/open')]).toEqual(['keyed', 'open'])
  expect(await ask(gateway, '/open', { Origin: 'https://evil.example.com' })).toBe(403)
  expect(await ask(gateway, '/.well-known/oauth-protected-resource/open')).toBe(404)
})

test('everything below a path goes to a piece that knows its own paths', async () => {
  const keys = {
    ...mountable({ handle: (request: Request) => new Response(new URL(request.url).pathname) }),
    match: (request: Request) => /^\/keys(\/\d+)?$/.test(new URL(request.url).pathname),
    check: () => Promise.reject(new Error('down')),
  }
  const gateway = make({ '/keys/*': { handle: keys, dangerouslyAllowAnonymous: true } })
  expect(await Promise.all(['/keys', '/keys/7', '/keys/x', '/keyring'].map((path) => ask(gateway, path)))).toEqual([
    '/keys',
    '/keys/7',
    404,
    404,
  ])
  expect(await ask(gateway, '/keys%2f7')).toBe(400)
  expect(gateway.paths()).toContainEqual({ host, path: '/keys', match: 'prefix', kind: 'route' })
  expect(JSON.parse(`${await ask(gateway, '/ready')}`)).toMatchObject({
    status: 'degraded',
    checks: { '/keys/*': 'failed' },
  })
})

test('what it throws is one answer, and it is in the log and the record as everything is', async () => {
  const lines: string[] = []
  const records: RequestRecord[] = []
  const broken = () => {
    throw new Error('secret')
  }
  const gateway = make(
    { '/broken': { handle: broken, dangerouslyAllowAnonymous: true } },
    { logger: createLogger({ write: (line) => lines.push(line) }), observe: (record) => records.push(record) },
  )
  expect(await ask(gateway, '/broken')).toBe(500)
  expect(records).toMatchObject([{ route: { kind: 'route', path: '/broken' }, status: 500, decision: 'error' }])
  expect(lines.map((line) => JSON.parse(line)).at(-1)).toMatchObject({
    message: 'request',
    path: '/broken',
    status: 500,
  })
})

test.each<[string, GatewayOptions['routes'], RegExp, Partial<GatewayOptions>?]>([
  ['a server', { '/mcp': text('') }, /\/mcp/],
  ['a server below', { '/a/*': text('') }, /\/a\/mcp/, { servers: { '/a/mcp': text('') } }],
  ['the authority', { '/token': text('') }, /\/token .*authorization server/],
  ['what the authority has below', { '/token/x': text('') }, /\/token/],
  ['a probe', { '/health': text('') }, /\/health/],
  ['metadata', { '/.well-known/*': text('') }, /well-known/],
  ['another route', { '/a/*': text(''), '/a/b': text('') }, /\/a/],
  ['the vault', { '/connect/x': text('') }, /\/connect/, { vault: vault() }],
])('a route at a path of %s is refused at construction', (_what, routes, message, options = {}) => {
  expect(() => make(routes, options)).toThrow(message)
})

function vault(): NonNullable<GatewayOptions['vault']> {
  return {
    ...mountable({ handle: text('') }),
    match: () => false,
    paths: () => [{ host, path: '/connect', match: 'prefix' }],
  }
}

test.each<[string, NonNullable<GatewayOptions['routes']>[string], RegExp]>([
  ['two ways to check', { handle: text(''), requiredScopes: ['a'], dangerouslyAllowAnonymous: true }, /keep one/],
  ['no handler', { handle: 'x' as never }, /handle/],
  ['no function', 'x' as never, /routes/],
])('a route with %s is refused at construction', (_what, route, message) => {
  expect(() => make({ '/a': route })).toThrow(message)
})

test('without auth a route needs a guard or says that it is open', () => {
  const loopback = { url: 'http://127.0.0.1:8787', auth: undefined }
  const open = { servers: { '/mcp': { server: text(''), dangerouslyAllowAnonymous: true } } }
  expect(() => make({ '/a': text('') }, { ...loopback, ...open })).toThrow(/routes: \/a needs a token/)
  expect(() => make({ '/a': text('') }, { ...loopback, dangerouslyAllowAnonymous: true })).not.toThrow()
})
