import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport as ServerTransportV1 } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GatewayError } from '../contract/gateway-error.js'
import type { Handler } from '../contract/handler.js'
import { createGateway } from '../gateway/create-gateway.js'
import { mountable } from '../http/mountable.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { proxy } from './proxy.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const servers: Server[] = []
let everything: ChildProcess
let gateway: string

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  servers.push(server)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An SDK v2 server: both eras. */
function serverV2(): Promise<string> {
  const handler = createMcpHandler(({ requestInfo }) => {
    const server = new McpServer({ name: 'v2', version: '1' })
    server.registerTool('whoami', { description: 'Says who calls' }, async () => ({
      content: [
        { type: 'text', text: `${requestInfo?.headers.get('x-user-id')} ${requestInfo?.headers.get('authorization')}` },
      ],
    }))
    return server
  })
  return listen(
    createServer(toNodeHandler(mountable({ handle: (request) => handler.fetch(new Request(request.url, request)) }))),
  )
}

/** An SDK v1 server with sessions. */
function serverV1(): Promise<string> {
  const sessions = new Map<string, ServerTransportV1>()
  return listen(
    createServer(async (request, response) => {
      const known = sessions.get(`${request.headers['mcp-session-id']}`)
      if (known !== undefined) return known.handleRequest(request, response)
      const transport = new ServerTransportV1({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, transport),
      })
      const server = new McpServerV1({ name: 'v1', version: '1' })
      server.registerTool('count', { description: 'Counts with progress' }, async (extra) => {
        const progressToken = extra._meta?.progressToken as string | number
        for (let progress = 1; progress <= 3; progress++) {
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 3 },
          })
        }
        return { content: [{ type: 'text', text: `${extra.requestInfo?.headers['x-user-id']}` }] }
      })
      await server.connect(transport)
      return transport.handleRequest(request, response)
    }),
  )
}

/** The reference server as a process of its own. */
async function serverEverything(): Promise<string> {
  const main = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')
  const free = createServer()
  await once(free.listen(0, '127.0.0.1'), 'listening')
  const { port } = free.address() as AddressInfo
  free.close()
  everything = spawn(process.execPath, [join(dirname(main), 'dist/index.js'), 'streamableHttp'], {
    env: { ...process.env, PORT: `${port}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const url = `http://127.0.0.1:${port}/mcp`
  for (let attempt = 0; attempt < 200; attempt++) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return url
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('server-everything did not start')
}

beforeAll(async () => {
  const [v1, v2, reference] = await Promise.all([serverV1(), serverV2(), serverEverything()])
  const server = createServer()
  gateway = await listen(server)
  const app = createGateway({
    url: gateway,
    auth: {
      issuer: gateway,
      protect: () => ({
        verifyAccessToken: async (token) => {
          if (!/^[a-z]+$/.test(token)) throw new GatewayError('invalid_token', 'no')
          return {
            token,
            clientId: 'c',
            scopes: [],
            expiresAt: Number.MAX_SAFE_INTEGER,
            extra: { issuer: gateway, subject: token },
          }
        },
      }),
    },
    servers: { '/v1': proxy(v1), '/v2': proxy(v2), '/everything': proxy(reference) } satisfies Record<string, Handler>,
    logger: quiet,
  })
  server.on('request', toNodeHandler(app))
})

afterAll(() => {
  everything.kill()
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

const options = { requestInit: { headers: { Authorization: 'Bearer ada' } } }

test.each(['legacy', 'auto'] as const)('an SDK v2 client reaches an SDK v2 server, %s', async (mode) => {
  const client = new Client({ name: 'c', version: '1' }, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway}/v2`), options))
  expect(client.getProtocolEra()).toBe(mode === 'auto' ? 'modern' : 'legacy')
  const { content } = await client.callTool({ name: 'whoami' })
  expect(content).toEqual([{ type: 'text', text: 'ada null' }])
  await client.close()
})

test('an SDK v1 client reaches an SDK v1 server: session, progress, stream, end', async () => {
  const client = new ClientV1({ name: 'c', version: '1' })
  const transport = new TransportV1(new URL(`${gateway}/v1`), options)
  await client.connect(transport)
  const progress: number[] = []
  const { content } = await client.callTool({ name: 'count' }, undefined, {
    onprogress: (step) => void progress.push(step.progress),
  })
  expect(content).toEqual([{ type: 'text', text: 'ada' }])
  expect(progress).toEqual([1, 2, 3])
  await transport.terminateSession()
  await client.close()
})

test('two users with the same message ids get their own answers [L10]', async () => {
  const users = await Promise.all(
    ['ada', 'bob', 'eve'].map(async (name) => {
      const client = new ClientV1({ name, version: '1' })
      const init = { requestInit: { headers: { Authorization: `Bearer ${name}` } } }
      await client.connect(new TransportV1(new URL(`${gateway}/v1`), init))
      return { name, client }
    }),
  )
  const rounds = Array.from({ length: 5 }, () => users).flat()
  const answers = await Promise.all(
    rounds.map(async ({ name, client }) => ({ name, result: await client.callTool({ name: 'count' }) })),
  )
  for (const { name, result } of answers) expect(result.content).toEqual([{ type: 'text', text: name }])
  await Promise.all(users.map(({ client }) => client.close()))
})

test('clients of both SDKs reach the reference server', async () => {
  const v1 = new ClientV1({ name: 'c', version: '1' })
  await v1.connect(new TransportV1(new URL(`${gateway}/everything`), options))
  const v2 = new Client({ name: 'c', version: '1' })
  await v2.connect(new StreamableHTTPClientTransport(new URL(`${gateway}/everything`), options))
  for (const client of [v1, v2]) {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('echo')
    const { content } = await client.callTool({ name: 'echo', arguments: { message: 'hello' } })
    expect(content).toEqual([{ type: 'text', text: 'Echo: hello' }])
    await client.close()
  }
})
