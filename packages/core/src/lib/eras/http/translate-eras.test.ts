import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport as ServerTransportV1 } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GatewayError } from '../../contract/gateway-error.js'
import type { Context } from '../../contract/handler.js'
import { createGateway } from '../../gateway/create-gateway.js'
import { mountable } from '../../http/mountable.js'
import { toNodeHandler } from '../../mounts/node/to-node-handler.js'
import { proxy } from '../../proxy/proxy.js'
import { translateEras } from './translate-eras.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const servers: Server[] = []
const seen: string[] = []
let legacyUrl: string
let modernUrl: string
let gateway: string

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  servers.push(server)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const schema = { type: 'object' as const, properties: { name: { type: 'string' as const } }, required: ['name'] }

/** A server of the legacy era alone, with sessions. */
function legacyOnly(): Promise<string> {
  const sessions = new Map<string, ServerTransportV1>()
  return listen(
    createServer(async (request, response) => {
      seen.push(`${request.method} ${request.headers['mcp-protocol-version'] ?? ''}`)
      const known = sessions.get(`${request.headers['mcp-session-id']}`)
      if (known !== undefined) return known.handleRequest(request, response)
      const transport = new ServerTransportV1({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, transport),
      })
      const server = new McpServerV1({ name: 'v1', version: '1' }, { instructions: 'Old but good' })
      server.registerTool('count', { description: 'Counts' }, async (extra) => {
        const progressToken = extra._meta?.progressToken as string | number
        for (let progress = 1; progress <= 3; progress++) {
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 3 },
          })
        }
        return { content: [{ type: 'text', text: `${extra.requestInfo?.headers['x-user-id']}` }] }
      })
      server.registerTool('ask', { description: 'Asks twice' }, async () => {
        const names: string[] = []
        for (const message of ['First?', 'Second?']) {
          const { content } = await server.server.elicitInput({ message, requestedSchema: schema })
          names.push(String(content?.name))
        }
        return { content: [{ type: 'text', text: names.join(' ') }] }
      })
      server.registerTool('change', { description: 'Changes its tools' }, async () => {
        server.sendToolListChanged()
        return { content: [] }
      })
      await server.connect(transport)
      return transport.handleRequest(request, response)
    }),
  )
}

/** A server of revision 2026-07-28 alone. */
function modernOnly(): Promise<string> {
  const handler = createMcpHandler(
    ({ requestInfo }) => {
      const server = new McpServer({ name: 'v2', version: '1' }, { instructions: 'New' })
      server.registerTool('whoami', { description: 'Says who calls' }, async () => ({
        content: [{ type: 'text', text: `${requestInfo?.headers.get('x-user-id')}` }],
      }))
      server.registerTool('count', { description: 'Counts' }, async (context) => {
        const progressToken = context.mcpReq._meta?.progressToken as string | number
        for (let progress = 1; progress <= 3; progress++) {
          await context.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 3 },
          })
        }
        return { content: [] }
      })
      server.registerTool('ask', { description: 'Asks' }, async (context) => {
        const answer = context.mcpReq.inputResponses?.who as { content?: { name?: string } } | undefined
        if (answer === undefined) {
          return inputRequired({
            inputRequests: { who: inputRequired.elicit({ message: 'Who?', requestedSchema: schema }) },
          })
        }
        return { content: [{ type: 'text', text: `Hello ${answer.content?.name}` }] }
      })
      return server
    },
    { legacy: 'reject' },
  )
  return listen(
    createServer(toNodeHandler(mountable({ handle: (request) => handler.fetch(new Request(request.url, request)) }))),
  )
}

beforeAll(async () => {
  legacyUrl = await legacyOnly()
  modernUrl = await modernOnly()
  const server = createServer()
  gateway = await listen(server)
  const app = createGateway({
    url: gateway,
    auth: {
      issuer: gateway,
      protect: () => ({
        verifyAccessToken: async (token) => {
          if (!/^[a-z]+$/.test(token)) throw new GatewayError('invalid_token', 'no')
          const extra = { issuer: gateway, subject: token }
          return { token, clientId: 'c', scopes: [], expiresAt: Number.MAX_SAFE_INTEGER, extra }
        },
      }),
    },
    servers: {
      '/legacy': proxy(legacyUrl, { eras: translateEras() }),
      '/modern': proxy(modernUrl, { eras: translateEras() }),
    },
    logger: quiet,
  })
  server.on('request', toNodeHandler(app))
})

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

const as = (user: string) => ({ requestInit: { headers: { Authorization: `Bearer ${user}` } } })
const text = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text

async function modernClient(path: string, user = 'ada', capabilities: object = { elicitation: { form: {} } }) {
  const questions: string[] = []
  const client = new Client(
    { name: 'c', version: '1' },
    { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  if (Object.keys(capabilities).length > 0) {
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      questions.push(params.message)
      return { action: 'accept', content: { name: `${user}${questions.length}` } }
    })
  }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway}${path}`), as(user)))
  return { client, questions }
}

async function legacyClient(path: string, user = 'ada', capabilities: object = { elicitation: {} }) {
  const client = new ClientV1({ name: 'c', version: '1' }, { capabilities })
  if (Object.keys(capabilities).length > 0) {
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: user } }))
  }
  const transport = new TransportV1(new URL(`${gateway}${path}`), as(user))
  await client.connect(transport)
  return { client, transport }
}

describe('a modern client in front of a server that is legacy alone', () => {
  test('discovers it, lists its tools and hears of progress', async () => {
    const { client } = await modernClient('/legacy')
    expect(client.getProtocolEra()).toBe('modern')
    expect(client.getServerVersion()?.name).toBe('v1')
    expect(client.getInstructions()).toBe('Old but good')
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['count', 'ask', 'change'])
    const progress: number[] = []
    const result = await client.callTool({ name: 'count' }, { onprogress: (step) => void progress.push(step.progress) })
    expect(text(result)).toBe('ada')
    expect(progress).toEqual([1, 2, 3])
    await client.close()
  })

  test('[M20] answers its questions, of several users at a time', async () => {
    const all = await Promise.all(['ada', 'bob'].map((user) => modernClient('/legacy', user)))
    const results = await Promise.all(all.map(({ client }) => client.callTool({ name: 'ask' })))
    expect(results.map(text)).toEqual(['ada1 ada2', 'bob1 bob2'])
    for (const { client, questions } of all) {
      expect(questions).toEqual(['First?', 'Second?'])
      await client.close()
    }
  })

  test('is told what it would have to declare', async () => {
    const { client } = await modernClient('/legacy', 'eve', {})
    expect(text(await client.callTool({ name: 'ask' }))).toContain('elicitation')
    await client.close()
  })

  test('[M21] listens to its changes', async () => {
    // One that can be asked nothing shares the session that listens
    const { client } = await modernClient('/legacy', 'ada', {})
    const changed = new Promise<void>((resolve) => {
      client.setNotificationHandler('notifications/tools/list_changed', () => resolve())
    })
    const subscription = await client.listen({ toolsListChanged: true })
    await client.callTool({ name: 'change' })
    await changed
    await subscription.close()
    await client.close()
  })

  test('a legacy client passes untouched', async () => {
    const { client, transport } = await legacyClient('/legacy')
    expect(transport.sessionId).not.toMatch(/^era-/)
    expect(text(await client.callTool({ name: 'ask' }))).toBe('ada ada')
    await client.close()
  })

  test('[M7] a revision that nobody knows is refused', async () => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2031-01-01',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const handler = translateEras()(proxy(legacyUrl))
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } })
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2031-01-01',
      'Mcp-Method': 'tools/list',
    }
    const response = await handler(new Request('http://127.0.0.1/mcp', { method: 'POST', headers, body }), {})
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: -32022 } })
  })
})

describe('a legacy client in front of a server that is modern alone', () => {
  test('[L7] has a session there, and hears of progress', async () => {
    const { client, transport } = await legacyClient('/modern')
    expect(transport.sessionId).toMatch(/^era-/)
    expect(client.getServerVersion()?.name).toBe('v2')
    expect(client.getInstructions()).toBe('New')
    await client.ping()
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['whoami', 'count', 'ask'])
    expect(text(await client.callTool({ name: 'whoami' }))).toBe('ada')
    const progress: number[] = []
    await client.callTool({ name: 'count' }, undefined, { onprogress: (step) => void progress.push(step.progress) })
    expect(progress).toEqual([1, 2, 3])
    await transport.terminateSession()
    await expect(client.ping()).rejects.toThrow('Send initialize first')
    await client.close()
  })

  test('[M20] answers its questions', async () => {
    const all = await Promise.all(['ada', 'bob'].map((user) => legacyClient('/modern', user)))
    const results = await Promise.all(all.map(({ client }) => client.callTool({ name: 'ask' })))
    expect(results.map(text)).toEqual(['Hello ada', 'Hello bob'])
    await Promise.all(all.map(({ client }) => client.close()))
  })

  test('that cannot answer them is told why', async () => {
    const { client } = await legacyClient('/modern', 'eve', {})
    await expect(client.callTool({ name: 'ask' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('capabilities'),
    })
    await client.close()
  })

  test('a modern client passes untouched', async () => {
    const { client } = await modernClient('/modern')
    expect(text(await client.callTool({ name: 'ask' }))).toBe('Hello ada1')
    await client.close()
  })

  test('[L9] finds no session of another user', async () => {
    const { client, transport } = await legacyClient('/modern')
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'Mcp-Session-Id': transport.sessionId ?? '',
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
    const send = (user: string) =>
      fetch(`${gateway}/modern`, { method: 'POST', headers: { ...headers, Authorization: `Bearer ${user}` }, body })
    expect((await send('bob')).status).toBe(404)
    expect((await send('ada')).status).toBe(200)
    await client.close()
  })
})

describe('sessions of legacy clients', () => {
  const context: Context = {}
  const send = (handler: ReturnType<ReturnType<typeof translateEras>>, message: object, session?: string) =>
    handler(
      new Request('http://127.0.0.1/mcp', {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      }),
      context,
    )
  const initialize = {
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
  }

  test('are limited, and end with DELETE', async () => {
    const handler = translateEras({ maxSessions: 1 })(proxy(modernUrl))
    const opened = await send(handler, initialize)
    const id = opened.headers.get('mcp-session-id') ?? ''
    expect((await opened.json()).result.protocolVersion).toBe('2025-06-18')
    const refused = await send(handler, initialize)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '30'])
    expect((await send(handler, { id: 2, method: 'initialize', params: {} }, id)).status).toBe(400)
    expect((await send(handler, { method: 'notifications/initialized' }, id)).status).toBe(202)
    const deleted = await handler(
      new Request('http://127.0.0.1/mcp', { method: 'DELETE', headers: { 'Mcp-Session-Id': id } }),
      context,
    )
    expect(deleted.status).toBe(204)
    expect((await send(handler, { id: 3, method: 'ping' }, id)).status).toBe(404)
    expect((await send(handler, initialize)).status).toBe(200)
    expect((await send(handler, { id: 4, method: 'tools/list' })).status).toBe(400)
  })

  test('end when nobody uses them', async () => {
    const handler = translateEras({ idleTimeout: 0.001 })(proxy(modernUrl))
    const id = (await send(handler, initialize)).headers.get('mcp-session-id') ?? ''
    const status = async () => (await send(handler, { id: 2, method: 'ping' }, id)).status
    while ((await status()) !== 404) await new Promise((resolve) => setTimeout(resolve, 1200))
  })

  test('a server that cannot be reached is taken for neither era', async () => {
    const handler = translateEras()(proxy('http://127.0.0.1:9/mcp'))
    expect((await send(handler, initialize)).status).toBe(502)
  })

  test.each(['maxSessions', 'idleTimeout'])('%s must be positive', (name) => {
    expect(() => translateEras({ [name]: 0 })).toThrow(`${name} must not be 0; give a number above 0`)
  })
})
