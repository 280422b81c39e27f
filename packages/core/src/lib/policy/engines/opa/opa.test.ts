import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Opa, startOpa } from '../../../../../../../test/servers/opa.js'
import { type EngineServer, json, startEngine } from '../../../../../test/engine-server.js'
import { type Changes, policyInput } from '../../../../../test/policy-input.js'
import type { Policy } from '../../../contract/policy.js'
import { type OpaOptions, opa } from './opa.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const root = join(import.meta.dirname, '../../../../../../..')
let engine: EngineServer
const make = (options: Partial<OpaOptions> = {}) => opa({ url: engine.url, logger: quiet, ...options })

beforeEach(async () => {
  engine = await startEngine(json({ result: true }))
})
afterEach(() => engine.close())

describe('the question', () => {
  test('is the document that is published, at the path of the rule', async () => {
    const policy = make({ environment: 'prod', token: 'secret' })
    const input = policyInput({
      subject: { roles: ['user'], scopes: ['tool:search:invoke'], groups: ['staff'] },
      resource: { labels: { public: 'true', team: 'a', beta: '' }, advertisedName: 'notes_search' },
      arguments: { q: 'private' },
    })
    expect(await policy(input)).toEqual({ allow: true, policies: ['mcp/authz/allow'] })
    const [request] = engine.requests
    expect(request).toMatchObject({ method: 'POST', url: '/v1/data/mcp/authz/allow?strict-builtin-errors=true' })
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer secret',
      'content-type': 'application/json',
      'x-request-id': expect.stringMatching(/^[\w-]{22}$/),
    })
    expect(request?.body).toEqual({
      input: {
        method: 'POST',
        path: '/tools/search/invoke',
        user: {
          sub: 'alice',
          issuer: 'https://login.example.com',
          client: 'app',
          roles: ['user'],
          groups: ['staff'],
          scopes: ['tool:search:invoke'],
        },
        resource: {
          kind: 'tool',
          tool: 'search',
          name: 'search',
          action: 'invoke',
          labels: ['public', 'team=a', 'beta'],
        },
        mcp: { method: 'tools/call', server: 'https://mcp.example.com/notes/mcp' },
        env: 'prod',
        network: { ip: '192.0.2.7' },
        time: 1_800_000_000,
      },
    })
  })

  test.each<[Changes, string, string | undefined]>([
    [{ resource: { name: 'a/b c' } }, '/tools/a%2Fb%20c/invoke', 'a/b c'],
    [{ resource: { name: '../../x' } }, '/tools/..%2F..%2Fx/invoke', '../../x'],
    [{ action: 'prompts/get', resource: { kind: 'prompt' } }, '/prompts/search/get', undefined],
    [
      { action: 'resources/read', resource: { kind: 'resource', name: 'file:///a' } },
      '/resources/file%3A%2F%2F%2Fa/read',
      undefined,
    ],
    [{ action: 'tools/list', resource: { kind: 'server', name: undefined } }, '/tools/list', undefined],
    [{ resource: { name: 'x\ud800' } }, '/tools/x%EF%BF%BD/invoke', 'x\ud800'],
  ])('about %j has the path %s', async (changes, path, tool) => {
    await make()(policyInput(changes))
    expect(engine.requests[0]?.body).toMatchObject({ input: { path, resource: tool === undefined ? {} : { tool } } })
    if (tool === undefined) expect(JSON.stringify(engine.requests[0]?.body)).not.toContain('"tool"')
  })

  test('has arguments only if they are asked for', async () => {
    const policy = make({ arguments: true })
    expect([policy.needsArguments, make().needsArguments]).toEqual([true, false])
    await policy(policyInput({ arguments: { q: 1 } }))
    expect(engine.requests[0]?.body).toMatchObject({ input: { arguments: { q: 1 } } })
  })

  test('is what a function makes of it', async () => {
    await make({ path: 'acme/decide', input: ({ subject }) => ({ who: subject.id }) })(policyInput())
    expect(engine.requests[0]).toMatchObject({
      url: '/v1/data/acme/decide?strict-builtin-errors=true',
      body: { input: { who: 'alice' } },
    })
  })

  test('goes over kept connections, with a token that is made anew', async () => {
    let count = 0
    const policy = make({ token: async () => `t${++count}` })
    for (let index = 0; index < 3; index++) await policy(policyInput())
    expect(engine.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2', 'Bearer t3'])
    expect(new Set(engine.requests.map(({ headers }) => headers['x-request-id'])).size).toBe(3)
  })
})

describe('the answer', () => {
  test.each<[unknown, boolean, object]>([
    [{ result: true }, true, {}],
    [{ result: true, decision_id: 'd-1' }, true, { policies: ['mcp/authz/allow#d-1'] }],
    [
      { result: { allow: true, maxAge: 30, policies: ['a'] } },
      true,
      { maxAge: 30, policies: ['mcp/authz/allow', 'a'] },
    ],
    [{ result: { allow: true, obligations: [] } }, true, {}],
    [{ result: false }, false, {}],
    [{}, false, { reason: expect.stringContaining('undefined') }],
    [{ result: null }, false, {}],
    [{ result: 'true' }, false, {}],
    [{ result: 1 }, false, {}],
    [{ result: [true] }, false, {}],
    [{ result: {} }, false, {}],
    [{ result: { allow: 'yes' } }, false, {}],
    [{ result: { allow: 1 } }, false, {}],
    [
      { result: { allow: false, reason: 'Ask an editor', public: true } },
      false,
      { reason: 'Ask an editor', public: true },
    ],
    [{ result: { allow: false, reason: 'rule 7' } }, false, { reason: 'rule 7' }],
    [{ result: { allow: false, requiredScopes: ['a', 'b'] } }, false, { requiredScopes: ['a', 'b'] }],
    [{ result: { allow: false, requiredScopes: 'a' } }, false, {}],
    [
      { result: { allow: true, obligations: [{ type: 'mask' }] } },
      false,
      { reason: expect.stringContaining('obligations') },
    ],
    [{ result: { allow: true, obligations: 'mask' } }, false, {}],
    [{ result: { Allow: true } }, false, {}],
  ])('%j decides %s', async (body, allow, more) => {
    engine.answer = json(body)
    const decision = await make()(policyInput())
    expect(decision).toMatchObject({ allow, ...more })
    if (!decision.allow && !('public' in more)) expect(decision.public).toBeUndefined()
  })
})

describe('a list', () => {
  const inputs = (names: readonly string[]) => names.map((name) => policyInput({ resource: { name } }))

  test('is one question for each entry, some at a time', async () => {
    let open = 0
    let most = 0
    engine.answer = (response, { body }) => {
      most = Math.max(most, ++open)
      const { name } = (body as { input: { resource: { name: string } } }).input.resource
      setTimeout(() => {
        open--
        json({ result: name.length > 1 })(response, undefined as never)
      }, 5)
    }
    const names = Array.from({ length: 40 }, (_, index) => `${index}`)
    const decisions = await make({ concurrency: 4 }).many?.(inputs(names))
    expect(decisions?.map(({ allow }) => allow)).toEqual(names.map((name) => name.length > 1))
    expect([engine.requests.length, most]).toEqual([40, 4])
  })

  test('is one question where a rule answers the names', async () => {
    engine.answer = json({ result: ['b', 'c', 'not asked'], decision_id: 'x' })
    const policy = make({ listPath: 'mcp/authz/allowed' })
    const decisions = await policy.many?.(inputs(['a', 'b', 'c']))
    expect(decisions).toEqual([
      { allow: false, reason: 'opa: mcp/authz/allowed does not name it', policies: ['mcp/authz/allowed#x'] },
      { allow: true, policies: ['mcp/authz/allowed#x'] },
      { allow: true, policies: ['mcp/authz/allowed#x'] },
    ])
    expect(engine.requests).toHaveLength(1)
    expect(engine.requests[0]?.body).toMatchObject({
      input: {
        user: { sub: 'alice' },
        mcp: { method: 'tools/call' },
        resource: { kind: 'tool', action: 'invoke' },
        resources: [{ tool: 'a' }, { tool: 'b' }, { tool: 'c' }],
      },
    })
  })

  test('is a question for each server and subject, and 500 names at most', async () => {
    engine.answer = (response, { body }) => {
      const { resources } = (body as { input: { resources: { name: string }[] } }).input
      json({ result: resources.map(({ name }) => name) })(response, undefined as never)
    }
    const policy = make({ listPath: 'mcp/authz/allowed' })
    const many = inputs(Array.from({ length: 1001 }, (_, index) => `t${index}`))
    const others = [
      policyInput({ resource: { server: 'https://other.example/mcp' } }),
      policyInput({ subject: { id: 'bob' } }),
    ]
    const decisions = await policy.many?.([...many, ...others])
    expect(decisions).toHaveLength(1003)
    expect(decisions?.every(({ allow }) => allow)).toBe(true)
    expect(engine.requests).toHaveLength(5)
  })

  test('with two entries of one name that differ is asked about each of them', async () => {
    engine.answer = (response, { url, body }) => {
      const { resource } = (body as { input: { resource: { labels?: string[] } } }).input
      const result = url.includes('allowed') ? ['a', 'b'] : resource.labels?.length === 0
      json({ result })(response, undefined as never)
    }
    const decisions = await make({ listPath: 'mcp/authz/allowed' }).many?.([
      policyInput({ resource: { name: 'a' } }),
      policyInput({ resource: { name: 'a', labels: { sensitive: 'true' } } }),
      policyInput({ resource: { name: 'b' } }),
    ])
    expect(decisions?.map(({ allow }) => allow)).toEqual([true, false, true])
  })

  test('with arguments is not decided by names alone', async () => {
    engine.answer = (response, { url }) =>
      json({ result: url.includes('allowed') ? ['search'] : false })(response, undefined as never)
    const policy = make({ listPath: 'mcp/authz/allowed', arguments: true })
    const decisions = await policy.many?.([policyInput({ arguments: { q: 1 } })])
    expect(decisions?.map(({ allow }) => allow)).toEqual([false])
  })

  test.each([
    [{}],
    [{ result: true }],
    [{ result: { search: true } }],
    [{ result: 'search' }],
    [{ result: [['search']] }],
  ])('answered with %j shows nothing', async (body) => {
    engine.answer = json(body)
    const decisions = await make({ listPath: 'mcp/authz/allowed' }).many?.([policyInput()])
    expect(decisions?.map(({ allow }) => allow)).toEqual([false])
  })
})

describe('check', () => {
  test('asks the health of OPA', async () => {
    await make({ health: '/health?bundles' }).check?.()
    expect(engine.requests.map(({ url }) => url)).toEqual(['/health?bundles'])
    engine.answer = json({}, 500)
    await expect(make().check?.()).rejects.toThrow(/opa: .*\/health answers 500/)
  })
})

test.each<[Partial<OpaOptions>, RegExp]>([
  [{ url: undefined as never }, /opa: url is missing/],
  [{ url: 'opa:8181' }, /opa: url must be an absolute/],
  [{ url: 'http://a:b@127.0.0.1' }, /credentials/],
  [{ url: 'http://127.0.0.1/?a' }, /query/],
  [{ path: '/mcp/authz/allow' }, /path is a rule below/],
  [{ path: 'v1/data/mcp' }, /path is a rule below/],
  [{ path: 'mcp/../x' }, /path is a rule below/],
  [{ listPath: 'a?b' }, /listPath is a rule below/],
  [{ listPath: 'a', input: () => 1 }, /listPath and environment belong/],
  [{ timeout: 0 }, /timeout/],
  [{ maxBytes: -1 }, /maxBytes/],
  [{ concurrency: 0 }, /concurrency/],
  [{ token: '' }, /token/],
  [{ breaker: { failures: 0 } }, /breaker\.failures/],
  [{ health: 'health' }, /health must begin/],
  [{ tls: {} }, /tls needs a url with https/],
  [{ url: 'https://opa', tls: { ca: 'x' } }, /tls\.ca cannot be read/],
  [{ url: 'https://opa', tls: { cert: 'x' } }, /tls\.cert and tls\.key belong/],
  [{ url: 'https://opa', tls: {}, fetch: async () => new Response() }, /tls has no effect beside fetch/],
])('refuses %o', (options, message) => {
  expect(() => make(options)).toThrow(message)
  expect(() => make(options)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
})

describe("the example's rules on OPA's own engine", () => {
  let real: Opa
  let policy: Policy
  beforeAll(async () => {
    real = await startOpa(join(root, 'examples/gateway/policy/authz.rego'))
    policy = opa({ url: real.url, listPath: 'mcp/authz/allowed', timeout: 60, concurrency: 100, logger: quiet })
  })
  afterAll(() => real?.end())

  test('decide as they say', async () => {
    const scope = (name: string) => ({ scopes: [`tool:${name}:invoke`] })
    const server = { kind: 'server', name: undefined } as const
    const cases: [string, Changes, boolean][] = [
      ['an admin', { subject: { roles: ['admin'] } }, true],
      [
        'an admin and what is sensitive',
        { subject: { roles: ['admin'] }, resource: { labels: { sensitive: 'true' } } },
        true,
      ],
      ['an admin and any method', { subject: { roles: ['admin'] }, action: 'acme/wipe', resource: server }, true],
      ['nobody in particular', {}, false],
      ['a role of like name', { subject: { roles: ['administrator'] } }, false],
      ['a scope for the tool', { subject: scope('search') }, true],
      ['a scope for another tool', { subject: scope('delete') }, false],
      ['a scope for another action', { subject: { scopes: ['tool:search:read'] } }, false],
      [
        'a scope and what is sensitive',
        { subject: scope('search'), resource: { labels: { sensitive: 'true' } } },
        false,
      ],
      ['a scope and other labels', { subject: scope('search'), resource: { labels: { public: 'true' } } }, true],
      [
        'a scope and a prompt of the same name',
        { subject: scope('search'), action: 'prompts/get', resource: { kind: 'prompt' } },
        false,
      ],
      ['the list of tools', { action: 'tools/list', resource: server }, true],
      ['initialize', { action: 'initialize', resource: server }, true],
      ['a notification', { action: 'notifications/initialized', resource: server }, true],
      ['a method that nobody knows', { action: 'acme/wipe', resource: server }, false],
      ['a tool that calls itself a list', { action: 'tools/call', resource: { name: 'tools/list' } }, false],
    ]
    const decisions = await Promise.all(cases.map(([, changes]) => policy(policyInput(changes))))
    expect(cases.map(([name], index) => [name, decisions[index]?.allow])).toEqual(
      cases.map(([name, , allow]) => [name, allow]),
    )
  })

  test('show of a list what can be called', async () => {
    const subject = { scopes: ['tool:search:invoke', 'tool:secret:invoke'] }
    const inputs = [
      policyInput({ subject, resource: { name: 'search' } }),
      policyInput({ subject, resource: { name: 'delete' } }),
      policyInput({ subject, resource: { name: 'secret', labels: { sensitive: 'true' } } }),
    ]
    const listed = await policy.many?.(inputs)
    expect(listed?.map(({ allow }) => allow)).toEqual([true, false, false])
    const called = await Promise.all(inputs.map((input) => policy(input)))
    expect(called.map(({ allow }) => allow)).toEqual([true, false, false])
    const admin = inputs.map((input) => ({ ...input, subject: { ...input.subject, roles: ['admin'] } }))
    expect((await policy.many?.(admin))?.every(({ allow }) => allow)).toBe(true)
  })

  test('without a value deny', async () => {
    const elsewhere = opa({ url: real.url, path: 'mcp/authz/nothing', timeout: 60, logger: quiet })
    expect(await elsewhere(policyInput({ subject: { roles: ['admin'] } }))).toMatchObject({ allow: false })
  })
})
