import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport as ServerTransportV1 } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { describe, expect, test, vi } from 'vitest'
import { httpServer, recordingLogger } from '../../../../../../test/fixtures/loopback.js'
import { compose } from '../../http/compose.js'
import { mountable } from '../../http/mountable.js'
import { message } from '../../message/message-middleware.js'
import { toNodeHandler } from '../../mounts/node/to-node-handler.js'
import { proxy } from '../../proxy/proxy.js'
import { translateEras } from './translate-eras.js'

type Refuse = (response: ServerResponse, id: unknown) => void

const error =
  (status: number, code: number, text: string, echo = false): Refuse =>
  (response, id) => {
    const body = { jsonrpc: '2.0', error: { code, message: text }, id: echo ? (id ?? null) : null }
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  }

/** How servers answer a request in a session that they do not know. */
const refusals: [string, Refuse][] = [
  ['400, as the examples of SDK v1', error(400, -32000, 'Bad Request: No valid session ID provided')],
  ['400, as a new transport of SDK v1', error(400, -32000, 'Bad Request: Server not initialized')],
  ['400 with the id of the request', error(400, -32600, 'Invalid session', true)],
  ['404, as the protocol asks for', error(404, -32001, 'Session not found')],
  ['404 with the id of the request', error(404, -32600, 'Session not found', true)],
  ['404 and a text', (response) => response.writeHead(404, { 'Content-Type': 'text/plain' }).end('session not found')],
  ['404 and nothing', (response) => response.writeHead(404).end()],
  ['410', (response) => response.writeHead(410).end()],
  ['422', (response) => response.writeHead(422).end('Unexpected message, expect initialize request')],
  ['200 and an error', error(200, -32001, 'Session not found', true)],
]

/** Methods that are refused for themselves. */
type Wrong = Readonly<Record<string, Refuse>>

/** A legacy server made with SDK v1, which can lose its sessions. */
async function legacyServer(refuse: Refuse, wrong: Wrong = {}) {
  const sessions = new Map<string, ServerTransportV1>()
  const counts = { initialize: 0, executed: 0, pings: 0, posts: 0 }
  const released: (() => void)[] = []
  const read = async (request: IncomingMessage) => {
    let text = ''
    for await (const chunk of request) text += chunk
    return text === '' ? undefined : JSON.parse(text)
  }
  const { url, server } = await httpServer(async (request, response) => {
    const body = request.method === 'POST' ? await read(request) : undefined
    if (body?.method === 'ping') counts.pings++
    const isWrong = wrong[body?.method]
    if (isWrong !== undefined) return isWrong(response, body.id)
    if (body !== undefined) counts.posts++
    const known = sessions.get(`${request.headers['mcp-session-id']}`)
    if (known !== undefined && body?.method !== 'initialize') return known.handleRequest(request, response, body)
    if (body?.method !== 'initialize') return refuse(response, body?.id)
    counts.initialize++
    const transport: ServerTransportV1 = new ServerTransportV1({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    const mcp = new McpServerV1({ name: 'v1', version: '1' })
    mcp.registerTool('count', { description: 'Counts' }, async () => {
      counts.executed++
      return { content: [{ type: 'text', text: `${counts.executed}` }] }
    })
    mcp.registerTool('wait', { description: 'Waits' }, async (extra) => {
      await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'waits' } })
      await new Promise<void>((resolve) => void released.push(resolve))
      return { content: [{ type: 'text', text: 'waited' }] }
    })
    mcp.server.registerCapabilities({ logging: {} })
    await mcp.connect(transport)
    return transport.handleRequest(request, response, body)
  })
  return { url, server, sessions, counts, released }
}

async function modernClient(upstream: string, capabilities: object = {}) {
  const logger = recordingLogger()
  const handler = compose([message()], proxy(upstream, { eras: translateEras() }))
  const handle = (request: Request, context: object) => handler(request, { ...context, logger })
  const gateway = await httpServer(toNodeHandler(mountable({ handle })))
  const client = new Client(
    { name: 'c', version: '1' },
    { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url)))
  return { client, logger }
}

const text = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text

describe.each([
  ['that can be asked nothing', {}],
  ['that can be asked', { elicitation: { form: {} } }],
])('a modern client %s', (_who, capabilities) => {
  test.each(refusals)('does not notice that a legacy server lost its session: %s [L7]', async (_how, refuse) => {
    const { url, sessions, counts } = await legacyServer(refuse)
    const { client, logger } = await modernClient(url, capabilities)
    expect(text(await client.callTool({ name: 'count' }))).toBe('1')
    const before = counts.initialize
    sessions.clear()
    expect(text(await client.callTool({ name: 'count' }))).toBe('2')
    expect([counts.executed, counts.initialize]).toEqual([2, before + 1])
    expect(logger.lines.filter(({ text }) => text.includes('lost'))).toMatchObject([{ level: 'warn' }])
    expect((await client.listTools()).tools).toHaveLength(2)
    await client.close()
  })
})

test('a server without session ids that was started anew is initialized anew', async () => {
  let isInitialized = false
  let executed = 0
  const { url } = await httpServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method } = text === '' ? { id: undefined, method: '' } : JSON.parse(text)
    isInitialized ||= method === 'initialize'
    const result = {
      initialize: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 's', version: '1' },
      },
      'tools/list': { tools: [] },
      'tools/call': { content: [{ type: 'text', text: `${executed + 1}` }] },
      ping: {},
    }[String(method)]
    if (request.method !== 'POST') return void response.writeHead(405).end()
    if (!isInitialized) return error(400, -32000, 'Bad Request: Server not initialized')(response, id)
    if (method === 'tools/call') executed++
    if (id === undefined) return void response.writeHead(202).end()
    const more = result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result }
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...more }))
  })
  const { client } = await modernClient(url)
  await client.callTool({ name: 'count' })
  isInitialized = false
  expect(text(await client.callTool({ name: 'count' }))).toBe('2')
  expect(executed).toBe(2)
  await client.close()
})

test('calls at one time find one new session', async () => {
  const { url, sessions, counts } = await legacyServer(error(404, -32001, 'Session not found'))
  const { client } = await modernClient(url)
  await client.callTool({ name: 'count' })
  const before = counts.initialize
  sessions.clear()
  await Promise.all(Array.from({ length: 8 }, () => client.callTool({ name: 'count' })))
  expect([counts.executed, counts.initialize]).toEqual([9, before + 1])
  await client.close()
})

test('a call that is under way in the old session goes on', async () => {
  const { url, sessions, counts, released } = await legacyServer(error(400, -32000, 'No valid session ID provided'))
  const { client } = await modernClient(url)
  await client.callTool({ name: 'count' })
  const waiting = client.callTool({ name: 'wait' })
  await vi.waitFor(() => expect(released).toHaveLength(1))
  sessions.clear()
  expect(text(await client.callTool({ name: 'count' }))).toBe('2')
  released[0]?.()
  expect(text(await waiting)).toBe('waited')
  expect(counts.executed).toBe(2)
  await client.close()
})

test('a request that is refused for itself is no lost session', async () => {
  const wrong: Wrong = { 'prompts/list': error(400, -32602, 'No such list', true) }
  const { url, counts } = await legacyServer(error(404, -32001, 'Session not found'), wrong)
  const { client } = await modernClient(url)
  await client.callTool({ name: 'count' })
  const before = counts.initialize
  for (let round = 0; round < 3; round++) {
    await expect(client.request({ method: 'prompts/list' })).rejects.toMatchObject({
      message: expect.stringContaining('No such list'),
    })
  }
  expect([counts.initialize, counts.pings]).toEqual([before, 3])
  await client.close()
})

test('is asked once more and not for ever', async () => {
  let isWell = true
  const { url, counts, sessions } = await legacyServer(error(404, -32001, 'Session not found'))
  const { client } = await modernClient(url)
  await client.callTool({ name: 'count' })
  const set = sessions.set.bind(sessions)
  sessions.set = (id, transport) => (isWell ? set(id, transport) : sessions)
  isWell = false
  sessions.clear()
  const { posts } = counts
  await expect(client.callTool({ name: 'count' })).rejects.toThrow('lost the session')
  expect(counts.posts - posts).toBeLessThan(8)
  expect(counts.executed).toBe(1)
  isWell = true
  expect(text(await client.callTool({ name: 'count' }))).toBe('2')
  await client.close()
})

test('[M21] a subscription whose session is lost ends, so that its client subscribes anew', async () => {
  const { url, server, sessions } = await legacyServer(error(404, -32001, 'Session not found'))
  const { client } = await modernClient(url)
  const subscription = await client.listen({ toolsListChanged: true })
  sessions.clear()
  server.closeAllConnections()
  await expect(subscription.closed).resolves.toBeDefined()
  const again = await client.listen({ toolsListChanged: true })
  await again.close()
  await client.close()
})
