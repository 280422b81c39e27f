import type { Handler } from '@mcp-gateway/core'
import { createGateway, type Gateway, type GatewayOptions } from '@mcp-gateway/core/gateway'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { expect, test } from 'vitest'
import { type AuthorizationServer, createAuthorizationServer } from './authorization-server.js'
import { devLogin } from './identity-providers/dev-login.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

function ownServer(issuer: string): AuthorizationServer {
  return createAuthorizationServer({ issuer, storage: memoryStorage(), identityProvider: devLogin(), logger: quiet })
}

const told: Handler = (_request, { resource }) => new Response(resource)

function make(options: Pick<GatewayOptions, 'url' | 'auth' | 'servers'>): Gateway {
  return createGateway({ ...options, logger: quiet })
}

const get = (target: string) => new Request(target)

const loopback = 'http://127.0.0.1:8787'

test.each(['/token', '/authorize', '/jwks', '/register', '/register/x', '/.well-known/oauth-authorization-server'])(
  'a server at %s is refused: the authorization server needs it',
  (path) => {
    const options = { url: loopback, auth: ownServer(loopback) }
    expect(() => make({ ...options, servers: { [path]: told } })).toThrow(`the path ${path} is`)
  },
)

test('with a path of its own, an issuer keeps out of the way of servers and of the application', () => {
  const gateway = make({ url: `${loopback}/x`, auth: ownServer(`${loopback}/x/auth`), servers: { '/token': told } })
  for (const path of ['/login', '/register', '/health', '/token'])
    expect(gateway.match(get(loopback + path))).toBe(false)
  for (const path of ['/x/auth/login', '/x/health', '/x/token']) expect(gateway.match(get(loopback + path))).toBe(true)
})

test('paths lists what a gateway answers, and it answers what is listed', () => {
  const gateway = make({
    url: loopback,
    auth: ownServer(loopback),
    servers: { '/mcp': told, 'https://notes.example.com/mcp': told },
  })
  const paths = gateway.paths()
  const host = '127.0.0.1:8787'
  expect(paths).toEqual(
    expect.arrayContaining([
      { host, path: '/mcp', match: 'exact', kind: 'server' },
      { host: 'notes.example.com', path: '/mcp', match: 'exact', kind: 'server' },
      { host, path: '/.well-known/oauth-protected-resource/mcp', match: 'exact', kind: 'metadata' },
      { host, path: '/ready', match: 'exact', kind: 'health' },
      { host, path: '/login', match: 'exact', kind: 'authority' },
      { host, path: '/register', match: 'prefix', kind: 'authority' },
    ]),
  )
  for (const { host, path } of paths) expect([path, gateway.match(get(`http://${host}${path}`))]).toEqual([path, true])
})
