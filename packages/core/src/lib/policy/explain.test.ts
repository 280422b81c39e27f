import { expect, test } from 'vitest'
import { allOf } from './combine.js'
import { explain } from './explain.js'
import { toolSets } from './tool-sets.js'

const input = {
  subject: { id: 'alice', clientId: 'app', scopes: [], roles: ['viewer'], groups: [] },
  action: 'tools/call',
  resource: { server: 'https://mcp.example.com/notes', kind: 'tool' as const, name: 'drop' },
  env: { time: 1 },
}

test('tells what each part of a policy says, also of those that were not asked', async () => {
  const sets = toolSets({ admin: { roles: ['dba'], tools: ['drop'] } })
  const broken = () => {
    throw new Error('down')
  }
  expect(await explain(allOf([sets, broken]), input)).toMatchObject({
    name: 'allOf',
    decision: { allow: false, reason: expect.stringContaining('admin (for dba)') },
    duration: expect.any(Number),
    parts: [
      { name: 'toolSets', decision: { allow: false } },
      { name: 'broken', decision: { unavailable: true, reason: 'down' }, parts: [] },
    ],
  })
})
