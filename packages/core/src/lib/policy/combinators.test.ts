import { afterEach, expect, test, vi } from 'vitest'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { cached } from './cached.js'
import { allOf, anyOf } from './combine.js'
import { decide, decideAll } from './decide.js'
import { shadow } from './shadow.js'

afterEach(() => vi.useRealTimers())

const input = (name = 'search', more: Partial<PolicyInput> = {}): PolicyInput => ({
  subject: { issuer: 'https://a', id: 'alice', clientId: 'app', scopes: ['x'], roles: [], groups: [] },
  action: 'tools/call',
  resource: { server: 'https://mcp.example.com/notes', kind: 'tool', name },
  env: { time: 1 },
  ...more,
})
const says = (decision: Decision): Policy => vi.fn(() => decision)
const yes = says({ allow: true, policies: ['yes'] })
const no = says({ allow: false, reason: 'no', policies: ['no'] })
const loud = says({ allow: false, reason: 'Ask the owner', public: true })
const needs = (...requiredScopes: string[]) => says({ allow: false, reason: `needs ${requiredScopes}`, requiredScopes })
const broken: Policy = () => {
  throw new Error('down')
}
const slow =
  (policy: Policy): Policy =>
  async (asked) =>
    policy(asked)

const table: [string, Policy[], object, object][] = [
  ['yes', [yes], { allow: true, policies: ['yes'] }, { allow: true }],
  ['yes, yes', [yes, yes], { allow: true, policies: ['yes', 'yes'] }, { allow: true, policies: ['yes'] }],
  ['yes, no', [yes, no], { allow: false, reason: 'no', policies: ['yes', 'no'] }, { allow: true, policies: ['yes'] }],
  ['no, yes', [no, yes], { allow: false, reason: 'no' }, { allow: true, policies: ['yes'] }],
  ['no, no', [no, no], { allow: false, reason: 'no' }, { allow: false, reason: 'no; no' }],
  ['broken, yes', [broken, yes], { unavailable: true }, { allow: true }],
  ['broken, no', [broken, no], { allow: false, reason: 'no' }, { unavailable: true }],
  ['no, broken', [no, broken], { allow: false, reason: 'no' }, { unavailable: true }],
  ['scopes', [needs('a'), needs('b', 'a')], { requiredScopes: ['a', 'b'] }, { requiredScopes: ['a'] }],
  ['scopes, no', [needs('a'), no], { allow: false, reason: 'no' }, { requiredScopes: ['a'] }],
  ['scopes, broken', [needs('a'), broken], { unavailable: true }, { unavailable: true }],
  ['scopes, yes', [needs('a'), yes], { requiredScopes: ['a'] }, { allow: true }],
  ['no, public', [no, loud], { reason: 'no' }, { reason: 'Ask the owner', public: true }],
]

test.each(table)('%s: allOf and anyOf, alone and in lists, at once and later', async (_, policies, all, any) => {
  for (const list of [policies, policies.map(slow)]) {
    for (const [made, expected] of [
      [allOf(list), all],
      [anyOf(list), any],
    ] as const) {
      expect(await decide(made, input())).toMatchObject(expected)
      expect(await decideAll(made, [input('a'), input('b')])).toMatchObject([expected, expected])
    }
  }
})

test('a plain refusal carries no scopes that would not help, and no public words of another', async () => {
  expect(await decide(allOf([needs('a'), no]), input())).not.toHaveProperty('requiredScopes')
  expect(await decide(anyOf([no, no]), input())).not.toHaveProperty('public')
})

test('what is decided is asked no further, item by item', async () => {
  const seen: string[] = []
  const second: Policy = ({ resource: { name = '' } }) => {
    seen.push(name)
    return { allow: true }
  }
  const first: Policy = ({ resource: { name } }) => (name === 'a' ? { allow: true } : { allow: false, reason: 'x' })
  expect((await decideAll(allOf([first, second]), [input('a'), input('b')])).map(({ allow }) => allow)).toEqual([
    true,
    false,
  ])
  expect(seen.splice(0)).toEqual(['a'])
  expect((await decideAll(anyOf([first, second]), [input('a'), input('b')])).map(({ allow }) => allow)).toEqual([
    true,
    true,
  ])
  expect(seen).toEqual(['b'])
})

test('the shortest maxAge holds', async () => {
  const policies = [says({ allow: true, maxAge: 9 }), says({ allow: true, maxAge: 3 }), yes]
  expect(await decide(allOf(policies), input())).toMatchObject({ maxAge: 3 })
})

test('many, check, needsArguments and dependsOn are passed on', async () => {
  const many = vi.fn((inputs: readonly PolicyInput[]) => inputs.map(() => ({ allow: true as const })))
  const check = vi.fn(async () => ({ degraded: 'slow' }))
  const engine: Policy = Object.assign(() => ({ allow: true as const }), { many, check, needsArguments: true })
  for (const made of [allOf([yes, engine]), anyOf([no, engine]), shadow(engine, no)]) {
    expect(made.needsArguments).toBe(true)
    expect(await made.check?.()).toEqual({ degraded: 'slow' })
    await decideAll(made, [input('a'), input('b')])
    expect(made.dependsOn).toBeUndefined()
  }
  expect(many).toHaveBeenCalledTimes(3)
  const byRole = Object.assign(() => ({ allow: true as const }), { dependsOn: ['roles'] as const })
  const byScope = Object.assign(() => ({ allow: true as const }), { dependsOn: ['scopes'] as const })
  expect(allOf([byRole, byScope]).dependsOn).toEqual(['roles', 'scopes'])
  expect(cached(byRole).dependsOn).toEqual(['roles'])
  expect(allOf([yes]).check).toBeUndefined()
})

test('arguments reach those alone that need them', async () => {
  const seen: unknown[] = []
  const plain: Policy = ({ arguments: args }) => {
    seen.push(args)
    return { allow: true }
  }
  const needing: Policy = Object.assign((one: PolicyInput) => plain(one), { needsArguments: true })
  await decide(allOf([plain, needing]), input('a', { arguments: { path: '/' } }))
  expect(seen).toEqual([undefined, { path: '/' }])
})

test.each([
  ['allOf', () => allOf([])],
  ['anyOf', () => anyOf([])],
  ['allOf', () => allOf([{} as Policy])],
  ['shadow', () => shadow({} as Policy, yes)],
  ['shadow', () => shadow(yes, undefined as unknown as Policy)],
  ['cached', () => cached(yes, { maxAge: 0 })],
])('%s names the option that is wrong', (name, make) => {
  expect(make).toThrow(name)
})

test('shadow decides nothing, and tells what it would have decided', async () => {
  const onDifference = vi.fn()
  const tried = shadow(yes, no, { onDifference })
  expect(await decide(tried, input())).toEqual({
    allow: true,
    policies: ['yes'],
    shadow: { allow: false, reason: 'no', policies: ['no'] },
  })
  expect(onDifference).toHaveBeenCalledOnce()
  expect(await decide(shadow(no, yes), input())).toMatchObject({ allow: false, reason: 'no', shadow: { allow: true } })
  expect(await decide(shadow(yes, broken), input())).toMatchObject({ allow: true, shadow: { allow: false } })
  const loudly = shadow(yes, no, {
    onDifference: () => {
      throw new Error('listener')
    },
  })
  expect(await decide(loudly, input())).toMatchObject({ allow: true })
})

test('a candidate that hangs is waited for no longer than its time', async () => {
  vi.useFakeTimers()
  const pending = decide(
    shadow(yes, () => new Promise(() => {}), { timeout: 1 }),
    input(),
  )
  await vi.advanceTimersByTimeAsync(1000)
  expect(await pending).toMatchObject({ allow: true, shadow: { allow: false } })
})

test('cached asks the same question once, and forgets in time', async () => {
  vi.useFakeTimers()
  const policy = vi.fn((): Decision => ({ allow: true }))
  const kept = cached(policy, { maxAge: 5 })
  for (const time of [1, 2, 3]) await decide(kept, input('a', { env: { time } }))
  expect(policy).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(5001)
  await decide(kept, input('a'))
  expect(policy).toHaveBeenCalledTimes(2)
  await decideAll(kept, [input('a'), input('b')])
  expect(policy).toHaveBeenCalledTimes(3)
})

const asked = input('a')
test.each<[string, PolicyInput]>([
  ['another user', { ...asked, subject: { ...asked.subject, id: 'bob' } }],
  ['the same name at another issuer', { ...asked, subject: { ...asked.subject, issuer: 'https://b' } }],
  ['another client', { ...asked, subject: { ...asked.subject, clientId: 'x' } }],
  ['other roles', { ...asked, subject: { ...asked.subject, roles: ['r'] } }],
  ['roles as groups', { ...asked, subject: { ...asked.subject, groups: ['x'], scopes: [] } }],
  ['somebody who acts for her', { ...asked, subject: { ...asked.subject, actor: { id: 'bot' } } }],
  ['another address', { ...asked, env: { time: 1, address: '192.0.2.1' } }],
  ['another action', { ...asked, action: 'prompts/get' }],
  ['another server', { ...asked, resource: { ...asked.resource, server: 'https://x' } }],
  ['another kind', { ...asked, resource: { ...asked.resource, kind: 'prompt' } }],
  ['another name', { ...asked, resource: { ...asked.resource, name: 'b' } }],
  ['another advertised name', { ...asked, resource: { ...asked.resource, advertisedName: 'b' } }],
  ['labels', { ...asked, resource: { ...asked.resource, labels: { a: 'b' } } }],
  ['annotations', { ...asked, resource: { ...asked.resource, annotations: { readOnlyHint: true } } }],
])('a cached decision is not that of %s', async (_, other) => {
  const policy = vi.fn((): Decision => ({ allow: true }))
  const kept = cached(policy)
  await decide(kept, asked)
  await decide(kept, other)
  expect(policy).toHaveBeenCalledTimes(2)
})

test('whoever is alike in what the policy depends on shares decisions', async () => {
  const policy = Object.assign(
    vi.fn((): Decision => ({ allow: true })),
    { dependsOn: ['roles'] as const },
  )
  const kept = cached(policy)
  const of = (id: string, roles: string[]) => input('a', { subject: { ...input().subject, id, roles } })
  await decide(kept, of('alice', ['a', 'b']))
  await decide(kept, of('bob', ['b', 'a']))
  expect(policy).toHaveBeenCalledTimes(1)
  await decide(kept, of('bob', ['a']))
  expect(policy).toHaveBeenCalledTimes(2)
})

test('nothing is kept that could not be decided, that may not be kept, or that needs arguments', async () => {
  const failing = vi.fn(() => Promise.reject(new Error('down')))
  const kept = cached(failing)
  await decide(kept, input())
  await decide(kept, input())
  expect(failing).toHaveBeenCalledTimes(2)
  const fresh = vi.fn((): Decision => ({ allow: true, maxAge: 0 }))
  const keptFresh = cached(fresh)
  await decide(keptFresh, input())
  await decide(keptFresh, input())
  expect(fresh).toHaveBeenCalledTimes(2)
  const needing: Policy = Object.assign(() => ({ allow: true as const }), { needsArguments: true })
  expect(cached(needing)).toBe(needing)
})

test('cached holds no more decisions than it may', async () => {
  const policy = vi.fn((): Decision => ({ allow: true }))
  const kept = cached(policy, { maxEntries: 10 })
  for (let index = 0; index < 100; index++) await decide(kept, input(`tool${index}`))
  await decide(kept, input('tool0'))
  expect(policy).toHaveBeenCalledTimes(101)
  const endless = input('x'.repeat(100_000))
  await decide(kept, endless)
  await decide(kept, endless)
  expect(policy).toHaveBeenCalledTimes(103)
})
