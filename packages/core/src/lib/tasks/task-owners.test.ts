import { describe, expect, test } from 'vitest'
import type { Owner } from '../tokens/owner.js'
import { TaskOwners } from './task-owners.js'

const server = {}
const owner = (principal: string, more: Partial<Owner> = {}): Owner => ({ principal, audience: 'a', ...more })
const begin = (tasks: TaskOwners<object>, principal: string, taskId: string, at: object = server) =>
  tasks.add({ server: at, taskId, owner: owner(principal) })

describe('the table of tasks', () => {
  test('forgets the oldest of the user who has too many, and of nobody else [finding 3]', () => {
    const tasks = new TaskOwners<object>({ maxTasksPerPrincipal: 3 })
    begin(tasks, 'alice', 'hers')
    for (let n = 0; n < 100; n++) begin(tasks, 'bob', `his-${n}`)
    expect(tasks.size).toBe(4)
    expect(tasks.owns(owner('alice'), server, 'hers')).toBe(true)
    expect(['his-96', 'his-97', 'his-99'].map((id) => tasks.owns(owner('bob'), server, id))).toEqual([
      false,
      true,
      true,
    ])
  })

  test('takes from the user who has most when all have too many [finding 3]', () => {
    const tasks = new TaskOwners<object>({ maxTasks: 10 })
    for (let n = 0; n < 9; n++) begin(tasks, 'bob', `his-${n}`)
    for (let n = 0; n < 4; n++) begin(tasks, `user-${n}`, `one-${n}`)
    expect(tasks.size).toBe(10)
    for (let n = 0; n < 4; n++) expect(tasks.owns(owner(`user-${n}`), server, `one-${n}`)).toBe(true)
    expect(tasks.owns(owner('bob'), server, 'his-2')).toBe(false)
  })

  test('leaves a task to its first owner, at the server where it runs [finding 3]', () => {
    const tasks = new TaskOwners<object>()
    const other = {}
    begin(tasks, 'alice', '1')
    begin(tasks, 'bob', '1')
    begin(tasks, 'bob', '1', other)
    expect(tasks.owns(owner('bob'), server, '1')).toBe(false)
    expect(tasks.serverOf(owner('alice'), '1', () => true)).toBe(server)
    expect(tasks.serverOf(owner('bob'), '1', () => true)).toBe(other)
    expect(tasks.serverOf(owner('bob'), undefined, (one) => one !== other)).toBeUndefined()
    expect(tasks.serverOf(owner('bob'), undefined, () => true)).toBe(other)
  })

  test.each([
    ['another audience', { audience: 'b' }],
    ['fewer scopes', { scopes: ['x'] }],
  ])('does not know it for a token with %s [finding 3]', (_what, less) => {
    const tasks = new TaskOwners<object>()
    tasks.add({ server, taskId: '1', owner: owner('alice', { scopes: ['x', 'y'] }) })
    expect(tasks.owns(owner('alice', { scopes: ['z', 'y', 'x'] }), server, '1')).toBe(true)
    expect(tasks.owns(owner('alice', { scopes: ['x', 'y'], ...less }), server, '1')).toBe(false)
  })

  test('forgets a server and keeps nothing of it [finding 3]', () => {
    const tasks = new TaskOwners<object>()
    const other = {}
    begin(tasks, 'alice', '1')
    begin(tasks, 'alice', '2')
    begin(tasks, 'alice', '1', other)
    tasks.forget(server)
    expect(tasks.size).toBe(1)
    expect(tasks.get(server, '1')).toBeUndefined()
    expect(tasks.owns(owner('alice'), other, '1')).toBe(true)
    tasks.forget(other)
    expect(tasks.size).toBe(0)
  })

  test('remembers no id that is longer than any header takes [finding 3]', () => {
    const tasks = new TaskOwners<object>()
    begin(tasks, 'alice', 'x'.repeat(8193))
    expect(tasks.size).toBe(0)
  })
})
