import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import type { Context, Handler } from '../../contract/handler.js'
import { respond } from '../../http/respond.js'
import { parseMessage } from '../../message/parse-message.js'
import { translateEras } from './translate-eras.js'

const key = (name: string) => `io.modelcontextprotocol/${name}`

/** A legacy server whose tool `look` has other mirrored arguments for each user, who sees what came of which requests. */
function legacyServer(mirrored: Record<string, string>) {
  const seen: string[] = []
  const sessions = new Map<string, ReadableStreamDefaultController<Uint8Array>>()
  const json = (id: unknown, result: object, headers = {}) =>
    respond(JSON.stringify({ jsonrpc: '2.0', id, result }), {
      headers: { 'Content-Type': 'application/json', ...headers },
    })
  const handle: Handler = (request, { message, auth }) => {
    const user = `${auth?.extra?.subject}`
    if (request.method === 'GET') {
      const start = (controller: ReadableStreamDefaultController<Uint8Array>) => void sessions.set(user, controller)
      return new Response(new ReadableStream({ start }), { headers: { 'Content-Type': 'text/event-stream' } })
    }
    if (message?.kind !== 'request') return new Response(null, { status: 202 })
    const { id, method } = message
    if (message.era === 'modern') return new Response(null, { status: 400 })
    seen.push(`${user} ${method}`)
    if (method === 'initialize') {
      const capabilities = { tools: { listChanged: true } }
      const result = { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'old', version: '1' } }
      return json(id, result, { 'Mcp-Session-Id': user })
    }
    if (method !== 'tools/list') return json(id, { content: [] })
    if (message.json().params?.cursor === undefined) return json(id, { tools: [], nextCursor: 'more' })
    const properties = { city: { type: 'string', 'x-mcp-header': mirrored[user] } }
    return json(id, { tools: [{ name: 'look', inputSchema: { type: 'object', properties } }] })
  }
  const changed = (user: string) => {
    const notice = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }
    sessions.get(user)?.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(notice)}\n\n`))
  }
  return { handle, seen, changed }
}

function as(subject: string, handler: Handler) {
  return (headers: Record<string, string>, capabilities: object = {}): Promise<Response> | Response => {
    const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: capabilities }
    const params = { name: 'look', arguments: { city: 'Łódź' }, _meta }
    const body = new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params }))
    const auth = { token: subject, clientId: 'c', scopes: [], extra: { issuer: 'https://login.test', subject } }
    const context = { auth, message: parseMessage(body) } as unknown as Context
    return handler(new Request('https://mcp.test/mcp', { method: 'POST', headers, body }), context)
  }
}

const city = '=?base64?xYHDs2TFug==?='

test.each([
  ['the value', { 'Mcp-Param-City': city }, 200],
  ['a header that nobody knows', { 'Mcp-Param-City': city, 'Mcp-Param-Other': 'x' }, 200],
  ['no header', {}, 400],
  ['another value', { 'Mcp-Param-City': 'Lodz' }, 400],
  ['base64 without its padding', { 'Mcp-Param-City': '=?base64?xYHDs2TFug?=' }, 400],
])('[M9, M10] a call for a legacy server with %s', async (_, headers: Record<string, string>, status) => {
  const { handle, seen } = legacyServer({ alice: 'City' })
  const response = await as('alice', translateEras()(handle))(headers)
  expect(response.status).toBe(status)
  if (status === 400) expect(await response.json()).toMatchObject({ id: 7, error: { code: -32020 } })
  expect(seen.includes('alice tools/call')).toBe(status === 200)
})

test('[M10] each user is held to the tools that are listed for them, which are read once', async () => {
  const { handle, seen } = legacyServer({ alice: 'City', bob: 'Town' })
  const handler = translateEras()(handle)
  for (const _ of [1, 2, 3]) {
    expect((await as('alice', handler)({ 'Mcp-Param-City': city })).status).toBe(200)
    expect((await as('bob', handler)({ 'Mcp-Param-City': city })).status).toBe(400)
    expect((await as('bob', handler)({ 'Mcp-Param-Town': city })).status).toBe(200)
  }
  // Two pages each
  expect(seen.filter((line) => line === 'alice tools/list')).toHaveLength(2)
  expect(seen.filter((line) => line === 'bob tools/list')).toHaveLength(2)
})

test('[M10] a list that has changed is read again', async () => {
  const mirrored = { alice: 'City' }
  const { handle, changed } = legacyServer(mirrored)
  const call = as('alice', translateEras()(handle))
  expect((await call({ 'Mcp-Param-City': city })).status).toBe(200)
  mirrored.alice = 'Town'
  changed('alice')
  while ((await call({ 'Mcp-Param-Town': city })).status !== 200) await new Promise(setImmediate)
  expect((await call({ 'Mcp-Param-City': city })).status).toBe(400)
})

test('[M10] refused calls use up no sessions at the server', async () => {
  const { handle, seen } = legacyServer({ alice: 'City' })
  const call = as('alice', translateEras({ maxUpstreamSessionsPerPrincipal: 2 })(handle))
  const asking = { elicitation: {} }
  for (const _ of [1, 2, 3]) expect((await call({}, asking)).status).toBe(400)
  expect((await call({ 'Mcp-Param-City': city }, asking)).status).toBe(200)
  expect(seen.filter((line) => line === 'alice initialize').length).toBeLessThanOrEqual(2)
})

/** A modern server whose tool `look` wants its arguments in headers, and which takes no others. */
function modernServer(mirrored: { city: string }) {
  const seen: string[] = []
  const listeners: ReadableStreamDefaultController<Uint8Array>[] = []
  const encode = (message: object) => new TextEncoder().encode(`data: ${JSON.stringify(message)}\n\n`)
  const handle: Handler = (request, { message }) => {
    if (message?.era !== 'modern') return Response.json({ jsonrpc: '2.0', id: null, error: notModern }, { status: 400 })
    const { id, method, name } = message
    seen.push(String(method))
    const answer = (result: object) =>
      Response.json({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...result } })
    if (method === 'server/discover') {
      return answer({
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: { listChanged: true } },
        ttlMs: 60_000,
      })
    }
    if (method === 'subscriptions/listen') {
      const params = { notifications: { toolsListChanged: true } }
      const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        listeners.push(controller)
        controller.enqueue(encode({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params }))
      }
      return new Response(new ReadableStream({ start }), { headers: { 'Content-Type': 'text/event-stream' } })
    }
    if (method === 'tools/list') {
      const properties = {
        city: { type: 'string', 'x-mcp-header': mirrored.city },
        deep: { type: 'object', properties: { level: { type: 'integer', 'x-mcp-header': 'Level' } } },
      }
      return answer({ tools: [{ name: 'look', inputSchema: { type: 'object', properties } }], ttlMs: 0 })
    }
    const sent = [...request.headers].filter(([header]) => header.startsWith('mcp-param-'))
    return answer({ content: [{ type: 'text', text: JSON.stringify({ name, sent: Object.fromEntries(sent) }) }] })
  }
  const changed = () => {
    for (const listener of listeners) {
      listener.enqueue(encode({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }))
    }
  }
  return { handle, seen, changed, listeners }
}

const notModern = { code: -32600, message: 'Unsupported protocol version' }

async function legacyClient(handler: Handler) {
  let session = ''
  let id = 0
  const send = async (method: string, params: object) => {
    const isRequest = !method.startsWith('notifications/')
    const message = { jsonrpc: '2.0', ...(isRequest ? { id: ++id } : {}), method, params }
    const headers = { 'Content-Type': 'application/json', ...(session === '' ? {} : { 'Mcp-Session-Id': session }) }
    const body = JSON.stringify(message)
    const response = await handler(new Request('https://mcp.test/mcp', { method: 'POST', headers, body }), {})
    session = response.headers.get('mcp-session-id') ?? session
    return isRequest ? (await response.json()).result : undefined
  }
  const clientInfo = { name: 'c', version: '1' }
  await send('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  await send('notifications/initialized', {})
  return async (name: string, args: object) =>
    JSON.parse((await send('tools/call', { name, arguments: args })).content[0].text).sent
}

test.each([{ city: 'Rome' }, { city: ' Łódź\n' }, { city: '' }, { level: 42 }, { level: -7 }, { flag: false }, {}])(
  '[M9, M10] a legacy client’s call with %j is taken by a server of the SDK, which compares the headers',
  async (args) => {
    const properties: Record<string, object> = {
      city: { type: 'string', 'x-mcp-header': 'City' },
      level: { type: 'integer', 'x-mcp-header': 'Level' },
      flag: { type: 'boolean', 'x-mcp-header': 'Flag' },
    }
    const inputSchema = fromJsonSchema<object>({ type: 'object', properties })
    const factory = () => {
      const server = new McpServer({ name: 'new', version: '1' })
      server.registerTool('look', { inputSchema }, async (sent) => ({
        content: [{ type: 'text', text: JSON.stringify({ sent }) }],
      }))
      return server
    }
    const { fetch } = createMcpHandler(factory, { legacy: 'reject' })
    const upstream: Handler = ({ url, method, headers }, { message }) =>
      fetch(new Request(url, { method, headers, body: message?.bytes as BodyInit }))
    const call = await legacyClient(translateEras()(upstream))
    expect(await call('look', args)).toEqual(args)
  },
)

test.each([
  [{ city: 'Rome' }, { 'mcp-param-city': 'Rome' }],
  [{ city: 'Łódź' }, { 'mcp-param-city': city }],
  [{ city: ' Rome\r\nX: y' }, { 'mcp-param-city': '=?base64?IFJvbWUNClg6IHk=?=' }],
  [{ city: '=?base64?ZXU=?=' }, { 'mcp-param-city': '=?base64?PT9iYXNlNjQ/WlhVPT89?=' }],
  [{ city: null, deep: { level: 42 } }, { 'mcp-param-level': '42' }],
  [{ deep: { level: 1e21 } }, { 'mcp-param-level': '1000000000000000000000' }],
  [{}, {}],
])('[M9, M10] a legacy client’s call with %j reaches a modern server with its headers', async (args, headers) => {
  const { handle, seen } = modernServer({ city: 'City' })
  const call = await legacyClient(translateEras()(handle))
  expect(await call('look', args)).toEqual(headers)
  expect(await call('look', args)).toEqual(headers)
  expect(await call('other', args)).toEqual({})
  expect(seen.filter((method) => method === 'tools/list')).toHaveLength(1)
})

test('[M10] headers follow a list that has changed, heard of by the one subscription of the client', async () => {
  const mirrored = { city: 'City' }
  const { handle, changed, listeners } = modernServer(mirrored)
  const call = await legacyClient(translateEras()(handle))
  expect(await call('look', { city: 'Rome' })).toEqual({ 'mcp-param-city': 'Rome' })
  mirrored.city = 'Town'
  changed()
  while ((await call('look', { city: 'Rome' }))['mcp-param-town'] !== 'Rome') await new Promise(setImmediate)
  expect(listeners).toHaveLength(1)
})
