import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { connectMcpRemote } from '../../../../test/clients/mcp-remote.js'
import { fixture, until } from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')
const everything = [join(dirname(manifest), 'dist/index.js'), 'stdio']
const capabilities = { elicitation: { form: {} }, sampling: {}, roots: { listChanged: true } }
const elicited = { action: 'accept' as const, content: { name: 'Ada', check: true } }
const sampled = { model: 'm', role: 'assistant' as const, content: { type: 'text' as const, text: 'forty-two' } }
const listed = { roots: [{ uri: 'file:///srv', name: 'srv' }] }
const texts = (result: unknown) =>
  (result as { content: { text?: string }[] }).content.map(({ text }) => text).join('\n')

test('SDK v1 drives server-everything with all that a legacy server may ask', async () => {
  const { url, bridge } = await serveBridge({ args: everything })
  const client = new Client1({ name: 'v1', version: '1' }, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, () => elicited)
  client.setRequestHandler(CreateMessageRequestSchema, () => sampled)
  client.setRequestHandler(ListRootsRequestSchema, () => listed)
  let changes = 0
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++)
  const transport = new Transport1(url)
  await client.connect(transport)
  expect(client.getServerVersion()?.name).toBe('mcp-servers/everything')
  await until(() => changes > 0, 'the list of tools has changed')
  const call = (name: string, args = {}) => client.callTool({ name, arguments: args }).then(texts)
  expect(await call('echo', { message: 'hello' })).toBe('Echo: hello')
  expect(await call('trigger-elicitation-request')).toContain('Ada')
  expect(await call('trigger-sampling-request', { prompt: 'p', maxTokens: 5 })).toContain('forty-two')
  expect(await call('get-roots-list')).toContain('file:///srv')
  const steps: number[] = []
  const long = { name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 4 } }
  await client.callTool(long, undefined, { onprogress: ({ progress }) => steps.push(progress) })
  expect(steps).toEqual([1, 2, 3, 4])
  const { resources } = await client.listResources()
  expect((await client.readResource({ uri: resources[0]?.uri ?? '' })).contents).toHaveLength(1)
  expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0)
  await transport.terminateSession()
  await client.close()
  await until(() => bridge.stats().children === 0, 'its process is gone')
})

test('SDK v2 drives server-everything in a session', async () => {
  const { url } = await serveBridge({ args: everything })
  const client = new Client2({ name: 'v2', version: '1' }, { capabilities })
  client.setRequestHandler('elicitation/create', () => elicited)
  await client.connect(new Transport2(url))
  expect(texts(await client.callTool({ name: 'echo', arguments: { message: 'v2' } }))).toBe('Echo: v2')
  expect(texts(await client.callTool({ name: 'trigger-elicitation-request', arguments: {} }))).toContain('Ada')
  await client.close()
})

test('SDK v2 that asks for the modern era first gets it from a server of either era', async () => {
  for (const [args, name, tool] of [
    [[fixture('modern-server.mjs')], 'modern-fixture', 'test_input_required_result_elicitation'],
    [everything, 'mcp-servers/everything', 'trigger-elicitation-request'],
  ] as const) {
    const { url } = await serveBridge({ args: [...args] })
    const client = new Client2({ name: 'v2', version: '1' }, { capabilities, versionNegotiation: { mode: 'auto' } })
    client.setRequestHandler('elicitation/create', () => elicited)
    await client.connect(new Transport2(url))
    expect(client.getProtocolEra()).toBe('modern')
    expect(client.getServerVersion()?.name).toBe(name)
    expect((await client.listTools()).tools.length).toBeGreaterThan(5)
    expect(texts(await client.callTool({ name: tool, arguments: {} }))).toContain('Ada')
    await client.close()
  }
})

test('SDK v2 sends the headers that a tool wants, in the modern era, to a server of either era', async () => {
  for (const era of ['legacy', 'modern']) {
    const { url } = await serveBridge({ args: [fixture(`${era}-server.mjs`)] })
    const client = new Client2({ name: 'v2', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new Transport2(url))
    await client.listTools()
    expect(texts(await client.callTool({ name: 'test_x_mcp_header', arguments: { region: 'eu' } }))).toBe('region=eu')
    await client.close()
  }
})

test('[M17] closing the connection cancels a request that has no answer yet', async () => {
  const { url, bridge } = await serveBridge({ args: [fixture('hostile-server.mjs'), 'modern'] })
  const key = (name: string) => `io.modelcontextprotocol/${name}`
  const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
  const controller = new AbortController()
  const headers = {
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'tools/call',
    'Mcp-Name': 'hang',
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'hang', _meta } })
  const sent = fetch(url, { method: 'POST', headers, body, signal: controller.signal }).catch((error) => error.name)
  await until(() => bridge.stats().inFlight === 1, 'it is under way')
  controller.abort()
  expect(await sent).toBe('AbortError')
  await until(() => bridge.stats().inFlight === 0, 'it is over')
})

test('mcp-remote drives server-everything', async () => {
  const { url } = await serveBridge({ args: everything })
  const { client } = await connectMcpRemote(url.href, () => Promise.reject(new Error('no token is needed')))
  try {
    expect(client.serverName).toBe('mcp-servers/everything')
    expect(await client.listTools()).toContain('echo')
    expect(await client.callTool('echo', { message: 'far' })).toBe('Echo: far')
  } finally {
    await client.close()
  }
})

test('SDK v1 reaches a server over HTTP+SSE', async () => {
  const { url, bridge } = await serveBridge({ args: everything, httpSse: true })
  const client = new Client1({ name: 'old', version: '1' }, { capabilities: { elicitation: {} } })
  client.setRequestHandler(ElicitRequestSchema, () => elicited)
  await client.connect(new SSEClientTransport(url))
  expect(texts(await client.callTool({ name: 'trigger-elicitation-request', arguments: {} }))).toContain('Ada')
  await client.close()
  await until(() => bridge.stats().children === 0, 'its process is gone')
})
