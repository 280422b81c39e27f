import { expect, test } from 'vitest'
import type { PolicyInput, PolicyResource, PolicySubject } from '../contract/policy.js'
import { decide, decideAll } from './decide.js'
import { type ToolSet, toolSets } from './tool-sets.js'

const notes = 'https://mcp.example.com/notes'
const input = (
  subject: Partial<PolicySubject>,
  resource: Partial<PolicyResource>,
  action = 'tools/call',
): PolicyInput => ({
  subject: { clientId: 'app', scopes: [], roles: [], groups: [], ...subject },
  action,
  resource: { server: notes, kind: 'tool', ...resource },
  env: { time: 1 },
})

/** The configuration of a gateway in the field, as it is. */
const theirs = {
  'log-analysis': {
    enabled: true,
    description: 'Log analysis and anomaly detection',
    sandboxUrl: 'http://sandbox-log-analysis:8080',
    requiredRole: 'mcp-log-analyst',
    tools: [
      { name: 'search_logs', description: 'Search logs', inputSchema: { type: 'object', properties: {} } },
      { name: 'get_log_*', description: 'Its name is no pattern' },
    ],
  },
  viewer: { enabled: true, description: 'Reads', requiredRole: 'mcp-viewer', tools: [{ name: 'list_dashboards' }] },
  database: { enabled: false, description: 'SQL', requiredRole: 'mcp-dba', tools: [{ name: 'run_query' }] },
}

test.each([
  ['mcp-log-analyst', 'search_logs', true],
  ['mcp-log-analyst', 'get_log_stats', false],
  ['mcp-log-analyst', 'get_log_*', true],
  ['mcp-log-analyst', 'list_dashboards', false],
  ['mcp-viewer', 'list_dashboards', true],
  ['mcp-viewer', 'search_logs', false],
  ['mcp-dba', 'run_query', false],
  ['mcp-admin', 'run_query', true],
  ['mcp-admin', 'anything', true],
  ['MCP-ADMIN', 'search_logs', false],
  ['', 'search_logs', false],
])('in the configuration of others, role %j and tool %s: %s, on list and call', async (role, name, allow) => {
  const policy = toolSets(theirs)
  const asked = input({ roles: role === '' ? [] : [role] }, { name })
  expect(await decide(policy, asked)).toMatchObject({ allow })
  expect((await decideAll(policy, [asked, asked])).map((one) => one.allow)).toEqual([allow, allow])
})

const ours = toolSets(
  {
    reading: {
      roles: ['reader'],
      groups: ['staff'],
      tools: ['read_*', 'search'],
      prompts: ['sum*'],
      resources: ['note://*'],
    },
    writing: { roles: ['reader'], scopes: ['notes:write', 'notes:read'], tools: ['*_note'] },
    open: { everyone: true, tools: ['help'], servers: ['https://mcp.example.com/*'] },
    harmless: { roles: ['guest'], labels: { risk: 'low' } },
    harmlessTools: { roles: ['tester'], tools: ['t*'], labels: { risk: 'low' } },
  },
  { adminRoles: ['root'], methods: ['acme/stats'] },
)

test.each<[string, Partial<PolicySubject>, Partial<PolicyResource>, string, object]>([
  [
    'a pattern',
    { roles: ['reader'] },
    { name: 'read_all' },
    'tools/call',
    { allow: true, policies: ['toolSets:reading'] },
  ],
  ['a group', { groups: ['staff'] }, { name: 'search' }, 'tools/call', { allow: true }],
  ['a group by the name of a role', { groups: ['reader'] }, { name: 'search' }, 'tools/call', { allow: false }],
  ['a prompt', { roles: ['reader'] }, { kind: 'prompt', name: 'summary' }, 'prompts/get', { allow: true }],
  [
    'a prompt by the name of a tool',
    { roles: ['reader'] },
    { kind: 'prompt', name: 'search' },
    'prompts/get',
    { allow: false },
  ],
  ['a resource', { roles: ['reader'] }, { kind: 'resource', name: 'note://a' }, 'resources/read', { allow: true }],
  ['a template', { roles: ['reader'] }, { kind: 'template', name: 'note://{id}' }, 'resources/read', { allow: true }],
  [
    'another resource',
    { roles: ['reader'] },
    { kind: 'resource', name: 'file:///a' },
    'resources/read',
    { allow: false },
  ],
  [
    'missing scopes',
    { roles: ['reader'], scopes: ['notes:read'] },
    { name: 'delete_note' },
    'tools/call',
    { allow: false, requiredScopes: ['notes:write', 'notes:read'] },
  ],
  [
    'scopes',
    { roles: ['reader'], scopes: ['notes:read', 'notes:write'] },
    { name: 'delete_note' },
    'tools/call',
    { allow: true, policies: ['toolSets:writing'] },
  ],
  [
    'scopes without the role',
    { scopes: ['notes:read', 'notes:write'] },
    { name: 'delete_note' },
    'tools/call',
    { allow: false },
  ],
  ['what is open', {}, { name: 'help' }, 'tools/call', { allow: true }],
  ['what is open, of another server', {}, { name: 'help', server: 'https://x' }, 'tools/call', { allow: false }],
  ['what is open, without a token', { clientId: '' }, { name: 'help' }, 'tools/call', { allow: false }],
  ['a label', { roles: ['guest'] }, { name: 'x', labels: { risk: 'low' } }, 'tools/call', { allow: true }],
  ['another label', { roles: ['guest'] }, { name: 'x', labels: { risk: 'high' } }, 'tools/call', { allow: false }],
  ['no label', { roles: ['guest'] }, { name: 'x' }, 'tools/call', { allow: false }],
  ['label and name', { roles: ['tester'] }, { name: 'tool', labels: { risk: 'low' } }, 'tools/call', { allow: true }],
  ['label without name', { roles: ['tester'] }, { name: 'x', labels: { risk: 'low' } }, 'tools/call', { allow: false }],
  ['a list', {}, { kind: 'server' }, 'tools/list', { allow: true }],
  ['a method of ours', {}, { kind: 'server' }, 'acme/stats', { allow: true }],
  ['an unknown method', {}, { kind: 'server' }, 'acme/drop', { allow: false }],
  ['a whole server', { roles: ['reader'] }, { kind: 'server' }, '*', { allow: false }],
  ['a whole server for the admin', { roles: ['root'] }, { kind: 'server' }, '*', { allow: true }],
  ['a default that was replaced', { roles: ['mcp-admin'] }, { name: 'x' }, 'tools/call', { allow: false }],
  ['a task', { roles: ['reader'] }, { kind: 'task', name: 't1' }, 'tasks/get', { allow: true }],
  ['a task of who may do nothing', { clientId: '' }, { kind: 'task', name: 't1' }, 'tasks/get', { allow: false }],
  ['no name', { roles: ['reader'] }, {}, 'tools/call', { allow: false }],
  ['a name of objects', { roles: ['reader'] }, { name: 'constructor' }, 'tools/call', { allow: false }],
])('%s', async (_, subject, resource, action, expected) => {
  const asked = input(subject, resource, action)
  expect(await decide(ours, asked)).toMatchObject(expected)
  expect((await decideAll(ours, [asked, asked]))[1]).toMatchObject(expected)
})

test('the operator is told which sets have it, and for whom', async () => {
  expect(await decide(toolSets(theirs), input({}, { name: 'search_logs' }))).toEqual({
    allow: false,
    reason: 'No tool set of the caller has it; those that have are log-analysis (for mcp-log-analyst)',
  })
})

test.each<[string, unknown, string]>([
  ['sets that are no object', [], 'sets of toolSets'],
  ['a set that is none', { viewer: true }, 'viewer'],
  ['a member that is not known', { viewer: { requireRole: 'x', tools: ['a'] } }, 'requireRole'],
  ['a set for nobody', { viewer: { tools: ['a'] } }, 'viewer'],
  ['a set for nobody, in empty lists', { viewer: { roles: [], groups: [], tools: ['a'] } }, 'viewer'],
  ['a set for some and everyone', { viewer: { roles: ['a'], everyone: true, tools: ['a'] } }, 'everyone'],
  ['a set with nothing in it', { viewer: { roles: ['a'] } }, 'viewer'],
  ['an empty role', { viewer: { requiredRole: '', tools: ['a'] } }, 'requiredRole'],
  ['a text for a list', { viewer: { requiredRole: 'a', tools: 'a' } }, 'tools'],
  ['a tool without a name', { viewer: { requiredRole: 'a', tools: [{ description: 'x' }] } }, 'tools'],
  ['a text for a flag', { viewer: { enabled: 'false', requiredRole: 'a', tools: ['a'] } }, 'enabled'],
  ['labels that are none', { viewer: { requiredRole: 'a', labels: { a: 1 } } }, 'labels'],
])('%s fails at construction', (_, sets, option) => {
  expect(() => toolSets(sets as Record<string, ToolSet>)).toThrow(option)
})

test('options that are wrong fail at construction', () => {
  expect(() => toolSets({}, { adminRoles: 'root' as never })).toThrow('adminRoles')
  expect(() => toolSets({}, { methods: [1] as never })).toThrow('methods')
})
