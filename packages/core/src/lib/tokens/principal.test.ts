import { describe, expect, test } from 'vitest'
import type { AuthInfo, TokenVerifier } from '../contract/auth-info.js'
import type { Context, Handler } from '../contract/handler.js'
import { translateEras } from '../eras/http/translate-eras.js'
import { compose } from '../http/compose.js'
import { rateLimit } from '../limits/rate-limit.js'
import { message } from '../message/message-middleware.js'
import { proxy } from '../proxy/proxy.js'
import { type BearerAuthOptions, bearerAuth } from '../resource-server/bearer-auth.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { fakeMcpServer } from '../testing/fake-mcp-server.js'
import { anyVerifier } from './any-verifier.js'
import { actorOf, principal } from './principal.js'

const resource = 'https://mcp.example.com/mcp'
const named = (extra: Record<string, unknown> | undefined, clientId = 'shared-app'): AuthInfo => ({
  token: 't',
  clientId,
  scopes: [],
  expiresAt: 4_102_444_800,
  extra,
})
/** A verifier of the SDK's shape, whose tokens are the names of users; it keeps them where it likes. */
const sdkShaped = (where: (user: string) => Record<string, unknown> | undefined): TokenVerifier => ({
  verifyAccessToken: async (token) => ({ ...named(where(token)), token }),
})
const withoutSubject = sdkShaped((user) => ({ userId: user, claims: { email: `${user}@example.com` } }))

describe('principal', () => {
  test('the client is nobody: two users of one client are not one [finding 4]', () => {
    for (const extra of [undefined, {}, { subject: '' }, { subject: 7 }, { subject: null }, { userId: 'alice' }]) {
      expect(actorOf(named(extra))).toBeUndefined()
      expect(() => principal(named(extra))).toThrow(expect.objectContaining({ code: 'subject_missing', status: 403 }))
    }
  })

  test('a user who is called like a client is not that client [finding 4]', () => {
    const client = principal(named({ issuer: 'https://i.example', subject: 'batch' }, 'batch'))
    const user = principal(named({ issuer: 'https://i.example', subject: 'batch' }, 'shared-app'))
    const sneaky = principal(named({ issuer: 'https://i.example', subject: 'client:batch' }, 'shared-app'))
    expect(new Set([client, user, sneaky]).size).toBe(3)
    expect(actorOf(named({ subject: 'batch' }, 'batch'))).toEqual({ kind: 'client', id: 'batch' })
  })

  test('the users of verifiers that name no issuer do not meet at one endpoint [finding 4]', async () => {
    const one = sdkShaped((user) => (user === 'a' ? { subject: 'alice' } : undefined))
    const refusing: TokenVerifier = {
      verifyAccessToken: async (token) => {
        if (token === 'b') throw Object.assign(new Error(), { code: 'invalid_token' })
        return one.verifyAccessToken(token)
      },
    }
    const other = sdkShaped(() => ({ subject: 'alice' }))
    const both = anyVerifier([refusing, other])
    const first = principal(await both.verifyAccessToken('a'))
    expect(principal(await both.verifyAccessToken('b'))).not.toBe(first)
    expect(principal(await both.verifyAccessToken('a'))).toBe(first)
  })
})

describe('where the user has to be known, a token that names none is refused [finding 4]', () => {
  const legacy = (method: string, id: number | undefined = 1) => ({ jsonrpc: '2.0', method, id, params: {} })
  const initialize = {
    ...legacy('initialize'),
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
  }
  const upstream = fakeMcpServer({ sessions: true })
  const modernUpstream = fakeMcpServer({ eras: ['modern'] })
  const toUpstream = (server: typeof upstream, options = {}) =>
    proxy(server.url, { fetch: async (input, init) => server.fetch(new Request(input, init)), ...options })

  const handlers: [string, Handler][] = [
    ['sessions of a proxy', toUpstream(upstream)],
    ['translation between eras', toUpstream(modernUpstream, { eras: translateEras() })],
    [
      'a limit per user',
      compose([rateLimit({ storage: memoryStorage(), by: 'identity', limit: 5, window: 60 })], () =>
        Response.json({ jsonrpc: '2.0', id: 1, result: {} }),
      ),
    ],
  ]

  async function ask(handler: Handler, token: string, options: Partial<BearerAuthOptions>, context: Context = {}) {
    const guarded = compose([bearerAuth({ verifier: withoutSubject, resource, ...options }), message()], handler)
    const headers = {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    }
    return guarded(new Request(resource, { method: 'POST', headers, body: JSON.stringify(initialize) }), context)
  }

  test.each(handlers)('%s', async (_, handler) => {
    const lines: unknown[] = []
    const log = (fields: Record<string, unknown>, text: string) => void lines.push([text, fields.err])
    const logger = { debug: log, info: log, warn: log, error: log }
    const refused = await ask(handler, 'alice', {}, { logger })
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({
      error: 'access_denied',
      error_description: expect.stringContaining('names none'),
    })
    expect(lines).toContainEqual(['a token names no subject', expect.objectContaining({ code: 'subject_missing' })])
  })

  test.each(handlers)('%s: works where `subject` says where the user is', async (_, handler) => {
    for (const subject of ['userId', 'email', (auth: AuthInfo) => auth.extra?.userId] as const) {
      expect((await ask(handler, 'alice', { subject })).status).toBe(200)
    }
    expect((await ask(handler, 'alice', { subject: 'sub' })).status).toBe(403)
    expect((await ask(handler, 'alice', { subject: '__proto__' })).status).toBe(403)
  })

  test('a request that needs no user passes, and tells the upstream of none', async () => {
    const stateless = fakeMcpServer()
    const response = await ask(toUpstream(stateless), 'alice', {})
    expect(response.status).toBe(200)
    expect(stateless.requests.at(-1)?.headers.get('x-user-id')).toBeNull()
    expect(stateless.requests.at(-1)?.headers.get('x-client-id')).toBe('shared-app')
  })

  test('nor is a client that acts for itself a user of the upstream', async () => {
    const stateless = fakeMcpServer()
    const verifier = sdkShaped(() => ({ subject: 'shared-app' }))
    expect((await ask(toUpstream(stateless), 'x', { verifier })).status).toBe(200)
    expect(stateless.requests.at(-1)?.headers.get('x-user-id')).toBeNull()
  })
})
