import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, test } from 'vitest'
import { events, fixture, initialize, post, until } from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'

const server = (...habits: string[]) => [fixture('awkward-server.mjs'), ...habits]
const roots = { roots: [{ uri: 'file:///srv', name: 'srv' }] }
const texts = (result: unknown) => (result as { content: { text?: string }[] }).content.map(({ text }) => text).join()

describe.each(['logs-first', 'changes-first', 'pings-first', 'roots-first'])('a server that %s', (habit) => {
  test.each(['session', 'principal', 'pool'] as const)(
    'before it answers initialize is used by the SDK v1, isolation %s [L7]',
    async (isolation) => {
      const { url, bridge } = await serveBridge({ args: server(habit), isolation })
      const client = new Client1({ name: 'v1', version: '1' }, { capabilities: { roots: {} } })
      client.setRequestHandler(ListRootsRequestSchema, () => roots)
      const transport = new Transport1(url)
      await client.connect(transport)
      expect(transport.sessionId).toMatch(/^[\w-]{32}$/)
      expect(texts(await client.callTool({ name: 'echo' }))).toBe('echo')
      await transport.terminateSession()
      await client.close()
      await until(() => bridge.stats().sessions === 0, 'the session is over')
    },
  )

  test('before it answers initialize is used by the SDK v2', async () => {
    const { url } = await serveBridge({ args: server(habit) })
    const client = new Client2({ name: 'v2', version: '1' }, { capabilities: { roots: {} } })
    client.setRequestHandler('roots/list', () => roots)
    await client.connect(new Transport2(url))
    expect(texts(await client.callTool({ name: 'echo', arguments: {} }))).toBe('echo')
    await client.close()
  })

  test('before it answers initialize is used over HTTP+SSE', async () => {
    const { url } = await serveBridge({ args: server(habit), httpSse: true })
    const client = new Client1({ name: 'old', version: '1' }, { capabilities: { roots: {} } })
    client.setRequestHandler(ListRootsRequestSchema, () => roots)
    await client.connect(new SSEClientTransport(url))
    expect(texts(await client.callTool({ name: 'echo' }))).toBe('echo')
    await client.close()
  })

  test('before it answers initialize is used by a modern client', async () => {
    const { url } = await serveBridge({ args: server(habit) })
    const client = new Client2(
      { name: 'v2', version: '1' },
      { capabilities: { roots: {} }, versionNegotiation: { mode: 'auto' } },
    )
    client.setRequestHandler('roots/list', () => roots)
    await client.connect(new Transport2(url))
    expect(client.getProtocolEra()).toBe('modern')
    expect(texts(await client.callTool({ name: 'echo', arguments: {} }))).toBe('echo')
    await client.close()
  })
})

test('what a server says before it refuses initialize leaves no session behind', async () => {
  const { bridge } = await serveBridge({ args: server('logs-first', 'refuses') })
  const response = await post(bridge, initialize())
  const messages: string[] = []
  for await (const { data } of events(response)) messages.push(data)
  expect(JSON.parse(messages.at(-1) ?? '')).toMatchObject({ id: 0, error: { message: 'Not now' } })
  await until(() => bridge.stats().sessions === 0 && bridge.stats().children === 0, 'all is over')
})

test('a refusal of initialize that comes first is answered without the id of a session', async () => {
  const { bridge } = await serveBridge({ args: server('refuses') })
  const response = await post(bridge, initialize())
  expect(response.headers.has('mcp-session-id')).toBe(false)
  expect(await response.json()).toMatchObject({ id: 0, error: { message: 'Not now' } })
})
