import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { IdentitySource } from '../contract/identity-source.js'
import type { Storage } from '../contract/storage.js'
import { createGateway } from '../gateway/create-gateway.js'
import { memoryStorage } from '../storage/memory-storage.js'
import type { ApiKey, ApiKeyPage, NewApiKey, OwnerRights } from './api-key.js'
import { type ApiKeyManagementOptions, createApiKeyManagement } from './api-key-management.js'
import { createApiKeyVerifier } from './api-key-verifier.js'
import { type ApiKeys, createApiKeys } from './create-api-keys.js'

const url = 'https://mcp.example.com/api-keys'
const issuer = 'https://login.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** Tokens are `NAME`, or `NAME.SCOPE` for one with that scope alone. */
const authority: Authority = {
  issuer,
  protect: (resource) => ({
    async verifyAccessToken(token): Promise<AuthInfo> {
      expect(resource).toBe(url)
      const [name = '', scopes = 'keys:manage,notes:read'] = token.split('.')
      if (!['alice', 'bob', 'root'].includes(name)) throw new GatewayError('invalid_token', 'no')
      const roles = name === 'root' ? ['mcp-admin'] : []
      return {
        token,
        clientId: 'app',
        scopes: scopes.split(','),
        expiresAt: Date.now() / 1000 + 60,
        extra: { issuer, subject: name, roles, groups: [], claims: {} },
      }
    },
  }),
}

let storage: Storage
let keys: ApiKeys
let rights: OwnerRights | undefined

beforeEach(() => {
  storage = memoryStorage()
  rights = { scopes: ['notes:read', 'notes:write'] }
  keys = createApiKeys({ storage, ownerRights: () => rights })
})

const make = (options: Partial<ApiKeyManagementOptions> = {}) =>
  createApiKeyManagement({
    url,
    keys,
    auth: authority,
    admin: ({ subject }) =>
      subject.roles.includes('mcp-admin') ? { allow: true } : { allow: false, reason: 'not an admin' },
    logger: quiet,
    ...options,
  })

function client(who: string, management = make()) {
  return async <T = Record<string, unknown>>(
    method: string,
    path = '',
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const response = await management.fetch(
      new Request(url + path, {
        method,
        headers: {
          Authorization: `Bearer ${who}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    )
    expect(response.headers.get('cache-control')).toBe('no-store')
    return { status: response.status, headers: response.headers, body: (await response.json()) as T }
  }
}

describe('a person', () => {
  test('makes, lists, sees, changes, rotates and revokes keys', async () => {
    const ask = client('alice')
    const made = await ask<NewApiKey>('POST', '', { name: 'Laptop', scopes: ['notes:read', 'notes:write'] })
    expect(made.status).toBe(201)
    expect(made.body.apiKey).toMatchObject({ owner: { issuer, subject: 'alice' }, createdBy: `${issuer} alice` })
    const { id } = made.body.apiKey
    expect((await ask<ApiKeyPage>('GET')).body.keys).toEqual([made.body.apiKey])
    expect((await ask('GET', `/${id}`)).body).toEqual(made.body.apiKey)
    const changed = await ask<ApiKey>('PATCH', `/${id}`, {
      name: 'Old laptop',
      scopes: ['notes:read'],
      addresses: ['10.0.0.0/8'],
    })
    expect(changed.body).toMatchObject({ name: 'Old laptop', scopes: ['notes:read'], addresses: ['10.0.0.0/8'] })
    const rotated = await ask<NewApiKey>('POST', `/${id}/rotate`, { grace: 60 })
    expect(rotated.body.apiKey).toMatchObject({ id, generation: 2 })
    expect((await keys.identify(rotated.body.key)).id).toBe(id)
    expect((await ask('POST', `/${id}/rotate`, {})).status).toBe(409)
    expect((await ask<ApiKey>('DELETE', `/${id}`)).body.revokedBy).toBe(`${issuer} alice`)
    await expect(keys.identify(rotated.body.key)).rejects.toMatchObject({ reason: 'revoked' })
    for (const [path, text] of [
      ['', 'secret'],
      [`/${id}`, 'hash'],
    ] as const) {
      expect(JSON.stringify((await ask('GET', path)).body)).not.toContain(text)
    }
  })

  test('finds no key of somebody else, by the same answer as for one that is not there', async () => {
    const { apiKey } = await keys.create({ owner: { issuer, subject: 'bob' }, name: 'a' })
    const ask = client('alice')
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { name: 'mine' }],
      ['DELETE', '', undefined],
      ['POST', '/rotate', {}],
    ] as const) {
      const foreign = await ask(method, `/${apiKey.id}${path}`, body)
      const absent = await ask(method, `/aaaaaaaaaaaa${path}`, body)
      expect([foreign.status, foreign.body]).toEqual([404, absent.body])
    }
    expect((await ask<ApiKeyPage>('GET')).body.keys).toEqual([])
    for (const query of ['?owner=all', '?subject=bob', `?issuer=${issuer}&subject=bob`, '?serviceAccount=robot']) {
      expect((await ask('GET', query)).status).toBe(403)
    }
    expect(await keys.get(apiKey.id)).toEqual(apiKey)
  })

  test('makes no keys for others and for service accounts', async () => {
    for (const owner of [{ issuer, subject: 'bob' }, { serviceAccount: 'robot' }, null, 'bob']) {
      expect((await client('alice')('POST', '', { name: 'a', owner })).status).toBe(403)
    }
    expect((await client('alice')('POST', '', { name: 'a', createdBy: 'root' })).status).toBe(400)
  })

  test('adds no scopes to a key', async () => {
    const { body } = await client('alice')<NewApiKey>('POST', '', { name: 'a', scopes: ['notes:read'] })
    const more = await client('alice')('PATCH', `/${body.apiKey.id}`, { scopes: ['notes:read', 'notes:write'] })
    expect(more.status).toBe(403)
    expect((await client('root')('PATCH', `/${body.apiKey.id}`, { scopes: ['notes:write'] })).status).toBe(200)
  })

  test('gives a key nothing that they do not have, where rights are not asked at each use', async () => {
    keys = createApiKeys({ storage, dangerouslyIgnoreOwnerRights: true })
    const ask = client('alice')
    expect((await ask('POST', '', { name: 'a', scopes: ['notes:read'] })).status).toBe(201)
    for (const wanted of [{ scopes: ['notes:write'] }, { roles: ['mcp-admin'] }, { groups: ['staff'] }]) {
      expect((await ask('POST', '', { name: 'a', ...wanted })).status).toBe(403)
    }
    const { body } = await ask<NewApiKey>('POST', '', { name: 'a' })
    expect((await ask('PATCH', `/${body.apiKey.id}`, { roles: ['mcp-admin'] })).status).toBe(403)
  })

  test('needs the scope', async () => {
    const refused = await client('alice.other')('GET')
    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).toContain('scope="keys:manage"')
    expect((await client('mallory')('GET')).status).toBe(401)
  })
})

describe('an admin', () => {
  test('manages the keys of everybody', async () => {
    const { apiKey } = await keys.create({ owner: { issuer, subject: 'bob' }, name: 'a' })
    const ask = client('root')
    expect((await ask<ApiKeyPage>('GET', '?owner=all')).body.keys).toEqual([apiKey])
    expect((await ask<ApiKeyPage>('GET', `?issuer=${issuer}&subject=bob`)).body.keys).toEqual([apiKey])
    expect((await ask<ApiKeyPage>('GET')).body.keys).toEqual([])
    expect((await ask('POST', '', { name: 'b', owner: { serviceAccount: 'robot' } })).status).toBe(201)
    expect((await ask('PATCH', `/${apiKey.id}`, { name: 'c' })).status).toBe(200)
    expect((await ask('POST', `/${apiKey.id}/rotate`, { grace: 0 })).status).toBe(200)
    expect((await ask<ApiKey>('DELETE', `/${apiKey.id}`)).body.revokedBy).toBe(`${issuer} root`)
    expect((await ask('GET', '/aaaaaaaaaaaa')).status).toBe(404)
  })

  test('is nobody by default, and nobody whose policy throws or answers nonsense', async () => {
    const { apiKey } = await keys.create({ owner: { issuer, subject: 'bob' }, name: 'a' })
    const { admin: _, ...without } = { url, keys, auth: authority, admin: undefined, logger: quiet }
    expect((await client('root', createApiKeyManagement(without))('GET', `/${apiKey.id}`)).status).toBe(404)
    const nonsense = make({ admin: () => ({ allow: 'yes' }) as never })
    expect((await client('root', nonsense)('GET', `/${apiKey.id}`)).status).toBe(404)
    const broken = make({ admin: () => Promise.reject(new Error('engine is down')) })
    const refused = await client('root', broken)('GET', `/${apiKey.id}`)
    expect(refused.status).toBe(500)
    expect(JSON.stringify(refused.body)).not.toContain('engine')
  })
})

describe('a key', () => {
  const withKey = async (options: Partial<ApiKeyManagementOptions> = {}) => {
    rights = { scopes: ['keys:manage', 'notes:read'] }
    const made = await keys.create({ owner: { issuer, subject: 'alice' }, name: 'a', scopes: ['keys:manage'] })
    const other = await keys.create({ owner: { issuer, subject: 'alice' }, name: 'b', scopes: ['notes:read'] })
    const management = make({ auth: createApiKeyVerifier(keys, { maxAge: 0 }), ...options })
    return { ask: client(made.key, management), own: made.apiKey.id, other: other.apiKey.id }
  }

  test('lists and revokes keys of its owner and rotates itself, and makes no others', async () => {
    const { ask, own, other } = await withKey()
    expect((await ask<ApiKeyPage>('GET')).body.keys).toHaveLength(2)
    expect((await ask('POST', '', { name: 'c' })).status).toBe(403)
    expect((await ask('PATCH', `/${other}`, { expiresAt: null })).status).toBe(403)
    expect((await ask('POST', `/${other}/rotate`, {})).status).toBe(403)
    expect((await ask('DELETE', `/${other}`)).status).toBe(200)
    expect((await ask('POST', `/${own}/rotate`, {})).status).toBe(200)
  })

  test('makes others where that is allowed', async () => {
    const { ask } = await withKey({ dangerouslyAllowKeys: true })
    const made = await ask<NewApiKey>('POST', '', { name: 'c' })
    expect(made.body.apiKey.owner).toEqual({ issuer, subject: 'alice' })
  })
})

describe('pages', () => {
  test.each([
    ['of another origin', { Origin: 'https://evil.example.com' }, 403],
    ['of a sandbox', { Origin: 'null' }, 403],
    ['of another site, without saying which', { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['of another subdomain', { 'Sec-Fetch-Site': 'same-site' }, 403],
    ['of this origin', { Origin: 'https://mcp.example.com', 'Sec-Fetch-Site': 'same-origin' }, 200],
  ])('%s', async (_, headers, status) => {
    expect((await client('alice')('GET', '', undefined, headers as Record<string, string>)).status).toBe(status)
  })

  test('cannot send forms', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
      const headers = { 'Content-Type': type }
      expect((await client('alice')('POST', '', '{"name":"a"}', headers)).status).toBe(415)
      expect((await client('alice')('POST', '/aaaaaaaaaaaa/rotate', '{}', headers)).status).toBe(415)
    }
    expect((await keys.list()).keys).toEqual([])
  })

  test('that have rebound their name to this machine are refused', async () => {
    const local = make({
      url: 'http://127.0.0.1:8787/api-keys',
      auth: { ...authority, protect: () => authority.protect(url) },
    })
    const request = (host: string) =>
      new Request('http://127.0.0.1:8787/api-keys', { headers: { Authorization: 'Bearer alice', Host: host } })
    expect((await local.fetch(request('evil.example.com'))).status).toBe(403)
    expect((await local.fetch(request('127.0.0.1:8787'))).status).toBe(200)
  })
})

test.each([
  ['POST', '', '', 400],
  ['POST', '', '[]', 400],
  ['POST', '', 'null', 400],
  ['POST', '', '{"name":', 400],
  ['POST', '', { name: 'x', surprise: 1 }, 400],
  ['POST', '', { scopes: ['notes:read'] }, 400],
  ['POST', '', `{"name":"${'x'.repeat(70_000)}"}`, 413],
  ['GET', '?limit=0', undefined, 400],
  ['GET', '?limit=x', undefined, 400],
  ['PUT', '', undefined, 405],
  ['POST', '/aaaaaaaaaaaa', {}, 405],
  ['GET', '/aaaaaaaaaaaa/rotate', undefined, 405],
  ['GET', '/short', undefined, 404],
  ['GET', '/aaaaaaaaaaaa/secret', undefined, 404],
  ['POST', '/aaaaaaaaaaaa/rotate', { grace: 'long' }, 404],
  ['POST', '/aaaaaaaaaaaa/rotate', { grace: 1, id: 'b' }, 400],
])('%s %j with %j is answered with what is wrong: %i', async (method, path, body, status) => {
  const answered = await client('alice')(method, path, body)
  expect(answered.status).toBe(status)
  expect(answered.body).toHaveProperty('error_description')
  if (status === 405) expect(answered.headers.get('allow')).toBeTruthy()
})

test('answers 503 while the storage cannot be had', async () => {
  vi.spyOn(storage, 'list').mockRejectedValue(new GatewayError('temporarily_unavailable', 'redis at 10.0.0.1 is down'))
  const answered = await client('alice')('GET')
  expect(answered.status).toBe(503)
  expect(JSON.stringify(answered.body)).not.toContain('10.0.0.1')
})

test('serves people whom a proxy in front knows', async () => {
  const session: IdentitySource = {
    identify:
      ({ resource }) =>
      (request, context, next) => {
        const extra = { issuer, subject: 'alice', roles: [], groups: [], claims: {} }
        return next(request, {
          ...context,
          resource,
          auth: { token: '', clientId: 'browser', scopes: ['keys:manage'], extra },
        })
      },
  }
  const made = await client('', make({ auth: session }))<NewApiKey>('POST', '', { name: 'a' })
  expect(made.body.apiKey.owner).toEqual({ issuer, subject: 'alice' })
})

test('stands among the routes of a gateway, which checks the token', async () => {
  const management = createApiKeyManagement({ url, keys, logger: quiet })
  const gateway = createGateway({
    url: 'https://mcp.example.com',
    auth: { ...authority, protect: () => authority.protect(url) },
    servers: { '/notes/mcp': () => new Response() },
    routes: { '/api-keys/*': { handle: management, requiredScopes: ['keys:manage'] } },
    logger: quiet,
  })
  const ask = async (method: string, path: string, token?: string) => {
    const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) }
    const body = method === 'POST' ? '{"name":"a"}' : null
    return (await gateway.fetch(new Request(url + path, { method, headers, body }))).status
  }
  expect(await ask('POST', '', 'alice')).toBe(201)
  const { id } = (await keys.list()).keys[0] as ApiKey
  expect(await ask('GET', `/${id}`, 'alice')).toBe(200)
  expect(await ask('GET', `/${id}`, 'bob')).toBe(404)
  expect(await ask('GET', '')).toBe(401)
  expect((await management.fetch(new Request(url))).status).toBe(403)
})

test('does not take what was let in for another resource, or without the scope', async () => {
  const management = createApiKeyManagement({ url, keys, logger: quiet })
  const auth = await authority.protect(url).verifyAccessToken('alice')
  const status = async (context: object) => (await management.handle(new Request(url), { auth, ...context })).status
  expect(await status({ resource: url })).toBe(200)
  expect(await status({ resource: 'https://mcp.example.com/notes/mcp' })).toBe(403)
  expect(await status({})).toBe(403)
  expect(await status({ resource: url, auth: { ...auth, scopes: ['notes:read'] } })).toBe(403)
})

test('knows its own paths, and wants one', () => {
  const { match } = make()
  const of = (path: string) => match(new Request(`https://mcp.example.com${path}`))
  expect(['/api-keys', '/api-keys/aaaaaaaaaaaa', '/api-keysx', '/'].map(of)).toEqual([true, true, false, false])
  expect(() => make({ url: 'https://mcp.example.com' })).toThrow(/url.*with a path/)
  expect(() => make({ url: 'http://mcp.example.com/keys' })).toThrow(/https/)
  expect(() => make({ keys: {} as never })).toThrow(/keys/)
})
