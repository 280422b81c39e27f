import { expect, test } from 'vitest'
import type { Context, Handler } from '../../contract/handler.js'
import { respond } from '../../http/respond.js'
import { parseMessage } from '../../message/parse-message.js'
import { translateEras } from './translate-eras.js'

const json = (body: object, more: ResponseInit = {}) =>
  respond(JSON.stringify({ jsonrpc: '2.0', ...body }), {
    ...more,
    headers: { 'Content-Type': 'application/json', ...more.headers },
  })

/** A server of both eras, which refuses an `initialize` that says no version. */
const both: Handler = (request, { message }) => {
  if (request.method !== 'POST') return new Response(null, { status: 405 })
  const id = message?.id
  if (message?.method === 'server/discover') {
    const result = {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: {},
      serverInfo: { name: 'both', version: '1' },
    }
    return json({ id, result })
  }
  if (message?.method === 'initialize') {
    const version = message.json().params?.protocolVersion
    if (typeof version !== 'string') return json({ id, error: { code: -32602, message: 'Which version?' } })
    const result = { protocolVersion: version, capabilities: {}, serverInfo: { name: 'both', version: '1' } }
    return json({ id, result }, { headers: { 'Mcp-Session-Id': 'native' } })
  }
  if (request.headers.get('mcp-session-id') !== 'native') return new Response(null, { status: 404 })
  return message?.kind === 'request' ? json({ id, result: {} }) : new Response(null, { status: 202 })
}

function as(subject: string, handler: Handler) {
  return async (body: object, session?: string): Promise<Response> => {
    const bytes = new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', ...body }))
    const auth = { token: subject, clientId: 'c', scopes: [], extra: { issuer: 'https://login.test', subject } }
    const context = { auth, message: parseMessage(bytes) } as unknown as Context
    const headers: HeadersInit = session === undefined ? {} : { 'Mcp-Session-Id': session }
    return handler(new Request('https://mcp.test/mcp', { method: 'POST', headers, body: bytes }), context)
  }
}

test('one client whose initialize is refused changes nothing for the others of a server of both eras', async () => {
  const handler = translateEras()(both)
  const alice = as('alice', handler)
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } }
  const opened = await alice({ id: 1, method: 'initialize', params })
  const session = opened.headers.get('mcp-session-id') ?? ''
  expect(session).toBe('native')

  const refused = await as('mallory', handler)({ id: 1, method: 'initialize', params: {} })
  expect(await refused.json()).toMatchObject({ error: { code: -32602, message: 'Which version?' } })

  expect(await (await alice({ id: 2, method: 'ping' }, session)).json()).toEqual({ jsonrpc: '2.0', id: 2, result: {} })
  const again = await as('bob', handler)({ id: 1, method: 'initialize', params })
  expect(again.headers.get('mcp-session-id')).toBe('native')
})

test.each([400, 404, 405, 422])(
  'a legacy server that refuses what it does not know with a bare %i is found out',
  async (status) => {
    const bare: Handler = (request, context) =>
      context.message?.era !== 'modern' ? both(request, context) : new Response('Unexpected message', { status })
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const answer = await as('alice', translateEras()(bare))({ id: 7, method: 'tools/list', params: { _meta } })
    expect(await answer.json()).toMatchObject({ id: 7, result: { resultType: 'complete' } })
  },
)

test('a server of modern revisions that nobody here knows says so to its clients itself, and is probed once [M7]', async () => {
  const asked: (string | undefined)[] = []
  const newer: Handler = (request, { message }) => {
    asked.push(message?.method)
    if (request.method !== 'POST') return new Response(null, { status: 405 })
    const data = { supported: ['2999-01-01'], requested: message?.protocolVersion }
    return json({ id: message?.id ?? null, error: { code: -32022, message: 'Unsupported', data } }, { status: 400 })
  }
  const handler = as('alice', translateEras()(newer))
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const data = { supported: ['2999-01-01'], requested: '2026-07-28' }
  for (let id = 1; id <= 3; id++) {
    const answer = await handler({ id, method: 'tools/list', params: { _meta } })
    expect(await answer.json()).toMatchObject({ id, error: { code: -32022, data } })
  }
  expect(asked).toEqual(['server/discover', 'initialize', 'tools/list', 'tools/list', 'tools/list'])
})
