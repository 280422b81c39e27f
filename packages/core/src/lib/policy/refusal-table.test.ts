import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Decision, Policy } from '../contract/policy.js'
import { createGateway } from '../gateway/create-gateway.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'

const said: Readonly<Record<string, Decision>> = {
  hidden: { allow: false, reason: 'internal' },
  told: { allow: false, reason: 'Ask the owner', public: true },
  scopes: { allow: false, reason: 'internal', requiredScopes: ['notes:read', 'notes:write'] },
}
const rules: Policy = ({ resource: { name = '' } }) => {
  if (name === 'broken') throw new Error('down')
  return said[name] ?? { allow: true }
}

const servers: Server[] = []
const url: { unknown: string; result: string } = { unknown: '', result: '' }

/** A gateway over HTTP in front of a server of the MCP SDK with these tools. */
beforeAll(async () => {
  const server = createServer()
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const notes = createMcpHandler(() => {
    const own = new McpServer({ name: 'notes', version: '1' })
    for (const name of ['open', 'broken', ...Object.keys(said)]) {
      own.registerTool(name, {}, () => ({ content: [{ type: 'text', text: name }] }))
    }
    return own
  })
  const gateway = createGateway({
    url: base,
    auth: {
      issuer: base,
      protect: () => ({
        verifyAccessToken: async (token) => ({
          token,
          clientId: 'app',
          scopes: [],
          expiresAt: Date.now() / 1000 + 600,
          extra: { issuer: base, subject: 'alice', roles: [], groups: [] },
        }),
      }),
    },
    servers: {
      '/unknown': { server: notes, policy: rules },
      '/result': { server: notes, policy: { rules, refusals: 'result' } },
    },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
  server.on('request', toNodeHandler(gateway))
  url.unknown = `${base}/unknown`
  url.result = `${base}/result`
})

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

const requestInit = { headers: { Authorization: 'Bearer x' } }
const info = { name: 'table', version: '1' }

interface Caller {
  // biome-ignore lint/suspicious/noExplicitAny: the clients have types of their own
  callTool(call: { name: string }): Promise<any>
  listTools(): Promise<{ tools: { name: string }[] }>
  close(): Promise<void>
}

const clients: readonly [string, (address: string) => Promise<Caller>][] = [
  [
    'SDK v1',
    async (address) => {
      const client = new ClientV1(info)
      await client.connect(new TransportV1(new URL(address), { requestInit }))
      return client as unknown as Caller
    },
  ],
  ['SDK v2, legacy', (address) => connectV2(address, 'legacy')],
  ['SDK v2, modern', (address) => connectV2(address, { pin: '2026-07-28' })],
]

async function connectV2(address: string, mode: 'legacy' | { pin: string }): Promise<Caller> {
  const client = new Client(info, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(new URL(address), { requestInit }))
  return client as unknown as Caller
}

test.each(clients)('%s reads each refusal as it is meant', async (title, connect) => {
  const client = await connect(url.unknown)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['open', 'scopes'])
  expect(await client.callTool({ name: 'open' })).toMatchObject({ content: [{ text: 'open' }] })
  const hidden = await client.callTool({ name: 'hidden' }).catch((error) => error)
  expect(hidden).toMatchObject({ code: -32602, message: expect.stringContaining('Unknown tool: hidden') })
  const absent = await client.callTool({ name: 'absent' }).catch((error) => error)
  expect(absent.message).toBe(hidden.message.replace('hidden', 'absent'))
  expect(await client.callTool({ name: 'told' }).catch((error) => error)).toMatchObject({
    code: -31403,
    message: expect.stringContaining('Ask the owner'),
    data: { reason: 'Ask the owner' },
  })
  const scopes = await client.callTool({ name: 'scopes' }).catch((error) => error)
  expect(scopes).toBeInstanceOf(Error)
  if (title !== 'SDK v1') expect(scopes.constructor.name).toBe('InsufficientScopeError')
  const broken = await client.callTool({ name: 'broken' }).catch((error) => error)
  expect(String(broken.message)).toMatch(/503|cannot be asked/)
  // A refusal ends neither session nor connection
  expect(await client.callTool({ name: 'open' })).toMatchObject({ content: [{ text: 'open' }] })
  await client.close()
})

test.each(clients)('%s gives the model a refusal that is a result', async (_, connect) => {
  const client = await connect(url.result)
  expect(await client.callTool({ name: 'hidden' })).toMatchObject({
    isError: true,
    content: [{ type: 'text', text: 'The policy does not allow this' }],
  })
  await client.close()
})
