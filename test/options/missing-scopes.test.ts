import type { Authority } from '@mcp-gateway/core'
import { createGateway, type IssuerAuthorityOptions, issuerAuthority } from '@mcp-gateway/core/gateway'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { type AuthorizationServerOptions, createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { expect, test } from 'vitest'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const url = 'http://127.0.0.1:8787'

const authorizationServer = (options: Partial<AuthorizationServerOptions> = {}) =>
  createAuthorizationServer({
    issuer: url,
    storage: memoryStorage(),
    identityProvider: devLogin(),
    logger: quiet,
    ...options,
  })

type TokenAuth = Authority | IssuerAuthorityOptions

interface Needs {
  readonly requiredScopes?: readonly string[]
  readonly scopesSupported?: readonly string[]
}

const gateway = (auth: TokenAuth | undefined, server: Needs & { scopeHierarchy?: Record<string, string[]> }) =>
  createGateway({ url, auth, servers: { '/notes/mcp': { server: () => new Response(), ...server } }, logger: quiet })
const forwardAuth = (auth: TokenAuth, server: Needs) =>
  createForwardAuth({ url, auth, dialect: 'forwarded', servers: { '/notes/mcp': server }, logger: quiet })
const both = [gateway, forwardAuth]

test.each<[string, Needs]>([
  ['requires', { requiredScopes: ['notes'] }],
  ['requires, beside one that is known', { requiredScopes: ['mcp', 'notes'] }],
  ['offers', { scopesSupported: ['mcp', 'notes'] }],
  ['requires, with others that it offers', { requiredScopes: ['notes'], scopesSupported: ['mcp'] }],
])('a scope that a server %s, and its authorization server never grants, is named at construction', (_, server) => {
  for (const create of both) {
    expect(() => create(authorizationServer(), server)).toThrow(
      expect.objectContaining({
        code: 'invalid_configuration',
        message: expect.stringMatching(/\/notes\/mcp.*\bnotes\b.*scopes/s),
      }),
    )
  }
})

test('with these scopes at the authorization server it starts', () => {
  const auth = authorizationServer({ scopes: { notes: 'Read your notes' } })
  for (const create of both) {
    create(auth, { requiredScopes: ['notes'], scopesSupported: ['notes', 'offline_access'] })
    create(authorizationServer(), { requiredScopes: ['mcp'] })
    create(authorizationServer(), {})
  }
})

test('a broader scope that the authorization server has is enough', () => {
  const auth = authorizationServer({ scopes: { 'notes:write': 'Change your notes' } })
  const scopeHierarchy = { 'notes:write': ['notes:read'] }
  gateway(auth, { requiredScopes: ['notes:read'], scopesSupported: ['notes:write'], scopeHierarchy })
  expect(() => gateway(auth, { requiredScopes: ['notes:delete'], scopeHierarchy })).toThrow(/notes:delete/)
})

test('scopes of an issuer elsewhere are not known, and not refused', () => {
  for (const create of both) create(issuerAuthority({ issuer: 'https://login.example.com' }), { requiredScopes: ['x'] })
})
