import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  events,
  fixture,
  post,
  readAll,
  Session,
  textOf,
} from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'
import { readOverlong } from './wire/child-message.js'
import { ownNumber } from './wire/own-number.js'

const server = (...habits: string[]) => [fixture('awkward-server.mjs'), ...habits]
const texts = (result: unknown) => (result as { content: { text?: string }[] }).content.map(({ text }) => text).join()
afterEach(endSessions)

describe.each(['text-ids', 'float-ids'])('a server that echoes numbers with %s', (habit) => {
  test.each(['session', 'principal', 'pool', 'request'] as const)(
    'answers a legacy client and tells it of progress, isolation %s',
    async (isolation) => {
      const { url } = await serveBridge({ args: server(habit), isolation })
      const client = new Client1({ name: 'v1', version: '1' })
      await client.connect(new Transport1(url))
      const steps: number[] = []
      const onprogress = ({ progress }: { progress: number }) => steps.push(progress)
      expect(texts(await client.callTool({ name: 'progress' }, undefined, { onprogress }))).toBe('stepped')
      expect(steps).toEqual([1, 2])
      await client.close()
    },
  )

  test('answers a modern client and tells it of progress', async () => {
    const { url } = await serveBridge({ args: server(habit) })
    const client = new Client2({ name: 'v2', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new Transport2(url))
    expect(client.getProtocolEra()).toBe('modern')
    const steps: number[] = []
    const onprogress = ({ progress }: { progress: number }) => steps.push(progress)
    expect(texts(await client.callTool({ name: 'progress', arguments: {} }, { onprogress }))).toBe('stepped')
    expect(steps).toEqual([1, 2])
    await client.close()
  })

  test('answers over HTTP+SSE', async () => {
    const { url } = await serveBridge({ args: server(habit), httpSse: true })
    const client = new Client1({ name: 'old', version: '1' })
    await client.connect(new SSEClientTransport(url))
    expect(texts(await client.callTool({ name: 'echo' }))).toBe('echo')
    await client.close()
  })
})

test.each(['"$"', '$.0', '$e0', '"$.0"'])(
  'a client that replies to a question under the id %s is heard',
  async (id) => {
    const { bridge } = await serveBridge({ args: server() })
    const session = await Session.open(bridge, { capabilities: { elicitation: {} } })
    const response = await session.post(call(1, 'elicit'))
    const stream = events(response)
    let question: { id?: number } = {}
    while (question.id === undefined) question = JSON.parse((await stream.next()).value?.data || '{}')
    const own = id.replace('$', String(question.id))
    const reply = await post(bridge, `{"jsonrpc":"2.0","id":${own},"result":{"action":"decline"}}`, {
      headers: { 'Mcp-Session-Id': session.id },
    })
    expect(reply.status).toBe(202)
    expect(textOf(JSON.parse((await stream.next()).value?.data ?? ''))).toBe('{"action":"decline"}')
  },
)

test('a client of HTTP+SSE that replies under an id that is a text is heard', async () => {
  const { bridge } = await serveBridge({ args: server(), httpSse: true })
  const headers = { Accept: 'text/event-stream' }
  const stream = events(await bridge.handle(new Request('http://127.0.0.1/mcp', { headers }), {}))
  const address = (await stream.next()).value?.data ?? ''
  const send = (body: string) => {
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
    return bridge.handle(new Request(`http://127.0.0.1/mcp${address}`, init), {})
  }
  await send(JSON.stringify(call(1, 'elicit')))
  const { id } = JSON.parse((await stream.next()).value?.data ?? '')
  await send(`{"jsonrpc":"2.0","id":"${id}","result":{"action":"cancel"}}`)
  expect(textOf(JSON.parse((await stream.next()).value?.data ?? ''))).toBe('{"action":"cancel"}')
})

test.each([
  ['1', 1],
  ['"1"', 1],
  ['1.0', 1],
  ['"1.00"', 1],
  ['10e-1', 1],
  ['1E2', 100],
  ['1.5', -1],
  ['-1', -1],
  ['"one"', -1],
  ['""', -1],
  ['" 1"', -1],
  ['0x1', -1],
  ['null', -1],
  ['true', -1],
  ['1'.repeat(400), -1],
  ['9007199254740993', -1],
])('%s is read as %d', (raw, number) => {
  expect(ownNumber(raw)).toBe(number)
})

test.each(['7', '"7"', '7.0'])('an answer that is too large is known by the id %s', async (id) => {
  const head = (text: string) => readOverlong(Buffer.from(text), Buffer.from('g"}]}}'))
  const tail = (text: string) => readOverlong(Buffer.from('{"result":{"content":[{"text":"'), Buffer.from(text))
  expect(head(`{"jsonrpc":"2.0","id":${id},"result":{"content":[`)).toBe(7)
  expect(tail(`gg"}]},"jsonrpc":"2.0","id":${id}}`)).toBe(7)
  expect(tail(`gg"}]}, "jsonrpc": "2.0", "id": ${id}}`)).toBe(7)
})

test('two ids of one value at once are two requests of their clients still', async () => {
  const { bridge } = await serveBridge({ args: server('text-ids') })
  const session = await Session.open(bridge)
  const slow = session.post(call('1', 'slow', { ms: 60 }))
  const quick = await readAll(
    await session.post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'),
  )
  expect(quick[0]?.id).toBe(1)
  expect((await readAll(await slow))[0]?.id).toBe('1')
})
