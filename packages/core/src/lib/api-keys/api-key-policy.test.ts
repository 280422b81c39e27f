import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Policy, PolicyInput, PolicyResource } from '../contract/policy.js'
import type { Storage } from '../contract/storage.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { apiKeyPolicy } from './api-key-policy.js'
import { type ApiKeys, createApiKeys } from './create-api-keys.js'

let storage: Storage
let keys: ApiKeys
let policy: Policy

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  storage = memoryStorage()
  keys = createApiKeys({ storage })
  policy = apiKeyPolicy(keys)
})
afterEach(() => void vi.useRealTimers())

const create = async (tools?: readonly string[]) => {
  const { apiKey } = await keys.create({ owner: { serviceAccount: 'robot' }, name: 'a', ...(tools && { tools }) })
  return apiKey.id
}
const input = (
  clientId: string,
  resource: Partial<PolicyResource>,
  action = 'tools/call',
  issuer = 'apikey',
): PolicyInput => ({
  subject: { issuer, id: 'robot', clientId, scopes: [], roles: [], groups: [] },
  action,
  resource: { server: 'https://mcp.example.com/notes/mcp', kind: 'tool', ...resource },
  env: { time: 1 },
})
const allows = async (asked: PolicyInput) => (await policy(asked)).allow

test('a key that names tools may use these, the same alone and among many', async () => {
  const id = await create(['search', 'notes_*'])
  const names = ['search', 'notes_read', 'Search', 'searcher', 'delete', undefined]
  const inputs = names.map((name) => input(id, { ...(name && { name }) }))
  const alone = await Promise.all(inputs.map(async (one) => policy(one)))
  expect(alone.map(({ allow }) => allow)).toEqual([true, true, false, false, false, false])
  expect(await policy.many?.(inputs)).toEqual(alone)
})

test.each([
  ['prompts/get', { kind: 'prompt', name: 'search' }, false],
  ['resources/read', { kind: 'resource', name: 'file:///search' }, false],
  ['resources/templates/list', { kind: 'template', name: 'file:///{path}' }, false],
  ['tasks/get', { kind: 'task', name: '7' }, true],
  ['initialize', { kind: 'server' }, true],
  ['tools/list', { kind: 'server' }, true],
  ['company/secret', { kind: 'server' }, false],
  ['*', { kind: 'server' }, false],
] as const)('of a key that names tools, %s is decided: %j', async (action, resource, expected) => {
  expect(await allows(input(await create(['search']), resource, action))).toBe(expected)
})

test('a key that names no tools, and who comes without a key, pass', async () => {
  expect(await allows(input(await create(), { name: 'delete' }))).toBe(true)
  const id = await create([])
  expect(await allows(input(id, { name: 'delete' }, 'tools/call', 'https://login.example.com'))).toBe(true)
  expect(await allows(input(id, { name: 'delete' }))).toBe(false)
  expect(await allows(input(id, { name: 'delete' }, 'tools/call', 'apikey:https://login.example.com'))).toBe(false)
})

test('a key that is not there any more may do nothing', async () => {
  expect(await allows(input('aaaaaaaaaaaa', { name: 'search' }))).toBe(false)
})

test('a change holds within a second, and a list asks the storage once', async () => {
  const id = await create(['search'])
  const get = vi.spyOn(storage, 'get')
  await policy.many?.(Array.from({ length: 1000 }, (_, index) => input(id, { name: `tool${index}` })))
  expect(get).toHaveBeenCalledTimes(1)
  await keys.update(id, { tools: ['delete'] })
  vi.setSystemTime(Date.now() + 1000)
  expect(await allows(input(id, { name: 'delete' }))).toBe(true)
})

test('rejects while the storage does not answer, which is a refusal', async () => {
  const id = await create(['search'])
  vi.spyOn(storage, 'get').mockRejectedValue(new Error('down'))
  await expect(policy(input(id, { name: 'search' }))).rejects.toThrow('down')
})
