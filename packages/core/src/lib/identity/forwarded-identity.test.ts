import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWTPayload } from 'jose'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createTestIssuer } from '../../../../../test/proxies/issuer.js'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import { createForwardAuth } from '../../../../forward-auth/src/index.js'
import type { Context, Handler } from '../contract/handler.js'
import { createGateway } from '../gateway/create-gateway.js'
import { compose } from '../http/compose.js'
import { mountable } from '../http/mountable.js'
import { createSigningKeys } from '../keys/signing-keys.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { principal } from '../tokens/principal.js'
import { type ForwardedIdentityOptions, forwardedIdentity } from './forwarded-identity.js'

const issuer = 'https://mcp.example.com'
const notes = `${issuer}/notes/mcp`
const local = 'http://127.0.0.1:9'
const keys = createSigningKeys({ issuer: local, storage: memoryStorage() })
const others = createSigningKeys({ issuer: local, storage: memoryStorage() })
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const now = () => Math.floor(Date.now() / 1000)

/** An assertion about alice, with these claims in place of its own. */
const assertion = (claims: JWTPayload = {}, typ = 'identity+jwt', by = keys) =>
  by.sign(
    {
      iss: issuer,
      aud: notes,
      sub: 'alice',
      client_id: 'client-1',
      scope: 'mcp read',
      roles: ['editor'],
      groups: [],
      token_iss: 'https://login.example.com',
      token_exp: now() + 300,
      jti: crypto.randomUUID(),
      iat: now(),
      exp: now() + 60,
      ...claims,
    },
    { typ },
  )

/** What came through to the server behind. */
interface Seen {
  readonly request: Request
  readonly context: Context
}

function guarded(options: Partial<ForwardedIdentityOptions> = {}) {
  const seen: Seen[] = []
  const handler: Handler = (request, context) => {
    seen.push({ request, context })
    return new Response('served')
  }
  const guard = forwardedIdentity({ issuer, audience: notes, jwks: () => keys.jwks(), ...options })
  const handle = compose([guard], handler)
  const send = (value: string | undefined, init: RequestInit = {}, context: Context = {}, url = notes) => {
    const headers = new Headers(init.headers)
    if (value !== undefined) headers.set('X-Identity-Assertion', value)
    return Promise.resolve(handle(new Request(url, { ...init, headers }), context))
  }
  return { seen, send }
}

describe('as middleware', () => {
  test('sets the caller from the assertion, and takes the assertion away', async () => {
    const { seen, send } = guarded()
    expect((await send(await assertion())).status).toBe(200)
    const [{ request, context } = {} as Seen] = seen
    expect(context.auth).toMatchObject({
      token: '',
      clientId: 'client-1',
      scopes: ['mcp', 'read'],
      extra: { subject: 'alice', roles: ['editor'], issuer: 'https://login.example.com' },
    })
    expect(context.resource).toBe(notes)
    expect(request.headers.has('x-identity-assertion')).toBe(false)
  })

  test('knows a user by the issuer of the token, as a server that takes the token itself', async () => {
    const { seen, send } = guarded()
    await send(await assertion())
    await send(await assertion({ token_iss: 'https://other.example.com' }))
    await send(await assertion({ token_iss: undefined }))
    const names = seen.map(({ context }) => context.auth && principal(context.auth))
    expect(names).toEqual([
      '["https://login.example.com","user:alice"]',
      '["https://other.example.com","user:alice"]',
      '["https://mcp.example.com","user:alice"]',
    ])
  })

  test('takes a client that acts for itself for no user', async () => {
    const { seen, send } = guarded()
    await send(await assertion({ sub: undefined }))
    expect(seen[0]?.context.auth && principal(seen[0].context.auth)).toContain('client:client-1')
  })

  test.each([
    ['none', undefined],
    ['that of nobody', '-'],
  ])('refuses %s with 401 that names the header, and no challenge that opens a browser', async (_, value) => {
    const { seen, send } = guarded()
    const response = await send(value)
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({
      error: 'identity_missing',
      error_description: expect.stringContaining('X-Identity-Assertion'),
    })
    expect(response.headers.get('www-authenticate')).not.toMatch(/bearer|dpop|resource_metadata/i)
    expect(seen).toEqual([])
  })

  const wrong: readonly [what: string, make: () => Promise<string>][] = [
    ['for another server', () => assertion({ aud: `${issuer}/files/mcp` })],
    ['for this server among others, by a longer name', () => assertion({ aud: `${notes}/` })],
    ['of another issuer', () => assertion({ iss: 'https://evil.example.com' })],
    ['signed with another key', () => assertion({}, 'identity+jwt', others)],
    ['of another type: an access token', () => assertion({}, 'at+jwt')],
    ['of another type: none', () => assertion({}, 'JWT')],
    ['that has expired', () => assertion({ iat: now() - 120, exp: now() - 60 })],
    ['that never ends', () => assertion({ exp: undefined })],
    ['from the future', () => assertion({ iat: now() + 30, exp: now() + 60 })],
    ['without a date', () => assertion({ iat: undefined })],
    ['that is good for an hour', () => assertion({ exp: now() + 3600 })],
    ['of no client', () => assertion({ client_id: undefined })],
    ['whose user is no text', () => assertion({ sub: 5 as unknown as string })],
    ['whose user is empty', () => assertion({ sub: '' })],
    ['twice', async () => `${await assertion()}, ${await assertion()}`],
    ['with more behind it', async () => `${await assertion()}.x`],
    ['that is bound to a key', () => assertion({ cnf: { jkt: 'x' } })],
    ['without a signature', async () => (await assertion()).replace(/\.[^.]*$/, '.')],
    ['that is no JWT', async () => 'alice'],
    ['of an unheard-of length', async () => 'x'.repeat(20_000)],
  ]
  test.each(wrong)('refuses an assertion %s', async (_, make) => {
    const lines: unknown[] = []
    const { seen, send } = guarded()
    const logger = { ...silent, info: (fields: object) => void lines.push(fields) }
    const response = await send(await make(), {}, { logger })
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ error: 'identity_invalid' })
    expect(seen).toEqual([])
    // The operator learns why
    expect(lines).toEqual([{ error_code: 'identity_invalid', reason: expect.stringMatching(/\w+ \w+/) }])
  })

  test('does not take an access token for the same resource in place of an assertion', async () => {
    const { seen, send } = guarded()
    const token = await assertion({}, 'at+jwt')
    expect((await send(undefined, { headers: { Authorization: `Bearer ${token}` } })).status).toBe(401)
    expect((await send(undefined, { headers: { X_Identity_Assertion: await assertion() } })).status).toBe(401)
    expect(seen).toEqual([])
  })

  test.each(['GET', 'HEAD'])(
    'lets %s of /health and /ready through as nobody, with nothing that names a caller',
    async (method) => {
      const { seen, send } = guarded()
      for (const path of ['/health', '/ready']) {
        const headers = { 'Mcp-Session-Id': 'stolen', Authorization: 'Bearer x', 'X-User-Id': 'alice' }
        expect((await send('forged', { method, headers }, {}, issuer + path)).status).toBe(200)
      }
      expect(seen.map(({ request, context }) => [[...request.headers], context.auth])).toEqual([
        [[], undefined],
        [[], undefined],
      ])
    },
  )

  test.each([
    ['POST', '/health'],
    ['DELETE', '/ready'],
    ['GET', '/health/'],
    ['GET', '/ready/x'],
    ['GET', '//health'],
    ['GET', '/notes/mcp?x=/health'],
    ['GET', '/healthz'],
  ])('%s of %s needs an assertion', async (method, path) => {
    const { seen, send } = guarded()
    expect((await send(undefined, { method }, {}, issuer + path)).status).toBe(401)
    expect(seen).toEqual([])
  })

  test('has no path that is open where none is wanted', async () => {
    const { send } = guarded({ healthPaths: [] })
    expect((await send(undefined, {}, {}, `${issuer}/health`)).status).toBe(401)
  })

  test('answers 503 while the keys cannot be had, and logs why', async () => {
    const errors: unknown[] = []
    const jwks = () => Promise.reject(new Error('down'))
    const { send } = guarded({ jwks })
    const logger = { ...silent, error: (fields: object) => void errors.push(fields) }
    const response = await send(await assertion(), {}, { logger })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(errors.length).toBeGreaterThan(0)
  })

  test('asks for the keys where forward-auth serves them, unless it is told another place', async () => {
    const asked: string[] = []
    const fetch = async (url: string | URL) => {
      asked.push(`${url}`)
      return Response.json(await keys.jwks())
    }
    await guarded({ jwks: undefined, fetch }).send(await assertion())
    await guarded({ jwks: undefined, fetch, jwksUri: 'https://auth.internal:9100/keys' }).send(await assertion())
    expect(asked).toEqual([`${issuer}/.well-known/forward-auth-jwks.json`, 'https://auth.internal:9100/keys'])
  })

  test('ends a stream with the token of the caller, not with the assertion', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const guard = forwardedIdentity({ issuer, audience: notes, jwks: () => keys.jwks() })
    const handle = compose([guard], () => {
      const headers = { 'Content-Type': 'text/event-stream' }
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }), {
        headers,
      })
    })
    const headers = { 'X-Identity-Assertion': await assertion({ token_exp: now() + 300 }) }
    const response = await handle(new Request(notes, { headers }), {})
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect((await reader.read()).done).toBe(false)
    let ended = false
    const end = reader.read().then(({ done }) => {
      ended = done
    })
    await vi.advanceTimersByTimeAsync(290_000)
    expect(ended).toBe(false)
    await vi.advanceTimersByTimeAsync(20_000)
    await end
    expect(ended).toBe(true)
  })
})

describe('with a storage', () => {
  test('takes each assertion once, over all processes that share it', async () => {
    const storage = sharedMemory()
    const [one, two] = [guarded({ storage }), guarded({ storage })]
    const value = await assertion()
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 ? one : two).send(value)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 49 }, () => 401)])
    expect(one.seen.length + two.seen.length).toBe(1)
    expect((await one.send(await assertion())).status).toBe(200)
  })

  test('takes an assertion once also where its signature is written in another way', async () => {
    const { send } = guarded({ storage: sharedMemory() })
    const claims = { jti: 'the same' }
    expect((await send(await assertion(claims))).status).toBe(200)
    expect((await send(await assertion(claims))).status).toBe(401)
  })

  test('refuses an assertion that cannot be told from others', async () => {
    const { send } = guarded({ storage: sharedMemory() })
    expect((await send(await assertion({ jti: undefined }))).status).toBe(401)
  })

  test('uses nothing up for a request that is refused anyway', async () => {
    const storage = sharedMemory()
    const source = forwardedIdentity({ issuer, jwks: () => keys.jwks(), storage })
    const strict = compose([source.identify({ resource: notes, requiredScopes: ['admin'] })], () => new Response())
    const value = await assertion()
    const request = () => new Request(notes, { headers: { 'X-Identity-Assertion': value } })
    const refused = await strict(request(), {})
    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).toContain('scope="admin"')
    expect((await guarded({ storage }).send(value)).status).toBe(200)
  })

  test('answers 503 while the storage does not answer', async () => {
    const storage = { ...sharedMemory(), add: () => Promise.reject(new Error('down')) }
    const { seen, send } = guarded({ storage })
    expect((await send(await assertion())).status).toBe(503)
    expect(seen).toEqual([])
  })

  test('remembers a used assertion for as long as it could be used again', async () => {
    const ttls: unknown[] = []
    const storage = {
      ...sharedMemory(),
      add: async (_key: string, _value: string, { ttl }: { ttl: number | null }) => ttls.push(ttl) > 0,
    }
    await guarded({ storage, clockTolerance: 10 }).send(await assertion())
    expect(ttls[0]).toBeGreaterThan(65)
    expect(ttls[0]).toBeLessThanOrEqual(70)
  })
})

describe('as auth of a gateway', () => {
  const gateway = (options: Partial<ForwardedIdentityOptions> = {}, more: object = {}) =>
    createGateway({
      url: issuer,
      auth: forwardedIdentity({ issuer, jwks: () => keys.jwks(), ...options }),
      servers: {
        '/notes/mcp': {
          server: (_, { auth }) => Response.json({ user: auth?.extra?.subject }),
          requiredScopes: ['read'],
        },
        '/files/mcp': (_, { auth }) => Response.json({ user: auth?.extra?.subject }),
      },
      logger: silent,
      ...more,
    })
  const ask = (path: string, value?: string) =>
    new Request(issuer + path, { headers: value === undefined ? {} : { 'X-Identity-Assertion': value } })

  test('lets each server be used with its own assertions alone', async () => {
    const { fetch } = gateway()
    const value = await assertion()
    expect(await (await fetch(ask('/notes/mcp', value))).json()).toEqual({ user: 'alice' })
    expect((await fetch(ask('/files/mcp', value))).status).toBe(401)
    expect((await fetch(ask('/files/mcp', await assertion({ aud: `${issuer}/files/mcp` })))).status).toBe(200)
  })

  test('asks for scopes by the metadata that forward-auth serves', async () => {
    const response = await gateway().fetch(ask('/notes/mcp', await assertion({ scope: 'mcp' })))
    expect(response.status).toBe(403)
    expect(response.headers.get('www-authenticate')).toContain(
      `resource_metadata="${issuer}/.well-known/oauth-protected-resource/notes/mcp"`,
    )
  })

  test('serves its health without an assertion, and no metadata of its own', async () => {
    const { fetch } = gateway()
    expect((await fetch(ask('/health'))).status).toBe(200)
    const ready = await fetch(ask('/ready'))
    expect([ready.status, await ready.json()]).toMatchObject([200, { checks: { identity: 'ok' } }])
    expect((await fetch(ask('/notes/mcp'))).status).toBe(401)
    expect((await fetch(ask('/.well-known/oauth-protected-resource/notes/mcp'))).status).toBe(404)
  })

  test.each<[string, Partial<ForwardedIdentityOptions>]>([
    ['the keys', { jwks: () => Promise.reject(new Error('down')) }],
    ['the storage', { storage: { ...sharedMemory(), check: () => Promise.reject(new Error('down')) } }],
  ])('is not ready without %s', async (_, options) => {
    const response = await gateway(options).fetch(ask('/ready'))
    expect([response.status, await response.json()]).toMatchObject([503, { checks: { identity: 'failed' } }])
  })

  test('writes the refusal and its reason into the record', async () => {
    const records: unknown[] = []
    const { fetch } = gateway({}, { observe: (record: { refusal?: unknown }) => void records.push(record.refusal) })
    await fetch(ask('/notes/mcp', await assertion({ aud: 'https://elsewhere.example.com' })))
    await fetch(ask('/notes/mcp'))
    expect(records).toEqual([
      {
        by: 'forwardedIdentity',
        code: 'identity_invalid',
        reason: 'The token is for another audience',
        cause: { seen: 'https://elsewhere.example.com', expected: [notes] },
      },
      { by: 'forwardedIdentity', code: 'identity_missing', reason: expect.stringContaining('X-Identity-Assertion') },
    ])
  })

  test.each<[string, () => unknown, RegExp]>([
    ['subject', () => gateway({}, { subject: 'userId' }), /subject is about access tokens/],
    [
      'dpop',
      () => gateway({}, { servers: { '/x': { server: () => new Response(), dpop: { prove() {} } } } }),
      /dpop of \/x/,
    ],
    ['an audience that is none of its servers', () => gateway({ audience: notes }), /leave audience out/],
    ['anonymous callers', () => gateway({}, { dangerouslyAllowAnonymous: true }), /contradicts auth/],
    [
      'a storage of one process on a public URL',
      () => gateway({ storage: memoryStorage() }),
      /dangerouslyAllowSingleProcessStorage/,
    ],
    [
      'keys over plain http for a public URL',
      () => gateway({ jwks: undefined, jwksUri: 'http://auth.internal/keys' }),
      /jwksUri/,
    ],
    ['a header that is none', () => gateway({ header: 'X Identity' }), /forwardedIdentity: header/],
    ['a health path that is none', () => gateway({ healthPaths: ['health'] }), /healthPaths\[0\]/],
  ])('does not start with %s', (_, make, message) => {
    expect(make).toThrow(message)
  })

  test('is no middleware without an audience', () => {
    const source = forwardedIdentity({ issuer, jwks: () => keys.jwks() })
    expect(() => compose([source as never], () => new Response())).toThrow(/middleware/)
  })
})

test('removes the assertion from a request over a real socket, and leaves its body', async () => {
  const guard = forwardedIdentity({ issuer, audience: notes, jwks: () => keys.jwks() })
  const handle = compose([guard], async (request, { auth }) =>
    Response.json({ has: [...request.headers.keys()], body: await request.text(), user: auth?.extra?.subject }),
  )
  const server = createServer(toNodeHandler(mountable({ handle }), { logger: silent })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const headers = { 'X-Identity-Assertion': await assertion(), 'X-Other': '1' }
  const { port } = server.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${port}/notes/mcp`, { method: 'POST', body: 'hello', headers })
  const { has, body, user } = await answer.json()
  expect({ body, user }).toEqual({ body: 'hello', user: 'alice' })
  expect(has).toContain('x-other')
  expect(has).not.toContain('x-identity-assertion')
})

test('takes what forward-auth sends', async () => {
  const tokens = createTestIssuer()
  const forwardAuth = createForwardAuth({
    url: issuer,
    auth: tokens.authority,
    dialect: 'forwarded',
    servers: { '/notes/mcp': {} },
    assertion: { keys, singleUse: true },
    logger: silent,
  })
  const asked = await forwardAuth.fetch(
    new Request('http://127.0.0.1:9100/auth', {
      headers: {
        'X-Forwarded-Method': 'POST',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'mcp.example.com',
        'X-Forwarded-Uri': '/notes/mcp',
        Authorization: `Bearer ${await tokens.token(notes)}`,
      },
    }),
  )
  const jwks = async () => (await forwardAuth.fetch(new Request(`${issuer}/.well-known/forward-auth-jwks.json`))).json()
  const { seen, send } = guarded({ jwks, storage: sharedMemory() })
  const value = asked.headers.get('x-identity-assertion') ?? ''
  expect((await send(value)).status).toBe(200)
  expect((await send(value)).status).toBe(401)
  const auth = seen[0]?.context.auth
  expect(auth && principal(auth)).toBe('["http://127.0.0.1:9","user:alice"]')
  expect(auth?.extra?.claims).toMatchObject({ preferred_username: 'ada', email: 'ada@example.com' })
})
