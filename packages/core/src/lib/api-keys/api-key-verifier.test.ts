import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { audience, issuer, keySet, sign, testKey } from '../../../test/issuer.js'
import type { AuthInfo, TokenUse } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import type { Handler } from '../contract/handler.js'
import type { RequestRecord } from '../contract/request-record.js'
import type { Storage } from '../contract/storage.js'
import { createGateway } from '../gateway/create-gateway.js'
import type { GatewayOptions } from '../gateway/gateway-options.js'
import { respond } from '../http/respond.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { anyVerifier } from '../tokens/any-verifier.js'
import { createTokenVerifier } from '../tokens/create-token-verifier.js'
import { issuerAuthority } from '../tokens/issuer-authority.js'
import { principal } from '../tokens/principal.js'
import type { CreateApiKeyOptions, OwnerRights } from './api-key.js'
import { type ApiKeyVerifierOptions, createApiKeyVerifier } from './api-key-verifier.js'
import { type ApiKeys, createApiKeys } from './create-api-keys.js'
import { keyFormat } from './key-format.js'

const url = 'https://mcp.example.com'
const server = `${url}/notes/mcp`
const alice = { issuer, subject: 'alice' }
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

let storage: Storage
let keys: ApiKeys
let rights: OwnerRights | undefined

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  storage = memoryStorage()
  rights = { scopes: ['notes:read', 'notes:write'], roles: ['editor'] }
  keys = createApiKeys({ storage, ownerRights: () => rights })
})
afterEach(() => void vi.useRealTimers())

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const make = (options: Partial<CreateApiKeyOptions> = {}) =>
  keys.create({ owner: alice, name: 'a', scopes: ['notes:read'], ...options })
const verifier = (options: ApiKeyVerifierOptions = {}) => createApiKeyVerifier(keys, { resource: server, ...options })
const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: { reason?: string; code?: string }) => error.reason ?? error.code,
  )

/** A gateway that takes keys, and the records of its requests. */
function gatewayOf(options: ApiKeyVerifierOptions = {}, more: Partial<GatewayOptions> = {}) {
  const records: RequestRecord[] = []
  const answer: Handler = (_, { auth }) =>
    respond(JSON.stringify(auth), { headers: { 'Content-Type': 'application/json' } })
  const gateway = createGateway({
    url,
    auth: createApiKeyVerifier(keys, options),
    servers: { '/notes/mcp': answer },
    logger: quiet,
    observe: (record) => void records.push(record),
    ...more,
  })
  const call = (headers: Record<string, string>, address = '192.0.2.1', query = '') =>
    gateway.handle(
      new Request(server + query, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      }),
      { client: { address } },
    )
  return { gateway, records, call }
}
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` })

describe('a good key', () => {
  test('tells who it is for, by ids that policy and audit can use, and is not in it itself', async () => {
    const { key, apiKey } = await make()
    const auth = await verifier().verifyAccessToken(key)
    expect(auth).toEqual({
      token: '',
      clientId: apiKey.id,
      scopes: ['notes:read'],
      expiresAt: apiKey.expiresAt,
      resource: new URL(server),
      extra: {
        issuer: `apikey:${issuer}`,
        subject: 'alice',
        roles: ['editor'],
        groups: [],
        credentialId: apiKey.id,
        claims: expect.objectContaining({
          sub: 'alice',
          credential_id: apiKey.id,
          credential_generation: 1,
          scope: 'notes:read',
        }),
      },
    })
    expect(JSON.stringify(auth)).not.toContain(key.split('_')[2])
  })

  test('of one person is not that of another of the same name at another issuer, nor of a service account', async () => {
    const owners = [alice, { issuer: 'https://other.example.com', subject: 'alice' }, { serviceAccount: 'alice' }]
    const names = await Promise.all(
      owners.map(async (owner) => principal(await verifier().verifyAccessToken((await make({ owner })).key))),
    )
    expect(new Set(names).size).toBe(3)
  })

  test('that never ends has an end that every date can show', async () => {
    const { key } = await make({ expiresAt: null })
    const { expiresAt = 0 } = await verifier().verifyAccessToken(key)
    expect(new Date(expiresAt * 1000).toISOString()).toBe('9999-12-31T23:59:59.000Z')
  })

  test('is looked up once a second, once for any number of requests at a time', async () => {
    const { key } = await make()
    const get = vi.spyOn(storage, 'get')
    const checked = verifier()
    await Promise.all(Array.from({ length: 20 }, () => checked.verifyAccessToken(key)))
    later(0.999)
    await checked.verifyAccessToken(key)
    expect(get).toHaveBeenCalledTimes(1)
    later(0.001)
    await checked.verifyAccessToken(key)
    expect(get).toHaveBeenCalledTimes(2)
  })

  test('is refused at most maxAge after it was revoked, and at its end by the millisecond', async () => {
    const { key, apiKey } = await make({ expiresAt: Date.now() / 1000 + 3 })
    const checked = verifier({ maxAge: 5 })
    const fresh = verifier({ maxAge: 0 })
    for (const one of [checked, fresh]) await one.verifyAccessToken(key)
    later(2.999)
    expect(await reasonOf(checked.verifyAccessToken(key))).toBe('accepted')
    later(0.001)
    expect(await reasonOf(checked.verifyAccessToken(key))).toBe('expired')
    await keys.revoke(apiKey.id)
    expect(await reasonOf(fresh.verifyAccessToken(key))).toBe('revoked')
    expect(() => verifier({ maxAge: 6 })).toThrow(/maxAge.*number up to 5/)
  })

  test('works from the time that it says', async () => {
    const { key } = await make({ notBefore: Date.now() / 1000 + 3 })
    expect(await reasonOf(verifier().verifyAccessToken(key))).toBe('early')
    later(3)
    expect(await reasonOf(verifier().verifyAccessToken(key))).toBe('accepted')
  })

  test('works at the servers that it names', async () => {
    const { key } = await make({ servers: [server] })
    expect(await reasonOf(verifier().verifyAccessToken(key))).toBe('accepted')
    expect(await reasonOf(verifier({ resource: `${url}/files/mcp` }).verifyAccessToken(key))).toBe('resource')
    expect(await reasonOf(createApiKeyVerifier(keys).verifyAccessToken(key))).toBe('resource')
    expect(await reasonOf(createApiKeyVerifier(keys).verifyAccessToken((await make()).key))).toBe('accepted')
  })

  test.each([
    ['192.0.2.7', 'accepted'],
    ['::ffff:192.0.2.7', 'accepted'],
    ['2001:db8::1', 'accepted'],
    ['192.0.3.7', 'ip'],
    ['unknown', 'ip'],
    [undefined, 'ip'],
  ])('works from the addresses that it names: from %s it is %s', async (address, expected) => {
    const { key } = await make({ addresses: ['192.0.2.0/24', '2001:db8::/32'] })
    const use: TokenUse = address === undefined ? {} : { address }
    expect(await reasonOf(verifier().verifyAccessToken(key, undefined, use))).toBe(expected)
  })

  test('counts requests, and not what an open stream asks again', async () => {
    const { key } = await make({ rate: { limit: 2, window: 60 } })
    const checked = verifier()
    for (let index = 0; index < 2; index++) await checked.verifyAccessToken(key)
    await checked.verifyAccessToken(key, undefined, { again: true })
    expect(await reasonOf(checked.verifyAccessToken(key))).toBe('rate')
  })

  test('is not taken for a token that is bound to a key', async () => {
    const { key } = await make()
    expect(await reasonOf(verifier().verifyAccessToken(key, { jkt: 'a' }))).toBe('malformed')
  })
})

test('100,000 random keys cause no read of the storage', async () => {
  const get = vi.spyOn(storage, 'get')
  const checked = verifier()
  const { key } = await make()
  get.mockClear()
  for (let index = 0; index < 100_000; index++) {
    const at = 5 + (index % 51)
    const changed = `${key.slice(0, at)}${key[at] === 'x' ? 'y' : 'x'}${key.slice(at + 1)}`
    const text = index % 2 ? changed : `mcpg_${index.toString(36).padEnd(51, 'a')}`
    await checked.verifyAccessToken(text).then(
      () => expect.fail(text),
      () => {},
    )
  }
  expect(get).not.toHaveBeenCalled()
})

describe('a gateway that takes keys', () => {
  test('lets a key in, and sets what policy and audit need', async () => {
    const { key, apiKey } = await make()
    const { call, records } = gatewayOf()
    const response = await call(bearer(key))
    expect(response.status).toBe(200)
    expect(((await response.json()) as AuthInfo).clientId).toBe(apiKey.id)
    expect(records[0]?.auth?.extra).toMatchObject({ credentialId: apiKey.id, subject: 'alice' })
  })

  test('tells clients the same for every reason, and the reason to the operator alone', async () => {
    const good = await make({ addresses: ['10.0.0.1'] })
    const ended = await make({ expiresAt: Date.now() / 1000 + 1 })
    const revoked = await make()
    const elsewhere = await make({ servers: [`${url}/files/mcp`] })
    await keys.revoke(revoked.apiKey.id)
    later(2)
    const { call, records } = gatewayOf()
    const cases: Record<string, string> = {
      ip: good.key,
      expired: ended.key,
      revoked: revoked.key,
      resource: elsewhere.key,
      malformed: `${good.key.slice(0, -1)}_`,
      unknown: keyFormat('mcpg').make().key,
      secret: keyFormat('mcpg').make(good.apiKey.id).key,
    }
    const answers = new Set<string>()
    for (const [reason, key] of Object.entries(cases)) {
      const response = await call(bearer(key))
      const { refusal, decision } = records.at(-1) ?? {}
      expect(refusal).toMatchObject({ by: 'bearerAuth', code: 'invalid_token', cause: { reason } })
      expect(decision).toBe('deny')
      expect(JSON.stringify(refusal)).not.toContain(key.slice(-38))
      answers.add(JSON.stringify([response.status, response.headers.get('www-authenticate'), await response.text()]))
    }
    expect([...answers]).toEqual([
      JSON.stringify([
        401,
        'Bearer error="invalid_token", error_description="The access token is not valid for this resource"',
        '{"error":"invalid_token","error_description":"The access token is not valid for this resource"}',
      ]),
    ])
  })

  test('names no metadata and serves none, so that no client opens a browser', async () => {
    const { gateway, call } = gatewayOf()
    const response = await call({})
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    for (const path of [
      '/.well-known/oauth-protected-resource/notes/mcp',
      '/.well-known/oauth-protected-resource',
      '/register',
    ]) {
      expect((await gateway.fetch(new Request(url + path))).status).toBe(404)
    }
    const scopeless = await gatewayOf(
      {},
      { servers: { '/notes/mcp': { server: () => respond(''), requiredScopes: ['admin'] } } },
    )
    const { key } = await make()
    const refused = await scopeless.call(bearer(key))
    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).not.toContain('resource_metadata')
  })

  test('answers 429 with the seconds to wait to a key that is used too often', async () => {
    const { key } = await make({ rate: { limit: 1, window: 60 } })
    const { call, records } = gatewayOf()
    expect((await call(bearer(key))).status).toBe(200)
    const refused = await call(bearer(key))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(records.at(-1)?.refusal).toMatchObject({ code: 'too_many_requests', cause: { reason: 'rate' } })
    expect(records.at(-1)?.decision).toBe('deny')
  })

  test('answers 503, not 401, while the storage or the rights of owners cannot be had', async () => {
    const { key } = await make()
    const { call, records, gateway } = gatewayOf({ maxAge: 0 })
    const down = Object.assign(new Error('down'), { code: 'temporarily_unavailable' })
    const get = vi.spyOn(storage, 'get').mockRejectedValue(down)
    const check = vi.spyOn(storage, 'check').mockRejectedValue(down)
    expect((await call(bearer(key))).status).toBe(503)
    expect(records.at(-1)?.decision).toBe('error')
    expect((await gateway.fetch(new Request(`${url}/ready`))).status).toBe(503)
    for (const one of [get, check]) one.mockRestore()
    expect((await call(bearer(key))).status).toBe(200)
    const broken = createApiKeys({ storage, ownerRights: () => Promise.reject(new Error('directory')) })
    expect((await gatewayOf({}, { auth: createApiKeyVerifier(broken) }).call(bearer(key))).status).toBe(503)
  })

  test('takes a key in another header where that is named, and never two credentials at once', async () => {
    const { key } = await make()
    const { call } = gatewayOf({ header: 'X-API-Key' })
    expect((await call({ 'x-api-key': key })).status).toBe(200)
    expect((await call(bearer(key))).status).toBe(200)
    for (const two of [
      { ...bearer(key), 'x-api-key': key },
      { Authorization: 'Basic YTpi', 'x-api-key': key },
      { 'x-api-key': `${key}, ${key}` },
      { 'x-api-key': '' },
    ]) {
      const response = await call(two)
      expect(response.status).toBe(400)
      expect(((await response.json()) as { error: string }).error).toBe('invalid_request')
    }
    expect((await gatewayOf().call({ 'x-api-key': key })).status).toBe(401)
  })

  test('takes no key from a URL', async () => {
    const { key } = await make()
    for (const name of ['access_token', 'api_key', 'key', 'x-api-key']) {
      expect((await gatewayOf({ header: 'x-api-key' }).call({}, undefined, `?${name}=${key}`)).status).toBe(401)
    }
  })

  test('refuses a header of a megabyte without reading it', async () => {
    const { call } = gatewayOf({ header: 'x-api-key' })
    const huge = `mcpg_${'a'.repeat(1_000_000)}`
    const get = vi.spyOn(storage, 'get')
    expect((await call(bearer(huge))).status).toBe(431)
    expect((await call({ 'x-api-key': huge })).status).toBe(431)
    expect((await call({ 'x-api-key': 'm%D1%81pg_with_a_letter_of_another_script' })).status).toBe(400)
    expect(get).not.toHaveBeenCalled()
  })

  test('lets the call of a revoked key go on, and refuses the next', async () => {
    const { key, apiKey } = await make()
    let send: ((text: string) => void) | undefined
    let end: (() => void) | undefined
    const streaming: Handler = () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          send = (text) => controller.enqueue(new TextEncoder().encode(`data: ${text}\n\n`))
          end = () => controller.close()
        },
      })
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
    }
    const { call } = gatewayOf({}, { servers: { '/notes/mcp': streaming } })
    const running = await call(bearer(key))
    send?.('one')
    await keys.revoke(apiKey.id)
    later(1)
    expect((await call(bearer(key))).status).toBe(401)
    send?.('two')
    end?.()
    expect(await running.text()).toBe('data: one\n\ndata: two\n\n')
  })
})

describe('keys and access tokens at one endpoint', () => {
  test('are both taken by anyVerifier, in either order', async () => {
    vi.useRealTimers()
    const signing = await testKey()
    const tokens = createTokenVerifier({ issuer, audience, jwks: keySet(signing) })
    const { key, apiKey } = await make()
    const own = createApiKeyVerifier(keys, { resource: audience })
    for (const verifiers of [
      [own, tokens],
      [tokens, own],
    ]) {
      const both = anyVerifier(verifiers)
      expect((await both.verifyAccessToken(key)).clientId).toBe(apiKey.id)
      expect((await both.verifyAccessToken(await sign(signing))).clientId).toBe('app')
    }
  })

  test('no other verifier gets to see a key that is refused, mistyped or used too often', async () => {
    const seen: string[] = []
    const nosy = {
      verifyAccessToken: async (token: string) => {
        seen.push(token)
        throw Object.assign(new Error('no'), { code: 'invalid_token' })
      },
    }
    const both = anyVerifier([verifier({ maxAge: 0 }), nosy])
    const { key, apiKey } = await make({ rate: { limit: 1, window: 60 } })
    expect(await reasonOf(both.verifyAccessToken(key))).toBe('accepted')
    expect(await reasonOf(both.verifyAccessToken(key))).toBe('rate')
    await keys.revoke(apiKey.id)
    expect(await reasonOf(both.verifyAccessToken(key))).toBe('revoked')
    expect(await reasonOf(both.verifyAccessToken(key.slice(0, -1)))).toBe('malformed')
    expect(seen).toEqual([])
    expect(await reasonOf(both.verifyAccessToken('opaque-token-of-somebody-else'))).toBe('invalid_token')
    expect(seen).toHaveLength(1)
  })

  test('the authority beside keys keeps its metadata, pages and check, and its tokens stay out of the other header', async () => {
    vi.useRealTimers()
    const signing = await testKey()
    const authority: Authority = {
      ...issuerAuthority({ issuer, jwks: keySet(signing) }),
      handle: () => respond('a login page'),
      match: (request) => request.url.endsWith('/login'),
      check: async () => ({ degraded: 'old keys' }),
    }
    const { gateway, call } = gatewayOf({ authority, header: 'x-api-key' })
    const metadata = await gateway.fetch(new Request(`${url}/.well-known/oauth-protected-resource/notes/mcp`))
    expect(await metadata.json()).toMatchObject({ authorization_servers: [issuer] })
    expect((await call({})).headers.get('www-authenticate')).toContain('resource_metadata=')
    expect(await (await gateway.fetch(new Request(`${url}/login`))).text()).toBe('a login page')
    expect(await (await gateway.fetch(new Request(`${url}/ready`))).json()).toMatchObject({ status: 'degraded' })
    const { key } = await make()
    const token = await sign(signing, { aud: server })
    expect((await call(bearer(key))).status).toBe(200)
    expect((await call({ 'x-api-key': key })).status).toBe(200)
    expect((await call(bearer(token))).status).toBe(200)
    expect((await call({ 'x-api-key': token })).status).toBe(401)
  })
})

test('several registries work at one endpoint', async () => {
  const others = createApiKeys({ storage, prefix: 'mcpg_test' })
  const both = createApiKeyVerifier([keys, others], { resource: server })
  const { key } = await others.create({ owner: { serviceAccount: 'robot' }, name: 'a' })
  expect((await both.verifyAccessToken(key)).extra).toMatchObject({ issuer: 'apikey', subject: 'robot' })
  expect(await reasonOf(both.verifyAccessToken((await make()).key))).toBe('accepted')
})

test.each([
  ['header', { header: 'Authorization' }],
  ['header', { header: 'two words' }],
  ['resource', { resource: '/notes' }],
  ['maxAge', { maxAge: -1 }],
  ['authority', { authority: 'https://login.example.com' }],
])('a wrong %s is refused at construction', (named, options) => {
  const wrong = () => createApiKeyVerifier(keys, options as unknown as ApiKeyVerifierOptions)
  expect(wrong).toThrow(
    expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining(named) }),
  )
})

test('what is no source of keys is refused at construction', () => {
  for (const none of [undefined, [], [{}], 'key']) {
    expect(() => createApiKeyVerifier(none as never)).toThrow(/keys of createApiKeyVerifier/)
  }
})

test('bearerAuth names no metadata where there is none', async () => {
  const guarded = bearerAuth({ verifier: verifier(), resource: server, resourceMetadataUrl: null })
  const response = await guarded(new Request(server), {}, () => respond(''))
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
})
