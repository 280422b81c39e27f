import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import type { Middleware } from '../contract/handler.js'
import { createGateway } from '../gateway/create-gateway.js'
import { fakeIssuer } from '../testing/fake-issuer.js'
import { type FetchServer, fromFetchServer } from './from-fetch-server.js'
import { parseMessage } from './parse-message.js'

const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: String(value) }] })

const v2: FetchServer = createMcpHandler(({ authInfo }) => {
  const server = new McpServer({ name: 'v2', version: '1' })
  server.registerTool('whoami', { description: 'Says who calls' }, async () => text(authInfo?.extra?.subject))
  return server
})

/** An SDK v1 server for each request, without sessions. */
const v1: FetchServer = {
  fetch: async (request, options) => {
    const server = new McpServerV1({ name: 'v1', version: '1' })
    server.registerTool('whoami', { description: 'Says who calls' }, async ({ authInfo }) =>
      text(authInfo?.extra?.subject),
    )
    const transport = new WebStandardStreamableHTTPServerTransport({})
    await server.connect(transport)
    return transport.handleRequest(request, options)
  },
}

const issuer = fakeIssuer()
const shout: Middleware = (request, context, next) =>
  next(request, {
    ...context,
    transforms: [
      (message) =>
        new TextDecoder().decode(message.bytes).includes('ada')
          ? parseMessage(new TextEncoder().encode(new TextDecoder().decode(message.bytes).replace('ada', 'ADA')))
          : message,
    ],
  })
const gateway = createGateway({
  url: 'https://mcp.test',
  auth: { issuer: issuer.issuer, fetch: async (target) => issuer.fetch(new Request(target)) },
  servers: {
    '/v1': v1,
    '/v2': v2,
    '/transformed/v1': { server: v1, middleware: [shout] },
    '/transformed/v2': { server: v2, middleware: [shout] },
  },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
})

test.each([
  ['/v1', 'legacy', 'ada'],
  ['/v2', 'legacy', 'ada'],
  ['/v2', 'auto', 'ada'],
  ['/transformed/v1', 'legacy', 'ADA'],
  ['/transformed/v2', 'legacy', 'ADA'],
  ['/transformed/v2', 'auto', 'ADA'],
] as const)(
  'the SDK server at %s gets who calls in its tools, and transforms see its answers (%s)',
  async (path, mode, expected) => {
    const url = `https://mcp.test${path}`
    const token = await issuer.token({ resource: url, subject: 'ada' })
    const client = new Client({ name: 'c', version: '1' }, { versionNegotiation: { mode } })
    const fetchGateway = (input: string | URL, init?: RequestInit) => gateway.fetch(new Request(input, init))
    const init = { fetch: fetchGateway, requestInit: { headers: { Authorization: `Bearer ${token}` } } }
    await client.connect(new StreamableHTTPClientTransport(new URL(url), init))
    expect((await client.callTool({ name: 'whoami' })).content).toEqual(text(expected).content)
    await client.close()
  },
)

test('a server gets the request whole, the message parsed, and no token that nobody verified', async () => {
  let got: unknown
  const server: FetchServer = {
    fetch: async (request, options) => {
      got = [await request.text(), options]
      return new Response(null, { status: 202 })
    },
  }
  const bytes = new TextEncoder().encode('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  const request = new Request('https://mcp.test/', {
    method: 'POST',
    body: 'consumed',
    headers: { 'Content-Length': '8' },
  })
  await request.text()
  await fromFetchServer(server)(request, { message: parseMessage(bytes) })
  expect(got).toEqual([
    new TextDecoder().decode(bytes),
    { parsedBody: { jsonrpc: '2.0', method: 'notifications/initialized' } },
  ])
})
