import { describe, expect, test, vi } from 'vitest'
import { policyInput } from '../../../../../test/policy-input.js'
import type { Policy, PolicyInput } from '../../../contract/policy.js'
import { type CedarOptions, cedar } from './cedar.js'
import { cedarSchema } from './cedar-schema.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const make = (policies: CedarOptions['policies'], options: Partial<CedarOptions> = {}) =>
  cedar({ policies, logger: quiet, ...options })
const permitAll = '@id("all") permit(principal, action, resource);'
const editor = { subject: { roles: ['editor'] } }

describe('decides', () => {
  test('by role, and names the policy that decided', () => {
    const policy = make(`
      @id("editors") permit(principal in MCP::Role::"editor", action, resource);
      @id("no-delete") forbid(principal, action, resource == MCP::Tool::"https://mcp.example.com/notes/mcp#delete");
    `)
    expect(policy(policyInput(editor))).toEqual({ allow: true, policies: ['editors'] })
    expect(policy(policyInput())).toEqual({ allow: false, reason: 'cedar: no policy permits it', policies: [] })
    expect(policy(policyInput({ ...editor, resource: { name: 'delete' } }))).toEqual({
      allow: false,
      reason: 'cedar: forbidden by no-delete',
      policies: ['no-delete'],
    })
  })

  test.each<[string, string, Parameters<typeof policyInput>[0]]>([
    ['a user of an issuer', 'principal == MCP::User::"https://login.example.com|alice"', {}],
    ['a group', 'principal in MCP::Group::"staff"', { subject: { groups: ['staff'] } }],
    [
      'a client that acts for itself',
      'principal == MCP::Client::"https://login.example.com|app"',
      { subject: { id: undefined } },
    ],
    ['the client of a user', 'principal is MCP::User', { subject: { clientId: 'app' } }],
  ])('about %s', (_, scope, changes) => {
    const policy = make(`permit(${scope}, action, resource);`)
    expect(policy(policyInput(changes))).toMatchObject({ allow: true })
    expect(
      policy(policyInput({ subject: { id: undefined, issuer: 'https://other.example', groups: [] } })),
    ).toMatchObject({
      allow: false,
    })
  })

  test.each<[string, string, Parameters<typeof policyInput>[0], boolean]>([
    ['a scope', 'principal.scopes.contains("notes:read")', { subject: { scopes: ['notes:read'] } }, true],
    ['a scope that is missing', 'principal.scopes.contains("notes:read")', {}, false],
    ['the client', 'principal.clientId == "app"', {}, true],
    [
      'who acts for the user',
      'principal has actors && principal.actors.contains("https://a.example|bot")',
      { subject: { actor: { issuer: 'https://a.example', id: 'bot' } } },
      true,
    ],
    ['the address', 'context has address && context.address.isInRange(ip("192.0.2.0/24"))', {}, true],
    [
      'an IPv4 address inside an IPv6 one',
      'context has address && context.address == ip("192.0.2.9")',
      { env: { address: '::ffff:192.0.2.9', time: 1 } },
      true,
    ],
    [
      'an IPv6 address with a zone',
      'context has address && context.address == ip("fe80::1")',
      { env: { address: 'fe80::1%eth0', time: 1 } },
      true,
    ],
    ['an address that is none', 'context has address', { env: { address: 'unknown', time: 1 } }, false],
    ['the time', 'context.time > 1000', {}, true],
    [
      'a label',
      'resource is MCP::Tool && resource.hasTag("team") && resource.getTag("team") == "a"',
      { resource: { labels: { team: 'a' } } },
      true,
    ],
    ['a server', 'resource in MCP::Server::"https://mcp.example.com/notes/mcp"', {}, true],
    ['the name', 'resource is MCP::Tool && resource.name == "search"', {}, true],
    [
      'a hint of a trusted server',
      'resource is MCP::Tool && resource.readOnly',
      { resource: { annotations: { readOnlyHint: true } } },
      true,
    ],
    ['a hint that is not there', 'resource is MCP::Tool && resource.readOnly', {}, false],
    [
      'a hint that is no boolean',
      'resource is MCP::Tool && resource.readOnly',
      { resource: { annotations: { readOnlyHint: 'yes' } } },
      false,
    ],
    [
      'what is destructive unless said',
      'resource is MCP::Tool && resource.destructive && resource.openWorld',
      {},
      true,
    ],
    [
      'whether hints are trusted',
      'resource is MCP::Tool && resource.annotationsTrusted',
      { resource: { annotations: {} } },
      true,
    ],
  ])('by %s', (_, condition, changes, allow) => {
    const policy = make(`permit(principal, action, resource) when { ${condition} };`)
    expect(policy(policyInput(changes))).toMatchObject({ allow })
  })

  test.each([
    ['tools/call', 'write'],
    ['tasks/cancel', 'write'],
    ['tools/list', 'read'],
    ['server/discover', 'read'],
    ['resources/read', 'read'],
  ])('by the group of the method: %s is a %s', (action, group) => {
    const policy = make(`permit(principal, action in MCP::Action::"${group}", resource);`)
    expect(policy(policyInput({ action }))).toMatchObject({ allow: true })
    const other = group === 'read' ? 'write' : 'read'
    expect(
      make(`permit(principal, action in MCP::Action::"${other}", resource);`)(policyInput({ action })),
    ).toMatchObject({
      allow: false,
    })
  })

  test('about methods that it does not know by policies for all actions alone', () => {
    const input = policyInput({ action: 'acme/wipe', resource: { kind: 'server', name: undefined } })
    expect(make('permit(principal, action in MCP::Action::"read", resource);')(input)).toMatchObject({ allow: false })
    expect(make(permitAll)(input)).toMatchObject({ allow: true })
    const schema = cedarSchema({ methods: ['acme/wipe'] })
    const named = make('permit(principal, action == MCP::Action::"acme/wipe", resource);', { schema })
    expect(named(input)).toMatchObject({ allow: true })
  })

  test('a renamed tool by its own name', () => {
    const policy = make('permit(principal, action, resource == MCP::Tool::"https://mcp.example.com/notes/mcp#search");')
    expect(policy(policyInput({ resource: { advertisedName: 'notes_search' } }))).toMatchObject({ allow: true })
    expect(policy(policyInput({ resource: { name: 'delete', advertisedName: 'search' } }))).toMatchObject({
      allow: false,
    })
  })

  test('no tool for one of another server, however it is called', () => {
    const policy = make('permit(principal, action, resource == MCP::Tool::"https://h.example/a/b#x");')
    expect(policy(policyInput({ resource: { server: 'https://h.example/a/b', name: 'x' } }))).toMatchObject({
      allow: true,
    })
    expect(policy(policyInput({ resource: { server: 'https://h.example/a', name: 'b#x' } }))).toMatchObject({
      allow: false,
    })
    expect(policy(policyInput({ resource: { server: 'https://h.example/a', name: '/b#x' } }))).toMatchObject({
      allow: false,
    })
  })

  test('no user for one of another issuer', () => {
    const policy = make('permit(principal == MCP::User::"https://a.example|x|y", action, resource);')
    expect(policy(policyInput({ subject: { issuer: 'https://a.example', id: 'x|y' } }))).toMatchObject({ allow: true })
    expect(policy(policyInput({ subject: { issuer: 'https://a.example|x', id: 'y' } }))).toMatchObject({ allow: false })
  })

  test('with entities of the operator', () => {
    const entities = [
      { uid: { type: 'MCP::Role', id: 'editor' }, attrs: {}, parents: [{ type: 'MCP::Role', id: 'staff' }] },
    ]
    const schema = cedarSchema().replace('entity Role, Group;', 'entity Role in [Role]; entity Group;')
    const policies = 'permit(principal in MCP::Role::"staff", action, resource);'
    for (const given of [entities, () => entities]) {
      const policy = make(policies, { schema, entities: given })
      expect(policy(policyInput(editor))).toMatchObject({ allow: true })
      expect(policy(policyInput())).toMatchObject({ allow: false })
    }
  })

  test('many as one by one, and lets others have their turn', async () => {
    const policy = make(
      'permit(principal, action, resource) when { resource is MCP::Tool && resource.name like "get*" };',
    )
    const { subject } = policyInput()
    const inputs = Array.from({ length: 300 }, (_, index) => ({
      ...policyInput({ resource: { name: `${index % 2 === 0 ? 'get' : 'set'}-${index}` } }),
      subject,
    }))
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const decisions = await policy.many(inputs)
    clearInterval(timer)
    expect(decisions).toEqual(inputs.map((input) => policy(input)))
    expect(turns).toBeGreaterThan(0)
  })
})

describe('an error in a policy denies, also where another one permits', () => {
  // The schema of the operator is wrong on purpose: what it promises is not there
  const schema = cedarSchema({ arguments: '{ limit: Long, path: String, owner: User, tags: Set<String> }' })
    .replace('arguments?: Arguments', 'arguments: Arguments')
    .replace('subject: String,', 'subject: String, department: String,')
  test.each<[string, string, Readonly<Record<string, unknown>> | undefined]>([
    ['an attribute that is missing', 'principal is MCP::User && principal.department == "x"', { limit: 1 }],
    ['arguments that a list has not', 'context.arguments.limit > 3', undefined],
    ['an argument that is missing', 'context.arguments.limit > 3', {}],
    ['a text for a number', 'context.arguments.limit > 3', { limit: '9' }],
    ['a fraction for a number', 'context.arguments.limit > 3', { limit: 9.5 }],
    ['a number beyond those that are exact', 'context.arguments.limit > 3', { limit: 2 ** 60 }],
    ['null for a number', 'context.arguments.limit > 3', { limit: null }],
    ['a list for a number', 'context.arguments.limit > 3', { limit: [9] }],
    ['an object for a text', 'context.arguments.path like "/etc/*"', { path: { a: 1 } }],
    ['a text for a set', 'context.arguments.tags.contains("x")', { tags: 'x' }],
    ['a member of a text', 'context.arguments.owner in MCP::Role::"x"', { owner: 'x' }],
  ])('%s', (_, condition, given) => {
    const error = vi.fn()
    const policy = make(
      {
        all: 'permit(principal, action, resource);',
        bad: `forbid(principal, action, resource) when { ${condition} };`,
      },
      { schema, arguments: true, logger: { ...quiet, error } },
    )
    const decision = policy(policyInput({ arguments: given }))
    expect(decision).toMatchObject({ allow: false, reason: expect.stringContaining('bad'), policies: ['bad'] })
    expect(error).toHaveBeenCalledOnce()
    expect(JSON.stringify(error.mock.calls)).not.toContain('alice')
  })

  test('and so does a function for entities that throws, or repeats what is there', () => {
    for (const entities of [
      () => {
        throw new Error('no database')
      },
      ({ subject }: PolicyInput) => [
        { uid: { type: 'MCP::User', id: `${subject.issuer}|${subject.id}` }, attrs: { more: true }, parents: [] },
      ],
      () => [{ uid: { type: 'MCP::User', id: 'x' }, attrs: { n: 1.5 }, parents: [] }],
    ]) {
      expect(make(permitAll, { entities })(policyInput())).toMatchObject({ allow: false })
    }
  })
})

describe('hostile arguments', () => {
  const schema = cedarSchema({ arguments: '{ path?: String, limit?: Long, owner?: Role }' })
  const policy = make(
    `permit(principal, action, resource);
     forbid(principal, action, resource) when { context has arguments && context.arguments has path && context.arguments.path like "/etc/*" };
     forbid(principal, action, resource) when { context has arguments && context.arguments has owner && context.arguments.owner == MCP::Role::"root" };`,
    { schema, arguments: true },
  )
  const ask = (given: unknown) => policy(policyInput({ arguments: given as Record<string, unknown> }))
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) })

  test.each<[string, unknown]>([
    ['none', undefined],
    ['an empty object', {}],
    [
      'fractions, null and large numbers',
      { a: 1.5, b: null, c: 2 ** 70, d: Number.NaN, e: 12345678901234567890n, f: [null, 1] },
    ],
    ['a member __proto__', JSON.parse('{"__proto__":{"path":"/etc/x"},"constructor":1}')],
    ['lists of different things', { a: [1, 'a', { b: [] }] }],
    ['32 levels', deep(32)],
    ['a function, which no client can send', { f() {} }],
  ])('%s are decided on', (_, given) => {
    expect(ask(given)).toMatchObject({ allow: true })
  })

  test.each<[string, unknown, RegExp]>([
    ['33 levels', deep(33), /deeper/],
    ['2,000 levels', deep(2000), /deeper/],
    ['10,001 values', { a: Array.from({ length: 10_001 }, () => 1) }, /values/],
    ['a long text', { a: 'x'.repeat(262_145) }, /characters/],
    ['half a surrogate pair', { a: 'x\ud800' }, /Unicode/],
    ['half a surrogate pair in a name', { 'x\udc00': 1 }, /Unicode/],
    ['an entity', { owner: { __entity: { type: 'MCP::Role', id: 'root' } } }, /__entity/],
    ['an extension', { limit: { __extn: { fn: 'ip', arg: '::1' } } }, /__extn/],
    ['an expression', { limit: { __expr: 'User::"x"' } }, /__expr/],
    ['a path that is forbidden', { path: '/etc/passwd' }, /forbidden/],
  ])('%s are denied', (_, given, reason) => {
    expect(ask(given)).toMatchObject({ allow: false, reason: expect.stringMatching(reason) })
  })

  test('names that are not well-formed are denied', () => {
    const all = make(permitAll)
    const bad = 'x\ud800'
    for (const changes of [
      { subject: { id: bad } },
      { subject: { clientId: bad } },
      { subject: { roles: [bad] } },
      { resource: { name: bad } },
      { resource: { labels: { a: bad } } },
      { action: bad },
    ]) {
      expect(all(policyInput(changes))).toMatchObject({ allow: false })
    }
    expect(all(policyInput({ resource: { name: undefined } }))).toMatchObject({ allow: false })
  })

  test('are not seen by policies that do not ask for them', () => {
    const all = make('permit(principal, action, resource) unless { context has arguments };')
    expect(all.needsArguments).toBe(false)
    expect(all(policyInput({ arguments: { path: '/etc/passwd' } }))).toMatchObject({ allow: true })
    expect(policy.needsArguments).toBe(true)
  })
})

describe('configuration', () => {
  test.each<[string, Partial<CedarOptions> & Pick<CedarOptions, 'policies'>, RegExp]>([
    ['policies that are no text', { policies: 7 as never }, /cedar: policies/],
    ['no policy', { policies: '// nothing' }, /has no policy/],
    ['no policy by id', { policies: {} }, /has no policy/],
    ['a policy that cannot be read', { policies: 'permit(principal' }, /cannot be read/],
    ['two policies with one id', { policies: `${permitAll}${permitAll}` }, /two policies with the id "all"/],
    ['a template', { policies: 'permit(principal == ?principal, action, resource);' }, /template/],
    [
      'a misspelt attribute',
      { policies: 'permit(principal, action, resource) when { principal.scope.contains("x") };' },
      /did you mean `scopes`/,
    ],
    [
      'a misspelt action',
      { policies: 'permit(principal, action == MCP::Action::"tool/call", resource);' },
      /unrecognized action/,
    ],
    [
      'arguments without a test',
      { policies: 'permit(principal, action, resource) when { context.arguments.a == 1 };' },
      /context has arguments/,
    ],
    ['a schema that cannot be read', { policies: permitAll, schema: 'entity' }, /schema cannot be read/],
    ['a schema of another namespace', { policies: permitAll, schema: 'namespace A { entity B; }' }, /namespace MCP/],
    [
      'entities that do not fit',
      { policies: permitAll, entities: [{ uid: { type: 'MCP::Role', id: 'a' }, attrs: { a: 1 }, parents: [] }] },
      /entities do not fit/,
    ],
    ['entities that are no list', { policies: permitAll, entities: 'x' as never }, /entities/],
    ['arguments that are no flag', { policies: permitAll, arguments: 'yes' as never }, /arguments/],
  ])('refuses %s', (_, options, message) => {
    expect(() => cedar({ logger: quiet, ...options })).toThrow(
      expect.objectContaining({ code: 'invalid_configuration' }),
    )
    expect(() => cedar({ logger: quiet, ...options })).toThrow(message)
  })

  test('names policies without an id by their order', () => {
    const policies = Array.from(
      { length: 12 },
      (_, index) => `permit(principal in MCP::Role::"r${index}", action, resource);`,
    )
    const policy = make(policies.join('\n'))
    expect(policy(policyInput({ subject: { roles: ['r10'] } }))).toMatchObject({ allow: true, policies: ['policy10'] })
  })

  test('says of a policy that can never apply', () => {
    const warn = vi.fn()
    make('permit(principal, action, resource) when { 1 == 2 };', { logger: { ...quiet, warn } })
    expect(warn).toHaveBeenCalled()
  })

  test('replaces all policies at once, and keeps the old ones where the new are wrong', async () => {
    const policy = make(permitAll)
    const other = make(permitAll)
    policy.replace('@id("none") forbid(principal, action, resource);')
    expect(policy(policyInput())).toMatchObject({ allow: false, policies: ['none'] })
    expect(other(policyInput())).toMatchObject({ allow: true })
    for (const wrong of ['permit(', 'permit(principal, action, resource) when { principal.x };', '', 7 as never]) {
      expect(() => policy.replace(wrong)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
      expect(policy(policyInput())).toMatchObject({ allow: false, policies: ['none'] })
    }
    policy.replace({ again: 'permit(principal, action, resource);' })
    expect(policy(policyInput())).toEqual({ allow: true, policies: ['again'] })
    await policy.check()
    const asPolicy: Policy = policy
    expect(asPolicy.needsArguments).toBe(false)
  })
})
