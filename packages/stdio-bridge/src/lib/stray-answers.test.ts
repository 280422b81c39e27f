import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  fixture,
  post,
  Session,
  textOf,
  tokenOf,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'
import type { StdioBridgeOptions } from '../index.js'

const server = (...habits: string[]) => [fixture('awkward-server.mjs'), ...habits]
const texts = (result: unknown) => (result as { content: { text?: string }[] }).content.map(({ text }) => text).join()
const slow = { name: 'slow', arguments: { ms: 250 } }
const strays = [
  ['stray-null'],
  ['stray-none'],
  ['stray-result'],
  ['stray-invalid'],
  ['stray-parse'],
  ['stray-null', 'stray-late'],
  ['stray-invalid', 'stray-late'],
]
afterEach(endSessions)

describe.each(strays)('a server that replies to notifications (%s, %s)', (...habits) => {
  const args = server(...habits.filter((habit) => habit !== undefined))

  test.each(['session', 'principal', 'pool', 'request'] as const)(
    'does not answer a request of SDK v1 with that, isolation %s [JSON-RPC 5]',
    async (isolation) => {
      const { url } = await serveBridge({ args, isolation })
      const client = new Client1({ name: 'v1', version: '1' }, { capabilities: { roots: { listChanged: true } } })
      await client.connect(new Transport1(url))
      expect(texts(await client.callTool(slow))).toBe('slept')
      await client.notification({ method: 'notifications/roots/list_changed' })
      expect(texts(await client.callTool(slow))).toBe('slept')
      await client.close()
    },
  )

  test('does not answer a modern client with that', async () => {
    const { url } = await serveBridge({ args })
    const client = new Client2({ name: 'v2', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new Transport2(url))
    expect(client.getProtocolEra()).toBe('modern')
    expect(texts(await client.callTool(slow))).toBe('slept')
    await client.close()
  })

  test('does not answer over HTTP+SSE with that', async () => {
    const { url } = await serveBridge({ args, httpSse: true })
    const client = new Client1({ name: 'old', version: '1' })
    await client.connect(new SSEClientTransport(url))
    expect(texts(await client.callTool(slow))).toBe('slept')
    await client.close()
  })
})

/** A server that cannot read what has a certain name in it, and says so without the id. */
const reading = `
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line)
  const { code, ms = 0 } = params.arguments ?? {}
  if (method === 'initialize') say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'r', version: '1' } } })
  else if (params.name === 'unreadable') say({ id: null, error: { code, message: 'I could not read it' } })
  else if (params.name === 'echo') setTimeout(() => say({ id, result: { content: [{ type: 'text', text: 'echo' }] } }), ms)
  else if (method === 'notifications/odd') say({ id: null, error: { code: -32600, message: 'What is this?' } })
})`
const readingServer = (options: Partial<StdioBridgeOptions> = {}) =>
  serveBridge({ args: ['-e', reading], requestTimeout: 4, ...options })
const odd = { jsonrpc: '2.0', method: 'notifications/odd' }

test.each([-32700, -32600])('a request that a server cannot read (%d) gets that as its answer', async (code) => {
  const { bridge } = await readingServer()
  const session = await Session.open(bridge)
  // Behind a notification, and behind an answer that shows that nothing came of the notification
  for (const id of ['first', 'second']) {
    expect(await session.answer(call(id, 'unreadable', { code }))).toMatchObject({ id, error: { code } })
    expect(await session.callText('between', 'echo')).toBe('echo')
  }
})

test.each([-32601, -32602, -32603, -1])('an error %d without an id is nobody’s answer', async (code) => {
  const { bridge } = await readingServer({ requestTimeout: 0.5 })
  const session = await Session.open(bridge)
  await session.callText(1, 'echo')
  const { error } = await session.answer(call(2, 'unreadable', { code }))
  expect(error).toMatchObject({ data: { reason: 'timeout' } })
  expect(bridge.stats().unmatchedResponses).toBe(1)
})

test('a server that was heard to reply to notifications is not believed again', async () => {
  const { bridge } = await readingServer()
  const session = await Session.open(bridge)
  await session.post(odd)
  await until(() => bridge.stats().unmatchedResponses === 1, 'its reply has come')
  await session.post(odd)
  expect(textOf(await session.answer(call(2, 'echo', { ms: 2600 })))).toBe('echo')
})

test.each(['pool', 'principal'] as const)(
  'what one session without a token sends does not end the request of another, isolation %s',
  async (isolation) => {
    const { bridge } = await readingServer({ isolation })
    const [one, other] = [await Session.open(bridge), await Session.open(bridge)]
    await one.callText(1, 'echo')
    const waiting = other.answer(call(2, 'echo', { ms: 200 }))
    const unreadable = one.post(call(3, 'unreadable', { code: -32700 }))
    await one.post(odd)
    expect(textOf(await waiting)).toBe('echo')
    await one.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 3 } })
    await (await unreadable).text()
  },
)

test('a user alone at a child that several could share gets what the child could not read as its answer', async () => {
  const { bridge } = await readingServer({ isolation: 'principal' })
  const session = await Session.open(bridge, { context: { auth: tokenOf('alice') } })
  await session.callText(1, 'echo')
  expect(await session.answer(call(2, 'unreadable', { code: -32700 }))).toMatchObject({
    id: 2,
    error: { code: -32700 },
  })
})

test('a notification alone tells that another user is at a pool', async () => {
  const { bridge } = await readingServer({ isolation: 'pool' })
  const sessions = await Promise.all(
    ['alice', 'bob'].map((name) => Session.open(bridge, { context: { auth: tokenOf(name) } })),
  )
  await sessions[1]?.callText(1, 'echo')
  const waiting = sessions[1]?.answer(call(2, 'echo', { ms: 200 }))
  await sessions[0]?.post(odd)
  expect(textOf((await waiting) as never)).toBe('echo')
  expect((await post(bridge, odd, { headers: { 'Mcp-Session-Id': 'none' } })).status).toBe(404)
})
