import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ApiKeys, createApiKeys, createApiKeyVerifier } from '@mcp-gateway/core/api-keys'
import { createGateway } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

let keys: ApiKeys
let url: URL
let paths: string[]

beforeEach(async () => {
  keys = createApiKeys({ storage: memoryStorage() })
  paths = []
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const notes = createMcpHandler(() => {
    const made = new McpServer({ name: 'notes', version: '1.0.0' })
    made.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async ({ text }) => ({
      content: [{ type: 'text', text }],
    }))
    return made
  })
  const gateway = createGateway({
    url: origin,
    auth: createApiKeyVerifier(keys, { header: 'x-api-key' }),
    servers: { '/notes/mcp': notes },
    logger: quiet,
    observe: ({ path, status }) => void paths.push(`${status} ${path}`),
  })
  server.on('request', toNodeHandler(gateway))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  url = new URL(`${origin}/notes/mcp`)
})

const info = { name: 'static-header', version: '1.0.0' }

/** What an application that can log in gives the SDK; nobody should ever be sent to a browser. */
function login() {
  const browsers: string[] = []
  return {
    browsers,
    redirectUrl: 'http://127.0.0.1:9/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1:9/callback'] },
    clientInformation: () => undefined,
    saveClientInformation: () => {},
    tokens: () => undefined,
    saveTokens: () => {},
    redirectToAuthorization: (to: URL) => void browsers.push(to.href),
    saveCodeVerifier: () => {},
    codeVerifier: () => 'verifier',
  }
}

type Headers = Record<string, string>

const clients = {
  'SDK v1': async (headers: Headers, authProvider?: ReturnType<typeof login>) => {
    const client = new ClientV1(info)
    const transport = new TransportV1(url, { requestInit: { headers }, ...(authProvider && { authProvider }) })
    // Its types forbid `undefined` in optional members, which its own transport has
    await client.connect(transport as unknown as Parameters<typeof client.connect>[0])
    return client.callTool({ name: 'echo', arguments: { text: 'hello' } })
  },
  'SDK v2': async (headers: Headers, authProvider?: ReturnType<typeof login>) => {
    const client = new ClientV2(info)
    await client.connect(new TransportV2(url, { requestInit: { headers }, ...(authProvider && { authProvider }) }))
    return client.callTool({ name: 'echo', arguments: { text: 'hello' } })
  },
  'SDK v2, modern': async (headers: Headers, authProvider?: ReturnType<typeof login>) => {
    const client = new ClientV2(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
    await client.connect(new TransportV2(url, { requestInit: { headers }, ...(authProvider && { authProvider }) }))
    return client.callTool({ name: 'echo', arguments: { text: 'hello' } })
  },
}

describe.each(Object.entries(clients))('the client of %s with a static header', (_, connect) => {
  test.each(['Authorization', 'X-API-Key'])('calls a tool with a key in %s', async (header) => {
    const { key } = await keys.create({ owner: { serviceAccount: 'robot' }, name: 'a' })
    const result = await connect({ [header]: header === 'Authorization' ? `Bearer ${key}` : key })
    expect(result.content).toEqual([{ type: 'text', text: 'hello' }])
  })

  test('fails with a bad key, and finds no place to log in', async () => {
    const { key, apiKey } = await keys.create({ owner: { serviceAccount: 'robot' }, name: 'a' })
    await keys.revoke(apiKey.id)
    await expect(connect({ Authorization: `Bearer ${key}` })).rejects.toThrow()
    expect(paths.filter((path) => !path.endsWith('/notes/mcp'))).toEqual([])
  })

  test('opens no browser where the application could log in, with a bad key and without one', async () => {
    for (const headers of [{}, { Authorization: 'Bearer rubbish' }] as Headers[]) {
      const provider = login()
      await expect(connect(headers, provider)).rejects.toThrow()
      expect(provider.browsers).toEqual([])
    }
  })
})
