import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Cerbos, hasCerbos, startCerbos } from '../../../../../../../test/servers/cerbos.js'
import { type EngineServer, json, startEngine } from '../../../../../test/engine-server.js'
import { type Changes, policyInput } from '../../../../../test/policy-input.js'
import { type AuthZenOptions, authzen } from './authzen.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const server = { kind: 'server', name: undefined } as const
const url = 'https://mcp.example.com/notes/mcp'
let engine: EngineServer
beforeEach(async () => {
  engine = await startEngine(json({ decision: true }))
})
afterEach(() => engine.close())
const make = (options: Partial<AuthZenOptions> = {}) =>
  authzen({ url: engine.url, discovery: false, logger: quiet, ...options })

describe('COAZ', () => {
  test.each<[Changes, object]>([
    [{}, { type: 'tool', id: 'search', properties: { server: url } }],
    [{ resource: { advertisedName: 'notes_search' } }, { type: 'tool', id: 'search', properties: { server: url } }],
    [
      { action: 'prompts/get', resource: { kind: 'prompt' } },
      { type: 'prompt', id: 'search', properties: { server: url } },
    ],
    ...[
      'resources/read',
      'resources/subscribe',
      'resources/unsubscribe',
      'subscriptions/listen',
      'completion/complete',
    ].map((action): [Changes, object] => [
      { action, resource: { kind: 'resource', name: 'file:///a' } },
      { type: 'resource', id: 'file:///a', properties: { server: url } },
    ]),
    [
      { action: 'completion/complete', resource: { kind: 'template', name: 'file:///{x}' } },
      { type: 'resource', id: 'file:///{x}', properties: { server: url } },
    ],
    [
      { action: 'completion/complete', resource: { kind: 'prompt' } },
      { type: 'prompt', id: 'search' },
    ],
    ...['tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel', 'subscriptions/listen'].map(
      (action): [Changes, object] => [
        { action, resource: { kind: 'task', name: 't1' } },
        { type: 'task', id: 't1', properties: { server: url } },
      ],
    ),
    ...[
      'initialize',
      'server/discover',
      'subscriptions/listen',
      'tools/list',
      'prompts/list',
      'resources/list',
      'resources/templates/list',
      'tasks/list',
      'logging/setLevel',
    ].map((action): [Changes, object] => [
      { action, resource: server },
      { type: 'mcp_server', id: url },
    ]),
  ])('maps %j', async (changes, resource) => {
    expect(await make({ properties: () => ({}) })(policyInput(changes))).toEqual({ allow: true })
    expect(engine.requests).toHaveLength(1)
    expect(engine.requests[0]).toMatchObject({
      method: 'POST',
      url: '/access/v1/evaluation',
      body: {
        subject: { type: 'identity', id: 'alice' },
        action: { name: changes.action ?? 'tools/call' },
        resource,
        context: { agent: 'app' },
      },
    })
  })

  test.each([['ping'], ['notifications/cancelled'], ['notifications/initialized'], ['notifications/acme']])(
    'lets %s pass without a question',
    async (action) => {
      expect(await make()(policyInput({ action, resource: server }))).toMatchObject({ allow: true })
      expect(engine.requests).toEqual([])
    },
  )

  test.each<[string, Changes]>([
    ['a method that it does not know', { action: 'acme/wipe', resource: server }],
    ['any method', { action: '*', resource: server }],
    ['a method in other letters', { action: 'Tools/Call' }],
    ['a question of a server', { action: 'sampling/createMessage', resource: server }],
    ['a call without a name', { resource: { name: undefined } }],
    ['a call that is not about a tool', { resource: { kind: 'prompt' } }],
    ['a call of the server', { resource: server }],
    ['a list of one tool', { action: 'tools/list' }],
    ['an empty method', { action: '', resource: server }],
    ['a member of every object', { action: 'constructor', resource: server }],
  ])('denies %s without a question', async (_, changes) => {
    expect(await make()(policyInput(changes))).toMatchObject({
      allow: false,
      reason: expect.stringContaining('no mapping'),
    })
    expect(engine.requests).toEqual([])
  })

  test('takes a client that acts for itself as the subject', async () => {
    await make()(policyInput({ subject: { id: undefined } }))
    expect(engine.requests[0]?.body).toMatchObject({ subject: { type: 'identity', id: 'app' } })
  })

  test('adds properties, and none in place of its own', async () => {
    await make()(policyInput({ subject: { roles: ['editor'] }, resource: { labels: { team: 'a' } } }))
    expect(engine.requests[0]?.body).toMatchObject({
      subject: { properties: { issuer: 'https://login.example.com', roles: ['editor'], groups: [], scopes: [] } },
      resource: { properties: { server: url, labels: { team: 'a' } } },
    })
    const properties = () => ({ resource: { server: 'other', more: 1 }, context: { agent: 'other', ip: 'x' } })
    await make({ properties })(policyInput())
    expect(engine.requests[1]?.body).toMatchObject({
      resource: { properties: { server: url, more: 1 } },
      context: { agent: 'app', ip: 'x' },
    })
  })
})

test('a mapping of the operator decides what is asked, and what is not', async () => {
  const policy = make({
    arguments: true,
    properties: () => ({}),
    profile: ({ subject, resource, arguments: given }) =>
      given === undefined
        ? undefined
        : {
            subject: { type: 'user', id: String(subject.id) },
            action: { name: 'read' },
            resource: { type: 'doc', id: String(given.id) },
            context: { tool: resource.name },
          },
  })
  expect(policy.needsArguments).toBe(true)
  expect(await policy(policyInput())).toMatchObject({ allow: false })
  expect(await policy(policyInput({ arguments: { id: 7 } }))).toEqual({ allow: true })
  expect(engine.requests.map(({ body }) => body)).toEqual([
    {
      subject: { type: 'user', id: 'alice' },
      action: { name: 'read' },
      resource: { type: 'doc', id: '7' },
      context: { tool: 'search' },
    },
  ])
})

describe('the answer', () => {
  test.each<[unknown, object]>([
    [{ decision: true }, { allow: true }],
    [{ decision: true, context: { obligations: [] } }, { allow: true }],
    [{ decision: false }, { allow: false, reason: 'authzen: denied' }],
    [
      { decision: true, context: { obligations: [{ type: 'step-up', id: '1' }] } },
      { allow: false, reason: expect.stringContaining('obligations') },
    ],
    [
      { decision: true, context: { obligations: { type: 'x' } } },
      { allow: false, reason: expect.stringContaining('obligations') },
    ],
    [
      { decision: false, context: { reason: 'policy_denied' } },
      { allow: false, reason: 'authzen: denied: policy_denied' },
    ],
    [
      { decision: false, context: { reason_admin: { en: 'rule 7\u202e' } } },
      { allow: false, reason: 'authzen: denied: rule 7' },
    ],
    [
      {
        decision: false,
        context: {
          access_request: {
            binding_token: 'eyJ-secret',
            display: { title: 'Approval', description: 'Your manager decides\n' },
          },
        },
      },
      { allow: false, public: true, reason: 'Access is denied, but can be requested: Approval: Your manager decides' },
    ],
    [
      { decision: false, context: { access_request: {} } },
      { allow: false, public: true, reason: 'Access is denied, but can be requested' },
    ],
    [
      { decision: false, context: { access_request: 'https://x' } },
      { allow: false, reason: 'authzen: denied' },
    ],
    [
      { decision: false, context: { reason: 'x'.repeat(5000) } },
      { allow: false, reason: expect.stringMatching(/^.{1,330}$/) },
    ],
  ])('%j', async (body, decision) => {
    engine.answer = json(body)
    expect(await make()(policyInput())).toEqual(decision)
  })
})

describe('many', () => {
  test('are asked 50 at a time, in order, and without what needs no question', async () => {
    engine.answer = (response, { body }) => {
      const { evaluations } = body as { evaluations: { resource: { id: string } }[] }
      json({ evaluations: evaluations.map(({ resource }) => ({ decision: Number(resource.id) % 3 === 0 })) })(
        response,
        null as never,
      )
    }
    const inputs = Array.from({ length: 120 }, (_, index) =>
      policyInput(index === 60 ? { action: 'acme/wipe' } : { resource: { name: `${index}` } }),
    )
    const decisions = await make().many?.(inputs)
    expect(decisions?.map(({ allow }) => allow)).toEqual(inputs.map((_, index) => index !== 60 && index % 3 === 0))
    const sizes = engine.requests.map(({ body }) => (body as { evaluations: unknown[] }).evaluations.length)
    expect(sizes.toSorted((a, b) => b - a)).toEqual([50, 50, 19])
    expect(engine.requests[0]).toMatchObject({
      url: '/access/v1/evaluations',
      body: { options: { evaluations_semantic: 'execute_all' } },
    })
  })

  test('are nothing to ask where all are decided already', async () => {
    expect(await make().many?.([])).toEqual([])
    expect(await make().many?.([policyInput({ action: 'ping', resource: server })])).toMatchObject([{ allow: true }])
    expect(engine.requests).toEqual([])
  })
})

test('no batch has two subjects, or one resource with different properties', async () => {
  engine.answer = (response, { body }) => {
    const { evaluations } = body as { evaluations: unknown[] }
    json({ evaluations: evaluations.map(() => ({ decision: true })) })(response, null as never)
  }
  const changes: Changes[] = [
    { resource: { name: 'a' } },
    { resource: { name: 'a', server: 'https://other.example/mcp' } },
    { resource: { name: 'a' } },
    { resource: { name: 'a', labels: { x: '1' } } },
    { resource: { name: 'b' }, subject: { roles: ['admin'] } },
    { resource: { name: 'b' } },
  ]
  const decisions = await make({ concurrency: 1 }).many?.(changes.map(policyInput))
  expect(decisions?.every(({ allow }) => allow)).toBe(true)
  const sent = engine.requests.map(({ body }) => {
    const { subject, evaluations } = body as {
      subject: { properties: { roles: string[] } }
      evaluations: { resource: { id: string } }[]
    }
    return [subject.properties.roles, evaluations.map(({ resource }) => resource.id)]
  })
  expect(sent).toEqual([
    [[], ['a', 'a', 'b']],
    [[], ['a']],
    [[], ['a']],
    [['admin'], ['b']],
  ])
})

describe('metadata', () => {
  const metadata = (more: object = {}) => ({
    policy_decision_point: engine.url,
    access_evaluation_endpoint: `${engine.url}/pdp/one`,
    access_evaluations_endpoint: `${engine.url}/pdp/many`,
    ...more,
  })
  const answerWith = (document: unknown) => {
    engine.answer = (response, request) => {
      const { evaluations } = (request.body ?? {}) as { evaluations?: unknown[] }
      const answer =
        request.method === 'GET'
          ? document
          : { decision: true, evaluations: evaluations?.map(() => ({ decision: true })) }
      json(answer)(response, request)
    }
  }
  const paths = () => engine.requests.map(({ url: path }) => path)

  test('tells where to ask, and is asked for once', async () => {
    answerWith(metadata())
    const policy = make({ discovery: true, token: 'secret' })
    await policy(policyInput())
    await policy(policyInput())
    await policy.many?.([policyInput()])
    expect(paths()).toEqual(['/.well-known/authzen-configuration', '/pdp/one', '/pdp/one', '/pdp/many'])
  })

  test('without an endpoint for many has each asked by itself', async () => {
    answerWith(metadata({ access_evaluations_endpoint: undefined }))
    const decisions = await make({ discovery: true }).many?.([policyInput(), policyInput()])
    expect(decisions).toEqual([{ allow: true }, { allow: true }])
    expect(paths()).toEqual(['/.well-known/authzen-configuration', '/pdp/one', '/pdp/one'])
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'names another decision point',
      () => metadata({ policy_decision_point: 'https://other.example' }),
      /another policy_decision_point.*set url/,
    ],
    ['names none', () => metadata({ policy_decision_point: undefined }), /another policy_decision_point/],
    ['is a list', () => [], /no object/],
    ['has no endpoint', () => metadata({ access_evaluation_endpoint: undefined }), /no access_evaluation_endpoint/],
    ['leads elsewhere', () => metadata({ access_evaluation_endpoint: 'https://evil.example/one' }), /below its URL/],
    [
      'leads to a host that begins alike',
      () => metadata({ access_evaluation_endpoint: `${engine.url}.evil.example/one` }),
      /below its URL/,
    ],
    [
      'leads to a user part',
      () => metadata({ access_evaluation_endpoint: `${engine.url}@evil.example/one` }),
      /below its URL/,
    ],
    ['leads up', () => metadata({ access_evaluation_endpoint: `${engine.url}/a/../../one` }), /below its URL/],
    [
      'leads to another host for many',
      () => metadata({ access_evaluations_endpoint: 'https://evil.example/many' }),
      /access_evaluations_endpoint/,
    ],
  ])('that %s makes no decision', async (_, document, message) => {
    answerWith(document())
    const policy = make({ discovery: true })
    await expect(policy(policyInput())).rejects.toThrow(message)
    await expect(policy.many?.([policyInput()])).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    expect(paths().every((path) => path === '/.well-known/authzen-configuration')).toBe(true)
  })

  test('that cannot be had makes no decision until it can', async () => {
    engine.answer = json({}, 404)
    const policy = make({ discovery: true })
    await expect(policy(policyInput())).rejects.toThrow(/authzen-configuration answers 404/)
    await expect(policy.check?.()).rejects.toThrow(/answers 404/)
    answerWith(metadata())
    expect(await policy(policyInput())).toEqual({ allow: true })
    await policy.check?.()
  })
})

test('check without metadata asks whether anybody answers', async () => {
  engine.answer = json({}, 404)
  await make().check?.()
  engine.answer = json({}, 503)
  await expect(make().check?.()).rejects.toThrow(/answers 503/)
  engine.close()
  await expect(make().check?.()).rejects.toThrow(/cannot be reached/)
})

test.each<[Partial<AuthZenOptions>, RegExp]>([
  [{ url: 'pdp' }, /authzen: url/],
  [{ profile: 'mcp' as never }, /authzen: profile/],
  [{ batchSize: 0 }, /batchSize/],
  [{ concurrency: 0 }, /concurrency/],
  [{ discovery: 'no' as never }, /discovery/],
  [{ properties: {} as never }, /properties/],
])('refuses %o', (options, message) => {
  expect(() => make(options)).toThrow(message)
})

const isThere = hasCerbos()
describe.runIf(isThere)('with Cerbos', () => {
  let cerbos: Cerbos
  const rules = (resource: string, list: string) => `apiVersion: api.cerbos.dev/v1
resourcePolicy:
  version: default
  resource: ${resource}
  rules:
${list}`
  const allow = (actions: string, roles: string, condition = '') => `    - actions: [${actions}]
      effect: EFFECT_ALLOW
      roles: [${roles}]
${condition === '' ? '' : `      condition:\n        match:\n          expr: ${condition}\n`}`
  beforeAll(async () => {
    cerbos = await startCerbos({
      'tool.yaml': rules(
        'tool',
        allow('"tools/call"', 'admin') +
          allow(
            '"tools/call"',
            'editor',
            `R.attr.server == "${url}" && R.id != "delete" && !("sensitive" in R.attr.labels)`,
          ),
      ),
      'server.yaml': rules('mcp_server', allow('"tools/list", "server/discover"', '"*"')),
    })
  })
  afterAll(() => cerbos?.end())
  const real = () =>
    authzen({
      url: cerbos.url,
      logger: quiet,
      timeout: 20,
      properties: ({ subject, resource }) => ({
        subject: { 'cerbos.roles': subject.roles.length > 0 ? subject.roles : ['user'] },
        resource: { labels: resource.labels ?? {} },
      }),
    })

  test('decides, and works', async () => {
    const policy = real()
    await policy.check?.()
    const editor = { roles: ['editor'] }
    const cases: [Changes, boolean][] = [
      [{ subject: editor }, true],
      [{ subject: { roles: ['admin'] }, resource: { name: 'delete' } }, true],
      [{ subject: editor, resource: { name: 'delete' } }, false],
      [{ subject: editor, resource: { labels: { sensitive: 'true' } } }, false],
      [{ subject: editor, resource: { server: 'https://other.example/mcp' } }, false],
      [{}, false],
      [{ action: 'tools/list', resource: server }, true],
      [{ action: 'server/discover', resource: server }, true],
      [{ action: 'prompts/list', resource: server }, false],
      [{ subject: editor, action: 'prompts/get', resource: { kind: 'prompt' } }, false],
      [{ subject: { roles: ['admin'] }, action: 'acme/wipe', resource: server }, false],
    ]
    for (const [changes, expected] of cases) {
      expect([changes, (await policy(policyInput(changes))).allow]).toEqual([changes, expected])
    }
    const many = await policy.many?.(cases.map(([changes]) => policyInput(changes)))
    expect(many?.map((one) => one.allow)).toEqual(cases.map(([, expected]) => expected))
  })

  test('decides about 120 tools, though it takes 50 at once', async () => {
    const inputs = Array.from({ length: 120 }, (_, index) =>
      policyInput({
        subject: { roles: ['editor'] },
        resource: { name: `t${index}`, labels: index % 2 === 0 ? {} : { sensitive: 'true' } },
      }),
    )
    const decisions = await real().many?.(inputs)
    expect(decisions?.map((one) => one.allow)).toEqual(inputs.map((_, index) => index % 2 === 0))
    await expect(
      authzen({ url: cerbos.url, logger: quiet, batchSize: 60, timeout: 20 }).many?.(inputs),
    ).rejects.toThrow(/answers 400/)
  })
})
