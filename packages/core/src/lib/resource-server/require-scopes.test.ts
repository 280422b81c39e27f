import { expect, test } from 'vitest'
import type { Context } from '../contract/handler.js'
import { parseMessage } from '../message/parse-message.js'
import { bearerAuth } from './bearer-auth.js'
import { requireScopes } from './require-scopes.js'

const resource = 'https://mcp.example.com/notes/mcp'

async function call(scopes: string[], method: string, params: object, options = {}) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const verifier = { verifyAccessToken: async (token: string) => ({ token, clientId: 'app', scopes, expiresAt: 9e9 }) }
  const guard = bearerAuth({ verifier, resource, requiredScopes: ['notes'] })
  const stepUp = requireScopes({
    operations: {
      'tools/call': { delete_note: ['notes:write', 'notes:delete'], '*': ['notes:read'] },
      'prompts/get': { secret: ['notes:secret'] },
      'resources/read': ['notes:read'],
    },
    ...options,
  })
  const request = new Request(resource, { method: 'POST', headers: { Authorization: 'Bearer x' }, body })
  return guard(request, {}, (inner, context) =>
    stepUp(inner, { ...context, message: parseMessage(new TextEncoder().encode(body)) }, () => new Response('done')),
  )
}

test('[R4, attack 131] one challenge names all scopes of the operation and of the server', async () => {
  const response = await call(['notes', 'notes:write'], 'tools/call', { name: 'delete_note' })
  expect(response.status).toBe(403)
  const challenge = response.headers.get('WWW-Authenticate')
  expect(challenge).toContain('error="insufficient_scope"')
  expect(challenge).toContain('scope="notes notes:write notes:delete"')
  expect(challenge).toContain(
    'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/notes/mcp"',
  )
})

test.each([
  ['a tool that is listed', ['notes', 'notes:write', 'notes:delete'], 'tools/call', { name: 'delete_note' }, 200],
  ['a tool that is not', ['notes', 'notes:read'], 'tools/call', { name: 'list_notes' }, 200],
  ['a tool that is not, without scope', ['notes'], 'tools/call', { name: 'list_notes' }, 403],
  ['a tool named like a method of objects', ['notes'], 'tools/call', { name: 'constructor' }, 403],
  ['a tool without a name', ['notes'], 'tools/call', {}, 403],
  ['a tool without a name, with every scope', ['notes', 'notes:read', 'notes:write'], 'tools/call', {}, 403],
  ['a prompt that is listed', ['notes'], 'prompts/get', { name: 'secret' }, 403],
  ['a prompt that is not', ['notes'], 'prompts/get', { name: 'public' }, 200],
  ['any resource', ['notes'], 'resources/read', { uri: 'file:///x' }, 403],
  ['a method that is not listed', ['notes'], 'tools/list', {}, 200],
  ['a method named like one of objects', ['notes'], 'toString', {}, 200],
])('%s, with %o', async (_, scopes, method, params, status) => {
  expect((await call(scopes, method, params)).status).toBe(status)
})

test('[R4] a broader scope includes the narrower ones', async () => {
  const scopeHierarchy = { 'notes:delete': ['notes:write'], 'notes:write': ['notes:read'] }
  expect((await call(['notes', 'notes:delete'], 'resources/read', { uri: 'a:b' }, { scopeHierarchy })).status).toBe(200)
  expect((await call(['notes', 'notes:write'], 'tools/call', { name: 'delete_note' }, { scopeHierarchy })).status).toBe(
    403,
  )
})

test('a request without a message (a stream, an end of session) needs no scope of its own', async () => {
  const context: Context = { auth: { token: 'x', clientId: 'a', scopes: [] }, refuse: () => new Response() }
  const layer = requireScopes({ operations: { 'tools/call': ['a'] } })
  const response = await layer(new Request(resource), context, () => new Response('stream'))
  expect(await response.text()).toBe('stream')
})

test('a request that nobody checked before is an error of whoever put it together', () => {
  const layer = requireScopes({ operations: {} })
  const post = new Request(resource, { method: 'POST', body: '{}' })
  const refuse = () => new Response()
  const auth = { token: 'x', clientId: 'a', scopes: [] }
  for (const context of [{}, { auth }, { refuse }, { auth, refuse }]) {
    expect(() => layer(post, context, () => new Response())).toThrow(/behind bearerAuth and message/)
  }
})

const rules = (operations: Parameters<typeof requireScopes>[0]['operations']) => ({ operations })
const secret = { 'note://secret/a': ['secret'] }
const listen = (...uris: string[]) => ({ notifications: { toolsListChanged: true, resourceSubscriptions: uris } })

test.each([
  ['resources/subscribe', { uri: 'note://secret/a' }, rules({ 'resources/subscribe': secret }), 403],
  ['resources/subscribe', { uri: 'note://open' }, rules({ 'resources/subscribe': secret }), 200],
  ['resources/unsubscribe', { uri: 'note://secret/a' }, rules({ 'resources/unsubscribe': secret }), 403],
  ['subscriptions/listen', listen('note://open', 'note://secret/a'), rules({ 'resources/subscribe': secret }), 403],
  ['subscriptions/listen', listen('note://open'), rules({ 'resources/subscribe': secret }), 200],
  ['subscriptions/listen', listen('note://open'), rules({ 'resources/subscribe': ['secret'] }), 403],
  ['subscriptions/listen', listen('note://open'), rules({ 'resources/subscribe': { '*': ['secret'] } }), 403],
  ['subscriptions/listen', listen(), rules({ 'resources/subscribe': ['secret'] }), 200],
  ['subscriptions/listen', listen(), rules({ 'subscriptions/listen': ['secret'] }), 403],
  ['resources/subscribe', { uri: 'note://secret/a' }, rules({ 'subscriptions/listen': secret }), 403],
  [
    'completion/complete',
    { ref: { type: 'ref/prompt', name: 'plan' } },
    rules({ 'completion/complete': { plan: ['secret'] } }),
    403,
  ],
  [
    'completion/complete',
    { ref: { type: 'ref/resource', uri: 'note://{id}' } },
    rules({ 'completion/complete': { 'note://{id}': ['secret'] } }),
    403,
  ],
  ['tasks/result', { taskId: 'a' }, rules({ 'tasks/result': { '*': ['secret'] } }), 403],
  ['tasks/cancel', { taskId: 'a' }, rules({ 'tasks/cancel': { a: ['secret'] } }), 403],
])('%s of %j is asked for the scopes of its rule [finding 2]', async (method, params, options, status) => {
  expect((await call(['notes'], method, params, options)).status).toBe(status)
  expect((await call(['notes', 'secret'], method, params, options)).status).toBe(200)
})

test.each([
  'NOTE://secret/a',
  'note://secret/b/../a',
  'note://secret/%61',
  'note://secret/b/%2e%2E/a',
  'note://secret/a#x',
  ' note://secret/a',
  'note://sec\tret/a',
])('%j needs the scopes of the URI that a server may read it as [finding 2]', async (uri) => {
  for (const [method, params] of [
    ['resources/read', { uri }],
    ['resources/subscribe', { uri }],
    ['subscriptions/listen', listen('note://open', uri)],
  ] as const) {
    const options = rules({ 'resources/read': { ...secret, '*': [] }, 'resources/subscribe': secret })
    expect((await call(['notes'], method, params, options)).status).toBe(403)
    expect((await call(['notes', 'secret'], method, params, options)).status).toBe(200)
  }
})

test.each([
  ['names for a method that is about nothing', { 'tools/list': { search: ['a'] } }, 'tools/list'],
  ['names for a method of somebody else', { 'x/y': { search: ['a'] } }, 'x/y'],
  ['a method in another case', { 'Tools/Call': ['a'] }, 'tools/call'],
  ['scopes that are no list', { 'tools/call': { search: 'a' } }, 'search'],
  ['a scope that is no string', { 'tools/list': [1] }, 'tools/list'],
])('%s cannot be enforced, and is refused at construction [finding 2]', (_what, operations, text) => {
  expect(() => requireScopes({ operations } as never)).toThrow(text)
  expect(() => requireScopes({ operations: { 'x/y': { '*': ['a'] }, 'tools/list': ['a'] } })).not.toThrow()
})

test('a message that a server reads otherwise is denied, whoever let it pass [finding 2]', async () => {
  for (const [method, params] of [
    ['Tools/Call', { name: 'delete_note' }],
    ['tools/call', { Name: 'delete_note' }],
    ['tools/call', { name: 'delete_note\0' }],
    ['completion/complete', { ref: {} }],
    ['subscriptions/listen', { notifications: { resourceSubscriptions: 'a:b' } }],
  ] as const) {
    const all = ['notes', 'notes:read', 'notes:write', 'notes:delete']
    expect((await call(all, method, params)).status).toBe(403)
  }
})
