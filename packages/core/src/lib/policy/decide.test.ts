import { afterEach, expect, test, vi } from 'vitest'
import type { Decision, Policy, PolicyInput } from '../contract/policy.js'
import { decide, decideAll } from './decide.js'

afterEach(() => vi.useRealTimers())

const input = (name = 'search', kind: PolicyInput['resource']['kind'] = 'tool'): PolicyInput => ({
  subject: { id: 'alice', clientId: 'app', scopes: [], roles: [], groups: [] },
  action: kind === 'tool' ? 'tools/call' : 'resources/read',
  resource: { server: 'https://mcp.example.com/notes', kind, name },
  env: { time: 1 },
})
const inputs = (count: number) => Array.from({ length: count }, (_, index) => input(`tool${index}`))
const answering = (answer: unknown): Policy => (() => answer) as unknown as Policy
const manyOf = (answer: unknown): Policy =>
  Object.assign(() => ({ allow: true as const }), { many: () => answer as Decision[] })
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: vi.fn() }

test('only true allows', async () => {
  expect(await decide(answering({ allow: true }), input())).toEqual({ allow: true })
  expect(await decide(answering(Promise.resolve({ allow: true, policies: ['a'] })), input())).toEqual({
    allow: true,
    policies: ['a'],
  })
})

test.each([
  [undefined],
  [null],
  [true],
  ['allow'],
  [{}],
  [[]],
  [{ allow: 'true' }],
  [{ allow: 'yes' }],
  [{ allow: 1 }],
  [{ allow: [true] }],
  [{ allow: new Boolean(true) }],
  [{ allow: true, obligations: [{ id: 'mask' }] }],
  [{ allow: true, obligations: 'mask' }],
  [{ allow: true, obligations: { id: 'mask' } }],
])('%o is a refusal, alone, as a promise and in a list', async (answer) => {
  expect(await decide(answering(answer), input())).toMatchObject({ allow: false, reason: expect.any(String) })
  expect(await decide(answering(Promise.resolve(answer)), input())).toMatchObject({ allow: false })
  expect(await decideAll(manyOf([{ allow: true }, answer]), inputs(2))).toMatchObject([
    { allow: true },
    { allow: false },
  ])
})

test('an answer that throws when it is read is a refusal', async () => {
  const answer = Object.defineProperty({}, 'allow', {
    get: () => {
      throw new Error('no')
    },
  })
  expect(await decide(answering(answer), input())).toMatchObject({ allow: false })
})

test('a reason that is not a text is not told, and lists keep their texts alone', async () => {
  expect(await decide(answering({ allow: false, reason: 7, public: true, requiredScopes: ['a', 1] }), input())).toEqual(
    {
      allow: false,
      reason: 'The policy gave no reason',
      requiredScopes: ['a'],
    },
  )
})

test.each<[string, Policy]>([
  [
    'throws',
    () => {
      throw new Error('down')
    },
  ],
  ['rejects', () => Promise.reject(new Error('down'))],
  ['rejects with nothing', () => Promise.reject()],
])('a policy that %s has decided nothing, and the log says why', async (_, policy) => {
  quiet.error.mockClear()
  expect(await decide(policy, input(), { logger: quiet })).toMatchObject({ allow: false, unavailable: true })
  expect(quiet.error).toHaveBeenCalledOnce()
})

test('a policy that hangs has decided nothing when its time is over', async () => {
  vi.useFakeTimers()
  const hanging: Policy = () => new Promise(() => {})
  const pending = decide(hanging, input(), { timeout: 2 })
  const list = decideAll(Object.assign(hanging, { many: () => new Promise<Decision[]>(() => {}) }), inputs(3), {
    timeout: 2,
  })
  await vi.advanceTimersByTimeAsync(2000)
  expect(await pending).toMatchObject({ unavailable: true, reason: expect.stringContaining('2 s') })
  expect(await list).toHaveLength(3)
  expect((await list).every((one) => !one.allow && one.unavailable === true)).toBe(true)
})

test('in a list without many, what hangs is left out and the rest keeps its decision', async () => {
  vi.useFakeTimers()
  const policy: Policy = ({ resource: { name } }) => {
    if (name === 'tool1') return new Promise(() => {})
    if (name === 'tool2') throw new Error('broken')
    return name === 'tool3' ? Promise.reject(new Error('broken')) : { allow: true }
  }
  const pending = decideAll(policy, inputs(5), { timeout: 1 })
  await vi.advanceTimersByTimeAsync(1000)
  expect((await pending).map(({ allow }) => allow)).toEqual([true, false, false, false, true])
})

test.each([
  ['too few', () => [{ allow: true }]],
  ['too many', () => [{ allow: true }, { allow: true }, { allow: true }]],
  ['no list', () => ({ allow: true })],
  ['nothing', () => undefined],
  ['a promise of too few', async () => [{ allow: true }]],
  ['a rejection', () => Promise.reject(new Error('down'))],
])('%s of many has decided nothing', async (_, answer) => {
  const policy = Object.assign(() => ({ allow: true as const }), { many: answer as () => Decision[] })
  expect(await decideAll(policy, inputs(2))).toMatchObject([{ unavailable: true }, { unavailable: true }])
})

test('a list with holes is none', async () => {
  const holes = [{ allow: true }]
  holes.length = 2
  expect(await decideAll(manyOf(holes), inputs(2))).toMatchObject([{ allow: true }, { allow: false }])
})

test('no more than 32 questions are open at a time where there is no many', async () => {
  let open = 0
  let most = 0
  const policy: Policy = async () => {
    most = Math.max(most, ++open)
    await new Promise((resolve) => setTimeout(resolve, 1))
    open--
    return { allow: true }
  }
  const decisions = await decideAll(policy, inputs(200))
  expect(decisions).toHaveLength(200)
  expect(decisions.every(({ allow }) => allow)).toBe(true)
  expect(most).toBeLessThanOrEqual(33)
})

test('a policy that decides at once is answered at once', () => {
  expect(decide(() => ({ allow: true }), input())).toEqual({ allow: true })
  expect(decideAll(() => ({ allow: true }), inputs(2))).toEqual([{ allow: true }, { allow: true }])
})

test('arguments are told to policies that need them, and to no others', async () => {
  const seen: unknown[] = []
  const policy: Policy = (asked) => {
    seen.push(asked.arguments)
    return { allow: true }
  }
  const asked = { ...input(), arguments: { path: '/etc' } }
  await decide(policy, asked)
  await decide(
    Object.assign((one: PolicyInput) => policy(one), { needsArguments: true }),
    asked,
  )
  expect(seen).toEqual([undefined, { path: '/etc' }])
})

test.each([
  ['file:///srv/public/../private/a'],
  ['file:///srv/public/%2e%2e/private/a'],
  ['FILE:///srv/private/a'],
  ['note://x/../srv/private/a'],
])('%s is allowed only if what its server may read is too [finding 2]', async (uri) => {
  const policy: Policy = ({ resource: { name = '' } }) =>
    name.includes('/private/') && /^(file:\/\/\/srv|note:\/\/x\/srv)\/private/.test(name)
      ? { allow: false, reason: 'private' }
      : { allow: true }
  expect(policy(input('file:///srv/private/a', 'resource'))).toMatchObject({ allow: false })
  expect(await decide(policy, input(uri, 'resource'))).toMatchObject({ allow: false, reason: 'private' })
  expect(await decideAll(policy, [input('file:///srv/public/a', 'resource'), input(uri, 'resource')])).toMatchObject([
    { allow: true },
    { allow: false },
  ])
})
