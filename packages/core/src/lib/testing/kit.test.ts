import { http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createGateway } from '../gateway/create-gateway.js'
import { proxy } from '../proxy/proxy.js'
import { createTokenVerifier } from '../tokens/create-token-verifier.js'
import { createIntrospectionVerifier } from '../tokens/introspection/create-introspection-verifier.js'
import { type FakeTokenOptions, fakeIssuer } from './fake-issuer.js'
import { fakeMcpServer } from './fake-mcp-server.js'
import { mcpAnswer, mcpRequest } from './mcp-request.js'

const resource = 'https://mcp.example.com/notes/mcp'
const client = { id: 'gateway', secret: 'secret' }
const issuer = fakeIssuer({ issuer: 'https://login.example.com/realm', client })
const upstream = fakeMcpServer({
  tools: { whoami: (_args, headers) => `${headers.get('x-user-id')}`, fail: () => ({ isError: true, content: [] }) },
})
const legacyOnly = fakeMcpServer({ url: 'https://old.test/mcp', eras: ['legacy'], sessions: true, stream: true })
const server = setupServer(...issuer.handlers(http), ...upstream.handlers(http), ...legacyOnly.handlers(http))

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const gateway = createGateway({
  url: 'https://mcp.example.com',
  auth: { issuer: issuer.issuer },
  servers: {
    '/notes/mcp': { server: proxy(upstream.url), requiredScopes: ['notes'] },
    '/old/mcp': proxy(legacyOnly.url),
    '/local/mcp': fakeMcpServer(),
  },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
})

const call = async (token: string | undefined, era: 'legacy' | 'modern' = 'legacy') =>
  gateway.fetch(mcpRequest({ url: resource, token, era, method: 'tools/call', params: { name: 'whoami' } }))

test.each(['legacy', 'modern'] as const)('a good token reaches the upstream, %s', async (era) => {
  const response = await call(await issuer.token({ resource, scope: 'notes', subject: 'ada' }), era)
  expect(response.status).toBe(200)
  expect(await mcpAnswer(response)).toMatchObject({ id: 1, result: { content: [{ type: 'text', text: 'ada' }] } })
  expect(upstream.requests.at(-1)?.headers.has('authorization')).toBe(false)
})

describe('each thing that can be wrong with a token is refused', () => {
  test.each<[string, FakeTokenOptions, number]>([
    ['another audience', { resource: 'https://mcp.example.com/other' }, 401],
    ['no audience', { resource: undefined }, 401],
    ['expired', { expiresIn: -60 }, 401],
    ['another issuer', { claims: { iss: 'https://evil.example' } }, 401],
    ['no subject', { claims: { sub: undefined } }, 401],
    ['another type', { header: { typ: 'JWT' } }, 401],
    ['an unknown key', { header: { kid: 'nobody' } }, 401],
    ['a foreign signature', { signature: 'foreign' }, 401],
    ['no signature', { signature: 'none' }, 401],
    ['too few scopes', { scope: 'other' }, 403],
  ])('%s', async (_what, options, status) => {
    expect((await call(await issuer.token({ resource, scope: 'notes', ...options }))).status).toBe(status)
  })

  test('none at all', async () => {
    expect((await call(undefined)).status).toBe(401)
  })
})

test('a key that the issuer no longer publishes', async () => {
  const rotating = fakeIssuer()
  const old = await rotating.token({ resource })
  rotating.rotate()
  const verifier = createTokenVerifier({
    issuer: rotating.issuer,
    audience: resource,
    fetch: (url) => rotating.fetch(new Request(url)),
  })
  await expect(verifier.verifyAccessToken(old)).rejects.toMatchObject({ code: 'invalid_token' })
  expect(await verifier.verifyAccessToken(await rotating.token({ resource }))).toMatchObject({ clientId: 'client-1' })
  expect(rotating.requests).toContain('/jwks')
})

test('introspection knows its tokens, and which were revoked', async () => {
  const verifier = createIntrospectionVerifier({
    issuer: issuer.issuer,
    audience: resource,
    clientId: client.id,
    clientSecret: client.secret,
  })
  const token = await issuer.token({ resource })
  expect(await verifier.verifyAccessToken(token)).toMatchObject({ extra: { subject: 'user-1' } })
  const other = await issuer.token({ resource })
  issuer.revoke(other)
  await expect(verifier.verifyAccessToken(other)).rejects.toMatchObject({ code: 'invalid_token' })
})

test('an upstream with sessions that streams, behind the proxy', async () => {
  const url = 'https://mcp.example.com/old/mcp'
  const token = await issuer.token({ resource: url })
  const send = (method: string, headers?: Record<string, string>, era?: 'modern') =>
    gateway.fetch(mcpRequest({ url, token, method, params: { protocolVersion: '2025-11-25' }, headers, era }))
  const opened = await send('initialize')
  const session = opened.headers.get('mcp-session-id') as string
  expect(await mcpAnswer(opened)).toMatchObject({ result: { protocolVersion: '2025-11-25' } })
  expect(await mcpAnswer(await send('tools/list', { 'Mcp-Session-Id': session }))).toMatchObject({
    result: { tools: [{ name: 'echo' }] },
  })
  expect((await send('tools/list')).status).toBe(400)
  expect((await send('ping', {}, 'modern')).status).toBe(400)
  const headers = { Authorization: `Bearer ${token}`, 'Mcp-Session-Id': session }
  expect((await gateway.fetch(new Request(url, { method: 'DELETE', headers }))).status).toBe(204)
  expect((await send('tools/list', { 'Mcp-Session-Id': session })).status).toBe(404)
})

test('a fake server mounts in servers as it is, and names that HTTP cannot carry are encoded', async () => {
  const url = 'https://mcp.example.com/local/mcp'
  const token = await issuer.token({ resource: url })
  const params = { name: 'smörgås', arguments: { a: 1 } }
  const unknown = await gateway.fetch(mcpRequest({ url, token, era: 'modern', method: 'tools/call', params }))
  expect(await mcpAnswer(unknown)).toMatchObject({ result: { isError: true, resultType: 'complete' } })
  const missing = await gateway.fetch(mcpRequest({ url, token, era: 'modern', method: 'nothing' }))
  expect([missing.status, (await mcpAnswer(missing)).error?.code]).toEqual([404, -32601])
})

test('a response without an answer says so', async () => {
  await expect(mcpAnswer(Response.json({ jsonrpc: '2.0', method: 'x' }))).rejects.toThrow('no JSON-RPC answer')
})
