import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  events,
  fixture,
  initialize,
  post,
  readAll,
  Session,
  textOf,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'

const lines: [string, Record<string, unknown>, string][] = []
const log = (level: string) => (fields: Record<string, unknown>, message: string) =>
  void lines.push([level, fields, message])
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
const bridges: StdioBridge[] = []
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

function create(options: Partial<StdioBridgeOptions> = {}, ...habits: string[]): StdioBridge {
  lines.length = 0
  const args = [fixture('awkward-server.mjs'), ...habits]
  const bridge = createStdioBridge({ command: process.execPath, args, logger, drainTimeout: 0, ...options })
  bridges.push(bridge)
  return bridge
}

const result = '{"content":[{"type":"text","text":"t"}]}'
const hex = (text: string, id = 'ID') => Buffer.from(text.replaceAll('$ID', id), 'latin1').toString('hex')
/** The number that the bridge gives to the first call of a session. */
const first = '2'
const pretty = (message: object, indent: number | string) => `${JSON.stringify(message, null, indent)}\n`
const whole = { jsonrpc: '2.0', id: Number(first), result: { content: [{ type: 'text', text: '"id": 9' }], id: 77 } }
const reversed = { result: { n: { id: 9, error: 1 } }, id: Number(first), jsonrpc: '2.0' }
const large = 'x'.repeat(20_000)

const unreadable: [string, string][] = [
  ['has bytes that are no UTF-8', hex(`{"jsonrpc":"2.0","id":${first},"result":{"content":[{"text":"\xff"}]}}\n`)],
  ['is large and no UTF-8', hex(`{"jsonrpc":"2.0","id":${first},"result":{"content":["${large}\xff"]}}\n`)],
  ['has NaN', hex(`{"jsonrpc":"2.0","id":${first},"result":{"n":NaN}}\n`)],
  ['has its id behind NaN', hex(`{"result": {"n": NaN}, "jsonrpc": "2.0", "id": "${first}"}\n`)],
  ['is large and has -Infinity', hex(`{"jsonrpc":"2.0","id":${first},"result":{"n":-Infinity,"x":"${large}"}}\n`)],
  ['begins with a colour', hex(`\x1b[32m{"jsonrpc":"2.0","id":${first},"result":${result}}\x1b[0m\n`)],
  ['begins with a command of a terminal', hex(`\x1b[2K\x1b[1G\x1b[?25l{"id":${first},"jsonrpc":"2.0","result":{}}\n`)],
  ['has a comma too much', hex(`{"jsonrpc":"2.0","id":${first},"result":${result},}\n`)],
  ['has a line end in a text', hex(`{"jsonrpc":"2.0","id":${first},"result":{"content":[{"text":"a\nb"}]}}\n`)],
  [
    'is an error with a value that is none',
    hex(`{"jsonrpc":"2.0","id":${first}.0,"error":{"code":-1,"data":undefined}}\n`),
  ],
  ['is written over several lines', hex(pretty(whole, 2))],
  ['is written over several lines, by tabs and CR LF', hex(pretty(whole, '\t').replaceAll('\n', '\r\n'))],
  ['is written over several lines, its id behind', hex(pretty(reversed, 4))],
  ['has text behind it', hex(`{"jsonrpc":"2.0","id":${first},"result":${result}} done\n`)],
]

describe.each(unreadable)('an answer that %s', (_, bytes) => {
  test('fails its request at once, says why, and shows the line at debug', async () => {
    const bridge = create()
    const session = await Session.open(bridge)
    expect(await session.answer(call('mine', 'raw', { hex: bytes }))).toMatchObject({
      id: 'mine',
      error: { code: -32603, message: expect.stringContaining('debug'), data: { reason: 'answer_unreadable' } },
    })
    expect(lines.filter(([level]) => level === 'debug').length).toBeGreaterThan(0)
    expect(await session.callText(2, 'echo')).toBe('echo')
    expect(bridge.stats().inFlight).toBe(0)
  })
})

test.each(['session', 'pool', 'request'] as const)('a BOM is skipped, isolation %s', async (isolation) => {
  const bom = '\ufeff'
  const script = `
    const say = (message) => process.stdout.write('${bom}' + JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\r\\n')
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method } = JSON.parse(line)
      if (method === 'initialize') say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'b', version: '1' } } })
      else if (id !== undefined) say({ id, result: { content: [{ type: 'text', text: 'read' }] } })
    })`
  const { url, bridge } = await serveBridge({ args: ['-e', script], isolation })
  const client = new Client1({ name: 'v1', version: '1' })
  await client.connect(new Transport1(url))
  const { content } = await client.callTool({ name: 'any' })
  expect(content).toEqual([{ type: 'text', text: 'read' }])
  expect(bridge.stats().invalidLines).toBe(0)
  await client.close()
})

test('a modern client in front of a legacy server is told at once', async () => {
  const bridge = create()
  const key = (name: string) => `io.modelcontextprotocol/${name}`
  const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'raw' }
  const before = '{"jsonrpc":"2.0","id":$ID,"result":{"n":NaN}}\n'
  const [answer] = await readAll(await post(bridge, call(5, 'raw', { before }, _meta), { headers }))
  expect(answer).toMatchObject({ id: 5, error: { code: -32603, data: { reason: 'answer_unreadable' } } })
})

test('a client of HTTP+SSE is told at once', async () => {
  const bridge = create({ httpSse: true })
  const headers = { Accept: 'text/event-stream' }
  const stream = events(await bridge.handle(new Request('http://127.0.0.1/mcp', { headers }), {}))
  const address = (await stream.next()).value?.data ?? ''
  const body = JSON.stringify(call(1, 'raw', { before: '{"jsonrpc":"2.0","id":$ID,"result":{"n":NaN}}\n' }))
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
  await bridge.handle(new Request(`http://127.0.0.1/mcp${address}`, init), {})
  expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({
    id: 1,
    error: { data: { reason: 'answer_unreadable' } },
  })
})

test('an answer to initialize that cannot be read is a refusal at once, and no session', async () => {
  const script = `process.stdin.once('data', () => process.stdout.write('{"jsonrpc":"2.0","id":1,"result":{"n":NaN}}\\n'))`
  const bridge = createStdioBridge({ command: process.execPath, args: ['-e', script], logger, drainTimeout: 0 })
  bridges.push(bridge)
  const response = await post(bridge, initialize())
  expect(response.status).toBe(502)
  await until(() => bridge.stats().sessions === 0 && bridge.stats().children === 0, 'all is over')
})

test.each([
  ['what a server prints of its answer over several lines, then sends', pretty(whole, 2)],
  ['a line of a log that holds the answer', `DEBUG sending {"jsonrpc":"2.0","id":${first},"result":{"n":NaN}}\n`],
  ['a printed object of another kind', `{\n  "id": ${first},\n  "name": "x"\n}\n`],
  ['a printed request', `{\n  "jsonrpc": "2.0",\n  "id": ${first},\n  "method": "x",\n  "result": 1\n}\n`],
  [
    'members of an object in an object',
    `{\n  "a": {\n    "jsonrpc": "2.0",\n    "id": ${first},\n    "result": 1\n  }\n}\n`,
  ],
  ['an answer of another', `{"jsonrpc":"2.0","id":${first}1,"result":{"n":NaN}}\n`],
])('%s does not fail the request that has its answer behind it', async (_, before) => {
  const session = await Session.open(create())
  const after = `{"jsonrpc":"2.0","id":$ID,"result":${result}}\n`
  expect(textOf(await session.answer(call(1, 'raw', { before, after })))).toBe('t')
})

test.each([
  ['a line of a log', `INFO {"jsonrpc":"2.0","id":${first},"result":{"n":NaN}}\n`],
  ['a printed object of another kind', `{\n  "id": ${first},\n  "name": "x"\n}\n`],
])('%s fails no request', async (_, before) => {
  const session = await Session.open(create({ requestTimeout: 0.8 }))
  expect(await session.answer(call(1, 'raw', { before }))).toMatchObject({ error: { data: { reason: 'timeout' } } })
})

test('a line that cannot be read is logged cut, without credentials, and so many a minute', async () => {
  const session = await Session.open(create())
  const secret = 'sup3r-s3cret-value'
  const before = `{"access_token":"${secret}","Authorization: Bearer ${secret}${'x'.repeat(5000)}\n${'noise\n'.repeat(900)}`
  await session.answer(call(1, 'raw', { before, after: `{"jsonrpc":"2.0","id":$ID,"result":${result}}\n` }))
  const shown = lines.filter(([level, fields]) => level === 'debug' && fields.stdout !== undefined)
  expect(shown.length).toBeGreaterThan(100)
  expect(shown.length).toBeLessThanOrEqual(600)
  expect(String(shown[0]?.[1].stdout).length).toBeLessThanOrEqual(600)
  expect(JSON.stringify(lines)).not.toContain(secret)
})
