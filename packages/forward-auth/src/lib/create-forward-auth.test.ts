import { once } from 'node:events'
import { createServer, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Authority, createTokenVerifier, GatewayError, type PolicyInput } from '@mcp-gateway/core'
import { dpop } from '@mcp-gateway/core/dpop'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { beforeEach, describe, expect, test } from 'vitest'
import { createForwardAuth, type ForwardAuth } from './create-forward-auth.js'
import type { Dialect } from './dialect.js'
import type { ForwardAuthOptions, ForwardAuthServer } from './forward-auth-options.js'
import { toNodeHandler as toAskedHandler } from './to-node-handler.js'

const url = 'https://mcp.example.com'
const notes = `${url}/notes/mcp`
const issuer = 'http://127.0.0.1:9'
const keys = createSigningKeys({ issuer, storage: memoryStorage() })
const revoked = new Set<unknown>()
let outage = false
const authority: Authority = {
  issuer,
  protect: (audience) =>
    createTokenVerifier({
      issuer,
      audience,
      jwks: () => keys.jwks(),
      isRevoked: ({ extra }) => {
        if (outage) throw new Error('no store')
        return revoked.has((extra?.claims as { jti?: string } | undefined)?.jti)
      },
    }),
}
const logged: string[] = []
const log = (fields: Record<string, unknown>, message: string) =>
  void logged.push(`${message} ${JSON.stringify(fields)}`)
const logger = { debug: log, info: log, warn: log, error: log }

beforeEach(() => {
  outage = false
  logged.length = 0
})

const sign = (claims: Record<string, unknown> = {}) => {
  const now = Math.floor(Date.now() / 1000)
  const alice = { sub: 'alice', client_id: 'client-1', scope: 'mcp', jti: crypto.randomUUID() }
  return keys.sign({ iss: issuer, aud: notes, iat: now, exp: now + 300, ...alice, ...claims }, { typ: 'at+jwt' })
}

const make = (options: Partial<ForwardAuthOptions> = {}, server: ForwardAuthServer = { requiredScopes: ['mcp'] }) =>
  createForwardAuth({
    url,
    auth: authority,
    dialect: 'forwarded',
    servers: { '/notes/mcp': server, '/files/mcp': {} },
    logger,
    ...options,
  })

/** An auth request of the dialect `forwarded`, for a GET of the notes. */
function ask(
  headers: Readonly<Record<string, string | undefined>> = {},
  target = '/auth',
  init: RequestInit = {},
): Request {
  const original = {
    'X-Forwarded-Method': 'GET',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'mcp.example.com',
    'X-Forwarded-Uri': '/notes/mcp',
  }
  return new Request(`http://forward-auth:9100${target}`, {
    headers: { ...original, ...headers } as Record<string, string>,
    ...init,
  })
}

describe('answers', () => {
  test('[R1, R2, attack 130] a request without a token learns where to get one', async () => {
    const response = await make().fetch(ask())
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer scope="mcp", resource_metadata="${url}/.well-known/oauth-protected-resource/notes/mcp"`,
    )
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test('a good token is exactly 200, with every header and no body', async () => {
    const response = await make().fetch(ask({ Authorization: `Bearer ${await sign()}` }))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'no-store',
      'x-user-id': 'alice',
      'x-user-name': '-',
      'x-user-email': '-',
      'x-roles': '-',
      'x-scopes': 'mcp',
      'x-client-id': 'client-1',
      'x-identity-assertion': '-',
    })
  })

  test('headers are named as configured', async () => {
    const response = await make({ headers: { userId: 'Remote-User' } }).fetch(
      ask({ Authorization: `Bearer ${await sign()}` }),
    )
    expect(response.headers.get('remote-user')).toBe('alice')
    expect(response.headers.has('x-user-id')).toBe(false)
  })

  test('[R3, attack 131] a missing scope is 403 with everything to step up; an expired token stays 401', async () => {
    const narrow = await make().fetch(ask({ Authorization: `Bearer ${await sign({ scope: 'other' })}` }))
    expect(narrow.status).toBe(403)
    expect(narrow.headers.get('www-authenticate')).toMatch(
      /^Bearer error="insufficient_scope", .*scope="mcp", resource_metadata="https:\/\/mcp/,
    )
    const expired = await make().fetch(ask({ Authorization: `Bearer ${await sign({ scope: 'other', exp: 1000 })}` }))
    expect(expired.status).toBe(401)
    expect(expired.headers.get('www-authenticate')).toContain('error="invalid_token"')
  })

  test('[R3, attack 147] a token of another of the resources is 403, any other one 401', async () => {
    const status = async (claims: Record<string, unknown>) => {
      const response = await make().fetch(ask({ Authorization: `Bearer ${await sign(claims)}` }))
      return [response.status, /error="(\w+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1]]
    }
    expect(await status({ aud: `${url}/files/mcp` })).toEqual([403, 'insufficient_scope'])
    expect(await status({ aud: ['x', `${url}/files/mcp`] })).toEqual([403, 'insufficient_scope'])
    expect(await status({ aud: `${url}/files/mcp`, exp: 1000 })).toEqual([401, 'invalid_token'])
    expect(await status({ aud: 'https://elsewhere.example' })).toEqual([401, 'invalid_token'])
    expect(await status({ aud: notes.toUpperCase() })).toEqual([401, 'invalid_token'])
    const [head, , tail] = (await sign({ aud: `${url}/files/mcp` })).split('.')
    const forged = `${head}.${btoa(`{"aud":"${url}/files/mcp"}`).replaceAll('=', '')}.${tail}`
    expect((await make().fetch(ask({ Authorization: `Bearer ${forged}` }))).status).toBe(401)
  })

  test('a browser gets a page, with the same challenge, and nothing of the request in it', async () => {
    const page = await make().fetch(ask({ Accept: 'text/html,*/*', 'X-Forwarded-Uri': '/notes/mcp?<script>' }))
    expect(page.status).toBe(401)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page.headers.get('www-authenticate')).toContain('resource_metadata=')
    const text = await page.text()
    expect(text).toContain(notes)
    expect(text).not.toContain('script')
    const unknown = await make().fetch(ask({ Accept: 'text/html', 'X-Forwarded-Uri': '/x' }))
    expect(await unknown.text()).not.toContain('mcp.example.com')
  })

  test('[attack 147] an unknown path or host is 401 and learns of no resource', async () => {
    for (const headers of [
      { 'X-Forwarded-Uri': '/unknown' },
      { 'X-Forwarded-Host': 'evil.test' },
      { 'X-Forwarded-Host': 'mcp.example.com:8443' },
      { 'X-Forwarded-Proto': 'http' },
    ]) {
      const response = await make().fetch(ask({ ...headers, Authorization: `Bearer ${await sign()}` }))
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      expect(await response.text()).not.toContain('example')
    }
  })

  test('[attack 146] a proxy that tells too little is refused and told what is missing', async () => {
    const { fetch } = make()
    const response = await fetch(
      new Request('http://forward-auth:9100/auth', { headers: { Authorization: `Bearer ${await sign()}` } }),
    )
    expect(response.status).toBe(401)
    expect(await response.text()).toContain('X-Forwarded-Method is missing')
    expect(logged.join()).toContain('does not tell')
  })

  test('[attack 145] a preflight and discovery pass with an identity of nobody', async () => {
    const app = make()
    const page = { Origin: url, 'Access-Control-Request-Method': 'POST', 'X-Forwarded-Method': 'OPTIONS' }
    for (const headers of [
      page,
      { 'X-Forwarded-Uri': '/.well-known/oauth-protected-resource/notes/mcp' },
      { 'X-Forwarded-Uri': '/.well-known/oauth-protected-resource', 'X-Forwarded-Method': 'HEAD' },
    ]) {
      const response = await app.fetch(
        ask({ ...headers, 'X-User-Id': 'evil', Authorization: `Bearer ${await sign()}` }),
      )
      expect(response.status).toBe(200)
      for (const name of ['x-user-id', 'x-roles', 'x-scopes', 'x-client-id'])
        expect(response.headers.get(name)).toBe('-')
    }
    for (const headers of [
      { ...page, 'X-Forwarded-Uri': '/unknown' },
      { ...page, Origin: 'https://evil.test' },
      { ...page, Origin: '' },
      { 'X-Forwarded-Uri': '/.well-known/oauth-protected-resource/notes/mcp', 'X-Forwarded-Method': 'POST' },
      { 'X-Forwarded-Uri': '/.well-known/oauth-protected-resource/unknown' },
    ]) {
      expect([401, 403]).toContain((await app.fetch(ask(headers))).status)
    }
  })

  test('[attack 140] headers that are spelled like one of the identity headers are refused on every path', async () => {
    for (const uri of ['/notes/mcp', '/unknown', '/.well-known/oauth-protected-resource']) {
      const response = await make().fetch(ask({ X_User_Id: 'evil', 'X-Forwarded-Uri': uri }))
      expect(response.status).toBe(400)
    }
  })

  test('a status that nginx does not know comes as 403 with the status beside it', async () => {
    const headers = { 'X-Original-Method': 'GET', 'X-Original-URL': notes, Authorization: 'Bearer a b' }
    const response = await make({ dialect: 'original' }).fetch(new Request('http://f/auth', { headers }))
    expect([response.status, response.headers.get('x-forward-auth-status')]).toEqual([403, '400'])
    const other = await make().fetch(ask({ Authorization: 'Bearer a b' }))
    expect([other.status, other.headers.get('x-forward-auth-status')]).toEqual([400, null])
  })

  test('nothing in the query changes an answer', async () => {
    const query = '?allowed_groups=*&path=/notes/mcp&dialect=original&X-Forwarded-Uri=/x&access_token='
    expect((await make().fetch(ask({}, `/auth${query}${await sign()}`))).status).toBe(401)
    const good = await make().fetch(ask({ Authorization: `Bearer ${await sign()}` }, `/auth${query}`))
    expect(good.status).toBe(200)
  })

  test('a body that never ends is not waited for', async () => {
    const body = new ReadableStream({ start: () => {} })
    const init: RequestInit = { method: 'POST', body, duplex: 'half' } as RequestInit
    const response = await make().fetch(ask({ Authorization: `Bearer ${await sign()}` }, '/auth', init))
    expect(response.status).toBe(200)
  })

  test('[attack 135] a revoked token is 401 at once where the verifier asks at once', async () => {
    const app = make()
    const token = await sign({ jti: 'to-be-revoked' })
    expect((await app.fetch(ask({ Authorization: `Bearer ${token}` }))).status).toBe(200)
    revoked.add('to-be-revoked')
    expect((await app.fetch(ask({ Authorization: `Bearer ${token}` }))).status).toBe(401)
  })

  test('[attack 159] an outage is 503, never a refused token', async () => {
    outage = true
    const response = await make().fetch(ask({ Authorization: `Bearer ${await sign()}` }))
    expect(response.status).toBe(503)
    expect(response.headers.get('www-authenticate')).toBeNull()
    const broken = make({
      auth: { issuer, protect: () => ({ verifyAccessToken: () => Promise.reject(new Error('x')) }) },
    })
    expect((await broken.fetch(ask({ Authorization: 'Bearer x' }))).status).toBe(401)
  })
})

describe('paths', () => {
  test.each([
    '/notes/mcp/../../files/mcp',
    '/public/..\\notes/mcp',
    '/notes%2fmcp',
    '/notes/%6dcp',
    '/notes//mcp',
    '/notes/mcp;x',
    '/notes/mcp%3Fx',
    '/notes/mcp%23',
    '/notes/mcp%00',
    '/%252e%252e/notes/mcp',
    '/.well-known/oauth-protected-resource/notes/%6dcp',
  ])('%s is 400, with a token and without [finding 6, finding 13, attack 143]', async (uri) => {
    for (const headers of [{}, { Authorization: `Bearer ${await sign()}` }]) {
      const response = await make().fetch(ask({ ...headers, 'X-Forwarded-Uri': uri }))
      expect([response.status, response.headers.get('x-user-id')]).toEqual([400, null])
    }
  })

  test('of nested servers the nearest one decides [finding 6]', async () => {
    const servers = { '/tools': { subpaths: true }, '/tools/admin': {} }
    const app = make({ servers })
    const outer = { Authorization: `Bearer ${await sign({ aud: `${url}/tools` })}` }
    const status = async (uri: string) => (await app.fetch(ask({ ...outer, 'X-Forwarded-Uri': uri }))).status
    expect(await status('/tools/x')).toBe(200)
    expect(await status('/tools/admin')).toBe(403)
    expect(await status('/tools/admin/x')).toBe(401)
    for (const uri of ['/tools/%61dmin', '/tools/ADMIN', '/tools/admin%3Bx', '/tools/admin;x', '/tools/admin.']) {
      expect(await status(uri)).toBe(400)
    }
  })

  test('what is routed here is 400 too, where it has several readings [finding 13]', async () => {
    const app = make({ auth: { ...authority, handle: () => new Response('token endpoint') } })
    const get = async (path: string) => (await app.fetch(new Request(`http://mcp.example.com${path}`))).status
    expect(await get('/token')).toBe(200)
    for (const path of ['/tok%65n', '//token', '/token;x', '/a%2ftoken']) expect(await get(path)).toBe(400)
  })
})

describe('ext-authz', () => {
  const servers = { '/notes/mcp': {}, '/admin/mcp': {} }
  const app = () => make({ dialect: 'ext-authz', servers })
  const headers = async (path: string) => ({
    Host: 'mcp.example.com',
    'X-Forwarded-Proto': 'https',
    Authorization: `Bearer ${await sign({ aud: url + path })}`,
  })

  test('refuses everything on a host that does not tell the raw target [finding 13]', async () => {
    const request = new Request('http://mcp.example.com/auth/notes/mcp', { headers: await headers('/notes/mcp') })
    const response = await app().fetch(request)
    expect([response.status, response.headers.get('x-user-id')]).toEqual([401, null])
    expect(await response.text()).toContain('toNodeHandler')
    expect(logged.join()).toContain('does not tell')
    // The same request, by a host that tells
    const told = await app().handle(request, { target: '/auth/notes/mcp' })
    expect([told.status, told.headers.get('x-user-id')]).toEqual([200, 'alice'])
    const other = await app().handle(request, { target: '/auth/public/..\\notes/mcp' })
    expect(other.status).toBe(400)
  })

  test.each([
    ['toNodeHandler of forward-auth', (forwardAuth: ForwardAuth) => toAskedHandler(forwardAuth, { logger })],
    ['toNodeHandler of core', (forwardAuth: ForwardAuth) => toNodeHandler(forwardAuth, { logger })],
  ])('decides on the raw target by %s [finding 13]', async (_, mount) => {
    const server = createServer(mount(app()))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const status = async (path: string, token: string) => {
      const request = sendRequest({ host: '127.0.0.1', port, path: `/auth${path}`, headers: await headers(token) })
      const [response] = await once(request.end(), 'response')
      response.resume()
      return response.statusCode
    }
    try {
      expect(await status('/notes/mcp', '/notes/mcp')).toBe(200)
      expect(await status('/admin/mcp', '/notes/mcp')).toBe(403)
      for (const path of [
        '/public/..\\admin/mcp',
        '/public/../admin/mcp',
        '/public/%2e%2e/admin/mcp',
        '/admin%2fmcp',
      ]) {
        for (const token of ['/admin/mcp', '/notes/mcp']) expect(await status(path, token)).toBe(400)
      }
    } finally {
      server.close().closeAllConnections()
    }
  })
})

describe('policy', () => {
  const modern = { 'X-Forwarded-Method': 'POST', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' }

  test('[M8, R4] is asked about method, name, user and address, and steps up with all scopes', async () => {
    const inputs: PolicyInput[] = []
    const app = make(
      {},
      {
        requiredScopes: ['mcp'],
        policy: (input) => {
          inputs.push(input)
          return { allow: false, reason: 'Only "editors"', requiredScopes: ['edit'] }
        },
      },
    )
    const headers = {
      ...modern,
      'Mcp-Method': 'tools/call',
      'Mcp-Name': 'delete',
      Authorization: `Bearer ${await sign({ roles: ['r'], groups: ['g'] })}`,
    }
    const response = await app.handle(ask(headers), { client: { address: '192.0.2.1' } })
    expect(response.status).toBe(403)
    expect(response.headers.get('www-authenticate')).toMatch(/scope="mcp edit", resource_metadata=/)
    expect(inputs).toEqual([
      {
        subject: { issuer, id: 'alice', clientId: 'client-1', scopes: ['mcp'], roles: ['r'], groups: ['g'] },
        action: 'tools/call',
        resource: { server: notes, kind: 'tool', name: 'delete' },
        env: { address: '192.0.2.1', time: expect.closeTo(Date.now() / 1000, -1) },
      },
    ])
  })

  test('without scopes that would help there is no challenge, so that clients do not sign in again and again', async () => {
    const app = make({}, { policy: () => ({ allow: false, reason: 'Not at night', public: true }) })
    const response = await app.fetch(ask({ ...modern, Authorization: `Bearer ${await sign()}` }))
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([403, null])
    expect(await response.text()).toContain('Not at night')
  })

  test.each([[[]], [['edit']]])(
    'keeps a reason that is not public to itself, with scopes %j',
    async (requiredScopes) => {
      const app = make({}, { policy: () => ({ allow: false, reason: 'score-17', requiredScopes }) })
      const response = await app.fetch(ask({ ...modern, Authorization: `Bearer ${await sign()}` }))
      expect(response.status).toBe(403)
      expect(JSON.stringify([...response.headers]) + (await response.text())).not.toContain('score-17')
    },
  )

  test('what is no yes is a no, and a policy that fails decides nothing', async () => {
    const ask_ = async (policy: () => unknown) => {
      const app = make({}, { policy: policy as ForwardAuthServer['policy'] })
      return (await app.fetch(ask({ ...modern, Authorization: `Bearer ${await sign()}` }))).status
    }
    expect(await ask_(() => ({ allow: true }))).toBe(200)
    for (const answer of [undefined, null, true, { allow: 'true' }, { allow: 1 }, {}]) {
      expect(await ask_(() => answer)).toBe(403)
    }
    expect(await ask_(() => Promise.reject(new Error('down')))).toBe(503)
    expect(
      await ask_(() => {
        throw new GatewayError('temporarily_unavailable', 'down')
      }),
    ).toBe(503)
  })

  test('[M26] older revisions, GET and DELETE are refused, or asked about once for the whole server', async () => {
    const refusing = make({}, { policy: () => ({ allow: true }) })
    const authorization = { Authorization: `Bearer ${await sign()}` }
    const post = await refusing.fetch(
      ask({ ...authorization, 'X-Forwarded-Method': 'POST', 'MCP-Protocol-Version': '2025-11-25' }),
    )
    expect(post.status).toBe(400)
    expect(await post.json()).toMatchObject({
      error: { code: -32022, data: { supported: ['2026-07-28'], requested: '2025-11-25' } },
    })
    const get = await refusing.fetch(ask({ ...authorization, ...modern, 'X-Forwarded-Method': 'GET' }))
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])

    const actions: string[] = []
    const whole = make(
      {},
      {
        olderRevisions: 'whole-server',
        policy: ({ action, resource: { kind } }) => {
          actions.push(`${action} ${kind}`)
          return action === '*' ? { allow: false, reason: 'no' } : { allow: true }
        },
      },
    )
    // A header of an older revision is not believed: it would let anybody name a harmless tool
    const older = { ...authorization, ...modern, 'MCP-Protocol-Version': '2025-11-25' }
    expect((await whole.fetch(ask(older))).status).toBe(403)
    expect((await whole.fetch(ask({ ...authorization, 'X-Forwarded-Method': 'DELETE' }))).status).toBe(403)
    expect((await whole.fetch(ask({ ...authorization, ...modern }))).status).toBe(200)
    expect(actions).toEqual(['* server', '* server', 'tools/list server'])
  })

  test.each(['completion/complete', 'subscriptions/listen', 'resources/subscribe', 'tasks/result'])(
    'what a %s is about is in no header: only somebody who may do everything may [finding 2]',
    async (method) => {
      const asked: unknown[] = []
      const app = make(
        {},
        {
          policy: ({ action, resource, subject }) => {
            asked.push([action, resource.kind, resource.name])
            return action === method || subject.roles.includes('admin')
              ? { allow: true }
              : { allow: false, reason: 'no' }
          },
        },
      )
      const as = async (roles: string[]) => {
        const headers = { ...modern, 'Mcp-Method': method, 'Mcp-Name': 'harmless' }
        return (await app.fetch(ask({ ...headers, Authorization: `Bearer ${await sign({ roles })}` }))).status
      }
      expect(await as(['reader'])).toBe(403)
      expect(await as(['admin'])).toBe(200)
      expect(asked).toEqual(Array(2).fill(['*', 'server', undefined]))
    },
  )

  test('[M25] malformed mirrored headers are 400 with the code of the specification', async () => {
    const app = make({}, { policy: () => ({ allow: true }) })
    const response = await app.fetch(ask({ ...modern, 'Mcp-Method': 'a, b', Authorization: `Bearer ${await sign()}` }))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: -32020 } })
  })
})

describe('assertion', () => {
  const own = createSigningKeys({ issuer: 'http://127.0.0.1:8', storage: memoryStorage() })

  test('tells an upstream who calls, so that it can check that the proxy asked', async () => {
    const app = make({ assertion: { keys: own } })
    const token = await sign({ email: 'a\r\nb', roles: ['r'] })
    const headers = { Authorization: `Bearer ${token}` }
    const first = (await app.fetch(ask(headers))).headers.get('x-identity-assertion') ?? ''
    expect((await app.fetch(ask(headers))).headers.get('x-identity-assertion')).toBe(first)

    const jwks = await app.fetch(new Request('http://forward-auth:9100/.well-known/forward-auth-jwks.json'))
    const verify = createLocalJWKSet(await jwks.json())
    const options = { issuer: url, audience: notes, typ: 'identity+jwt' }
    const { payload } = await jwtVerify(first, verify, options)
    expect(payload).toMatchObject({ sub: 'alice', client_id: 'client-1', scope: 'mcp', roles: ['r'], email: 'a\r\nb' })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
    await expect(jwtVerify(first, verify, { ...options, audience: `${url}/files/mcp` })).rejects.toThrow()
    // It is no access token
    expect((await app.fetch(ask({ Authorization: `Bearer ${first}` }))).status).toBe(401)
  })

  test('never outlives the token, and is nobody for a preflight', async () => {
    const app = make({ assertion: { keys: own, lifetime: 300, header: 'X-Proof' } })
    const exp = Math.floor(Date.now() / 1000) + 20
    const response = await app.fetch(ask({ Authorization: `Bearer ${await sign({ exp })}` }))
    const claims = JSON.parse(atob(response.headers.get('x-proof')?.split('.')[1] ?? ''))
    expect(claims.exp).toBe(exp)
    const page = { Origin: url, 'Access-Control-Request-Method': 'POST', 'X-Forwarded-Method': 'OPTIONS' }
    expect((await app.fetch(ask(page))).headers.get('x-proof')).toBe('-')
  })

  test('names the issuer and the end of the token, so that a server tells users of two issuers apart', async () => {
    const app = make({ assertion: { keys: own } })
    const exp = Math.floor(Date.now() / 1000) + 200
    const response = await app.fetch(ask({ Authorization: `Bearer ${await sign({ exp })}` }))
    const claims = JSON.parse(atob(response.headers.get('x-identity-assertion')?.split('.')[1] ?? ''))
    expect(claims).toMatchObject({ token_iss: issuer, token_exp: exp })
  })

  test('for single use is another one for each request', async () => {
    const app = make({ assertion: { keys: own, singleUse: true } })
    const headers = { Authorization: `Bearer ${await sign()}` }
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const assertion = (await app.fetch(ask(headers))).headers.get('x-identity-assertion') ?? ''
        return JSON.parse(atob(assertion.split('.')[1] ?? '')).jti
      }),
    )
    expect(new Set(ids).size).toBe(20)
    expect(ids.every((id) => /^[\w-]{20,}$/.test(id))).toBe(true)
  })

  test('keys that cannot sign are an outage', async () => {
    const broken = { ...own, sign: () => Promise.reject(new GatewayError('temporarily_unavailable', 'no keys')) }
    const response = await make({ assertion: { keys: broken } }).fetch(ask({ Authorization: `Bearer ${await sign()}` }))
    expect(response.status).toBe(503)
  })
})

describe('DPoP', () => {
  async function bound() {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const jwk = await exportJWK(publicKey)
    const token = await sign({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token)))
    const ath = btoa(String.fromCharCode(...hash))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '')
    const prove = (htm: string, htu: string) =>
      new SignJWT({ htm, htu, ath, jti: crypto.randomUUID() })
        .setIssuedAt()
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .sign(privateKey)
    return { token, prove }
  }

  test('[attack 138] bound tokens are refused unless it is on', async () => {
    const { token, prove } = await bound()
    for (const scheme of ['Bearer', 'DPoP']) {
      const headers = { Authorization: `${scheme} ${token}`, DPoP: await prove('GET', notes) }
      expect((await make().fetch(ask(headers))).status).toBe(401)
    }
  })

  test('[attack 138] proofs are for the original method and URL, and work once', async () => {
    const { token, prove } = await bound()
    const app = make({ dpop: dpop({ storage: memoryStorage() }) })
    const status = async (proof: string, headers = {}) =>
      (await app.fetch(ask({ Authorization: `DPoP ${token}`, DPoP: proof, ...headers }))).status
    const proof = await prove('POST', notes)
    expect(await status(proof, { 'X-Forwarded-Method': 'POST' })).toBe(200)
    expect(await status(proof, { 'X-Forwarded-Method': 'POST' })).toBe(401)
    expect(await status(await prove('POST', notes))).toBe(401)
    expect(await status(await prove('GET', 'http://forward-auth:9100/auth'))).toBe(401)
    expect(await status(await prove('GET', `${url}/files/mcp`))).toBe(401)
    expect((await app.fetch(ask({ Authorization: `Bearer ${token}` }))).status).toBe(401)
  })
})

describe('what is routed here', () => {
  const get = (path: string, init: RequestInit = {}, host = 'mcp.example.com') =>
    new Request(`http://${host}${path}`, init)
  const wellKnown = '/.well-known/oauth-protected-resource'

  test('[R1] metadata by host and path; at the root only where one resource is meant', async () => {
    const app = make({ servers: { '/notes/mcp': {}, '/files/mcp': {}, 'https://b.example/mcp': { name: 'B' } } })
    expect(await (await app.fetch(get(`${wellKnown}/notes/mcp`))).json()).toMatchObject({
      resource: notes,
      authorization_servers: [issuer],
    })
    expect((await app.fetch(get(`${wellKnown}/notes/mcp`, {}, 'mcp.example.com:443'))).status).toBe(200)
    expect(await (await app.fetch(get(wellKnown, {}, 'b.example'))).json()).toMatchObject({ resource_name: 'B' })
    for (const [path, host] of [
      [wellKnown],
      [`${wellKnown}/x`],
      [`${wellKnown}/notes/mcp`, 'b.example'],
      [wellKnown, 'c.example'],
    ]) {
      const response = await app.fetch(get(path ?? '', {}, host))
      expect([response.status, response.headers.get('content-type')]).toEqual([404, 'application/json'])
    }
  })

  test('[attack 151] preflights of the servers, for allowed pages', async () => {
    const preflight = (path: string, origin: string) =>
      make({ allowedOrigins: ['https://app.example.com'] }).fetch(
        get(path, { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' } }),
      )
    const response = await preflight('/notes/mcp', 'https://app.example.com')
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://app.example.com',
    ])
    expect((await preflight('/notes/mcp', 'https://evil.test')).headers.get('access-control-allow-origin')).toBeNull()
    expect((await preflight('/unknown', 'https://app.example.com')).status).toBe(401)
  })

  test('the endpoints of an authorization server, and nothing else', async () => {
    const app = make({
      auth: {
        ...authority,
        match: (request) => new URL(request.url).pathname === '/token',
        handle: () => new Response('token endpoint'),
      },
    })
    expect(await (await app.fetch(get('/token', { method: 'POST' }))).text()).toBe('token endpoint')
    for (const path of [
      '/',
      '/notes/mcp',
      '/authx',
      '/auth/notes/mcp',
      '/healthy',
      '/.well-known/forward-auth-jwks.json',
    ]) {
      const response = await app.fetch(get(path, { headers: { Authorization: `Bearer ${await sign()}` } }))
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    }
  })

  test('[attack 144] health checkers find nothing open by their name', async () => {
    const response = await make().fetch(ask({ 'X-Forwarded-Uri': '/health', 'User-Agent': 'kube-probe/1.30' }))
    expect(response.status).toBe(401)
  })
})

test.each<[string, Partial<ForwardAuthOptions>]>([
  ['an unknown dialect', { dialect: 'auto' as Dialect }],
  ['no servers', { servers: {} }],
  ['a path with a query', { path: '/auth?' }],
  ['olderRevisions without a policy', { servers: { '/mcp': { olderRevisions: 'refuse' } } }],
  ['two servers at one place', { servers: { '/mcp': {}, [`${url}/mcp`]: {} } }],
  ['a public server without TLS', { servers: { 'http://b.example/mcp': {} } }],
  ['an origin with a path', { allowedOrigins: ['https://a.example/x'] }],
  ['an assertion that lives for long', { assertion: { keys, lifetime: 3600 } }],
  ['an assertion in a taken header', { assertion: { keys, header: 'X-User-Id' } }],
])('%s is refused at construction', (_, options) => {
  expect(() => make(options)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
})

test('on loopback, what is served besides decisions is not for a foreign Host [finding 19]', async () => {
  const local = 'http://127.0.0.1:9100'
  const options = {
    url: local,
    auth: { ...authority, match: () => true, handle: () => new Response('authority') },
    assertion: { keys },
  }
  const app = make(options)
  const paths = ['/.well-known/oauth-protected-resource/notes/mcp', '/.well-known/forward-auth-jwks.json', '/authorize']
  for (const path of paths) {
    const ask = async (app: ReturnType<typeof make>, host: string, method = 'GET') =>
      (await app.fetch(new Request(local + path, { method, headers: { host } }))).status
    expect(await ask(app, 'evil.example.com:9100')).toBe(403)
    expect(await ask(app, 'evil.example.com:9100', 'OPTIONS')).toBe(403)
    expect(await ask(app, '127.0.0.1:9100')).toBe(200)
    expect(await ask(make({ ...options, allowedHosts: ['forward-auth', '127.0.0.1'] }), 'forward-auth:9100')).not.toBe(
      403,
    )
  }
})

test('an issuer is enough, and nothing is fetched at construction', () => {
  expect(make({ auth: { issuer: 'https://login.example.com' } })).toHaveProperty('fetch')
})

test('[attack 160] neither tokens nor personal data are logged', async () => {
  const token = await sign({ email: 'ada@example.com' })
  await make().fetch(ask({ Authorization: `Bearer ${token}` }))
  await make().fetch(ask({ Authorization: `Bearer ${token}x`, 'X-Forwarded-Uri': `/notes/mcp?access_token=${token}` }))
  expect(logged.length).toBeGreaterThan(1)
  expect(logged.join()).not.toMatch(/eyJ|ada@/)
})

describe('a token whose user is not known', () => {
  const inputs: PolicyInput[] = []
  const policy = (input: PolicyInput) => {
    inputs.push(input)
    return { allow: true as const }
  }
  const named = (extra: Record<string, unknown>): Authority => ({
    issuer,
    protect: () => ({
      verifyAccessToken: async (token) => ({
        token,
        clientId: 'shared-app',
        scopes: ['mcp'],
        expiresAt: Math.floor(Date.now() / 1000) + 300,
        extra,
      }),
    }),
  })
  const options = { assertion: { keys } }
  const server: ForwardAuthServer = { policy, olderRevisions: 'whole-server' }
  const asked = async (authority: Authority, more: Partial<ForwardAuthOptions> = {}) =>
    make({ ...options, ...more, auth: authority }, server).fetch(ask({ Authorization: 'Bearer opaque' }))

  test('is refused, with an answer and a log line that say why [finding 4]', async () => {
    const response = await asked(named({ userId: 'alice' }))
    expect(response.status).toBe(403)
    expect(response.headers.has('x-user-id')).toBe(false)
    expect(await response.json()).toMatchObject({ error: 'access_denied' })
    expect(logged.join()).toContain('a token names no subject')
    expect(inputs).toEqual([])
  })

  test('passes where `subject` says where it names the user [finding 4]', async () => {
    const response = await asked(named({ userId: 'alice' }), { subject: 'userId' })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-user-id')).toBe('alice')
    expect(inputs.at(-1)?.subject.id).toBe('alice')
  })

  test('a client that acts for itself is no user, for headers, assertions and policies [finding 4]', async () => {
    const response = await asked(named({ subject: 'shared-app' }))
    expect(response.status).toBe(200)
    expect(response.headers.get('x-user-id')).toBe('-')
    expect(response.headers.get('x-client-id')).toBe('shared-app')
    const jws = response.headers.get('x-identity-assertion') ?? ''
    const { payload } = await jwtVerify(jws, createLocalJWKSet(await keys.jwks()))
    expect(payload).not.toHaveProperty('sub')
    expect(payload.client_id).toBe('shared-app')
    expect(inputs.at(-1)?.subject).not.toHaveProperty('id')
  })
})
