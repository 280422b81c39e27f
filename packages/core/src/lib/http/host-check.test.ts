import { expect, test } from 'vitest'

import { createGateway } from '../gateway/create-gateway.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { issuerAuthority } from '../tokens/issuer-authority.js'
import { createVault } from '../vault/create-vault.js'
import type { VaultOptions } from '../vault/vault-options.js'
import { hostCheck } from './host-check.js'

const at = (host: string, path = '/') => new Request(`http://127.0.0.1:8787${path}`, { headers: { host } })
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** What a page that rebinds its own name to this machine can put into Host, and what else is not ours. */
const foreign = [
  'evil.example.com',
  'evil.example.com:8787',
  '127.0.0.1.evil.example.com:8787',
  'localhost.evil.example.com',
  'localhost.',
  'evil@127.0.0.1',
  '127.0.0.1:8787:80',
  '127.0.0.1, evil.example.com',
  '0.0.0.0:8787',
  '2130706433',
  '::1',
]

test.each(foreign)('a piece on loopback is not served to Host %j [finding 19]', (host) => {
  expect(hostCheck(['http://127.0.0.1:8787'])(at(host))).toBe(false)
})

test.each(['localhost:8787', 'LOCALHOST', '127.0.0.1:1', '[::1]:8787', '[::1]'])(
  'a piece on loopback is served to Host %j [finding 19]',
  (host) => {
    expect(hostCheck(['http://127.0.0.1:8787'])(at(host))).toBe(true)
  },
)

test('a URL of its own and one on loopback: both hosts and no other [finding 19]', () => {
  const isServed = hostCheck(['https://mcp.example.com', 'http://127.0.0.2:8787'])
  const hosts = ['mcp.example.com', '127.0.0.2:8787', 'localhost', 'evil.example.com']
  expect(hosts.map((host) => isServed(at(host)))).toEqual([true, true, true, false])
})

test('public URLs leave names to the proxy in front, unless allowedHosts says who is served [finding 19]', () => {
  expect(hostCheck(['https://mcp.example.com'])(at('10.0.0.7:3000'))).toBe(true)
  const isServed = hostCheck(['http://127.0.0.1:8787'], ['Box.local', 'loopback'])
  expect(['box.local:8787', 'localhost', 'evil.example.com'].map((host) => isServed(at(host)))).toEqual([
    true,
    true,
    false,
  ])
})

test('a forwarded header changes nothing, and without Host, or with an empty one, the address of the request counts [finding 19]', () => {
  const isServed = hostCheck(['http://127.0.0.1:8787'])
  const forwarded = { host: 'evil.example.com', 'x-forwarded-host': '127.0.0.1', forwarded: 'host=localhost' }
  expect(isServed(new Request('http://127.0.0.1:8787/', { headers: forwarded }))).toBe(false)
  expect(isServed(new Request('http://127.0.0.1:8787/'))).toBe(true)
  expect(isServed(new Request('http://evil.example.com/'))).toBe(false)
  expect(isServed(new Request('http://127.0.0.1:8787/', { headers: { host: '' } }))).toBe(true)
  expect(isServed(new Request('http://evil.example.com/', { headers: { host: '' } }))).toBe(false)
})

const url = 'http://127.0.0.1:8787'
const vaultOptions: VaultOptions = {
  url: `${url}/connect`,
  storage: memoryStorage(),
  signIn: { issuer: 'https://login.example.com', clientId: 'vault' },
  upstreams: { wiki: { issuer: 'https://wiki.example.com', clientId: 'gateway', scope: 'read' } },
}

test.each([
  '/connect',
  '/connect/wiki',
  '/connect/wiki/callback?state=x',
  '/connect/sign-in/callback',
  '/connect/none',
])('a vault on loopback shows %s to its own names alone [finding 19]', async (path) => {
  const vault = createVault(vaultOptions)
  const refused = await vault.fetch(at('evil.example.com:8787', path))
  expect([refused.status, refused.headers.get('location'), refused.headers.getSetCookie()]).toEqual([403, null, []])
  const named = createVault({ ...vaultOptions, allowedHosts: ['evil.example.com'] })
  expect((await named.fetch(at('evil.example.com:8787', '/connect/none/none/none'))).status).toBe(404)
})

test('a gateway on loopback gives neither metadata nor endpoints of its authority to a foreign host [finding 19]', async () => {
  const authority = { ...issuerAuthority({ issuer: url }), handle: () => new Response('authority'), match: () => true }
  const paths = ['/.well-known/oauth-protected-resource/mcp', '/.well-known/oauth-protected-resource', '/authorize']
  const options = { url, auth: authority, servers: { '/mcp': () => new Response() }, logger: quiet }
  for (const path of paths) {
    expect((await createGateway(options).fetch(at('evil.example.com:8787', path))).status).toBe(403)
    expect((await createGateway(options).fetch(at('localhost:8787', path))).status).toBe(200)
    const named = createGateway({ ...options, allowedHosts: ['box.local'] })
    expect((await named.fetch(at('box.local', path))).status).toBe(200)
  }
})

test('the hosts that a public gateway is told do not lock its issuer out [finding 19]', async () => {
  const issuer = 'https://login.example.com'
  const authority = { ...issuerAuthority({ issuer }), handle: () => new Response('authority'), match: () => true }
  const gateway = createGateway({
    url: 'https://mcp.example.com',
    auth: authority,
    servers: { '/mcp': () => new Response() },
    allowedHosts: ['mcp.example.com'],
    logger: quiet,
  })
  const ask = async (host: string) => (await gateway.fetch(at(host, '/authorize'))).status
  expect([await ask('login.example.com'), await ask('mcp.example.com'), await ask('evil.example.com')]).toEqual([
    200, 200, 403,
  ])
})
