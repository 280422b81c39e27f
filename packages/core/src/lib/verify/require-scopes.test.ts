import { expect, test } from 'vitest'
import type { Context } from '../handler.js'
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
  expect((await call(['notes', 'notes:delete'], 'resources/read', {}, { scopeHierarchy })).status).toBe(200)
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
