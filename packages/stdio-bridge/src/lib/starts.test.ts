import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import {
  call,
  endSessions,
  events,
  fixture,
  initialize,
  post,
  readAll,
  Session,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'
import { readOptions } from './options/options.js'

const lines: [string, Record<string, unknown>, string][] = []
const log = (level: string) => (fields: Record<string, unknown>, message: string) =>
  void lines.push([level, fields, message])
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
const bridges: StdioBridge[] = []
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

function create(args: string[], options: Partial<StdioBridgeOptions> = {}): StdioBridge {
  lines.length = 0
  const limits = { stopGrace: [0.1, 0.1] as const, drainTimeout: 0, handshakeTimeout: 1.5 }
  const bridge = createStdioBridge({ command: process.execPath, args, logger, ...limits, ...options })
  bridges.push(bridge)
  return bridge
}

/**
 * A server that says nothing to some methods and answers others late. While the file `hung` is there, it says a line of
 * a log and no more.
 */
const server = (options: { era?: string; silent?: string[]; late?: Record<string, number>; hung?: string } = {}) => [
  '-e',
  `
const { era = 'legacy', silent = [], late = {}, hung } = ${JSON.stringify(options)}
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const isHung = hung !== undefined && require('node:fs').existsSync(hung)
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (isHung) say({ method: 'notifications/message', params: { level: 'info', data: 'starting' } })
  if (isHung || id === undefined || silent.includes(method)) return
  const answer = () => {
    if (method === 'initialize' && era === 'legacy') say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: era, version: '1' } } })
    else if (method === 'server/discover' && era === 'modern') say({ id, result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' } })
    else if (method === 'tools/list') say({ id, result: { tools: [] } })
    else if (method === 'tools/call') say({ id, result: { content: [{ type: 'text', text: String(process.pid) }] } })
    else say({ id, error: { code: -32601, message: 'Method not found' } })
  }
  setTimeout(answer, late[method] ?? 0)
})`,
]
const notMcp = ['-e', 'process.stdin.resume(); setInterval(() => {}, 1000)']

const key = (name: string) => `io.modelcontextprotocol/${name}`
const meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
function modern(bridge: StdioBridge, id: string | number = 1, signal?: AbortSignal): Promise<Response> {
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'any' }
  return post(bridge, call(id, 'any', {}, meta), { headers, signal })
}

/** Sets the clock of the bridge forward, so that what waits has waited so much longer. */
function jump(ms: number): void {
  const real = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => real() + ms)
}

const tooSlow = /did not answer in time after its start/

test('what is waited for by default is less than what clients wait', () => {
  expect(readOptions({ command: 'x' }).handshakeTimeout).toBeLessThan(60)
})

describe('a server that is silent at initialize', () => {
  test('is given up in time whatever it said meanwhile, and all that it held is free', async () => {
    const hung = join(mkdtempSync(join(tmpdir(), 'hung-')), 'hung')
    writeFileSync(hung, '')
    const bridge = create(server({ hung }), { startConcurrency: 2 })
    const aborters = [new AbortController(), new AbortController()]
    const responses = await Promise.all(aborters.map(({ signal }) => post(bridge, initialize(), { signal })))
    expect(responses.map(({ headers }) => headers.get('content-type'))).toEqual(Array(2).fill('text/event-stream'))
    // The clients go away, and what was wrong is mended
    await responses[0]?.body?.cancel()
    for (const aborter of aborters) aborter.abort()
    rmSync(hung)
    await until(() => bridge.stats().sessions === 0 && bridge.stats().children === 0, 'all is over', 10_000)
    expect(await readAll(responses[1] as Response)).toMatchObject([
      { method: 'notifications/message' },
      { id: 0, error: { data: { reason: 'timeout' } } },
    ])
    expect(lines.filter(([level, , message]) => level === 'warn' && tooSlow.test(message)).length).toBeGreaterThan(1)
    const session = await Session.open(bridge)
    expect(Number(await session.callText(1, 'any'))).toBeGreaterThan(0)
  })

  test('is given up in time also where the stream was opened because it takes long', async () => {
    const bridge = create(notMcp)
    const opening = post(bridge, initialize())
    await until(() => bridge.stats().children === 1, 'it is started')
    jump(11_000)
    const response = await opening
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(response.headers.get('mcp-session-id')).toMatch(/^[\w-]{32}$/)
    expect((await readAll(response)).at(-1)).toMatchObject({ id: 0, error: { data: { reason: 'timeout' } } })
    await until(() => bridge.stats().sessions === 0 && bridge.stats().children === 0, 'all is over', 10_000)
  })

  test('does not keep others from their start', async () => {
    const hung = join(mkdtempSync(join(tmpdir(), 'hung-')), 'hung')
    writeFileSync(hung, '')
    const bridge = create(server({ hung }), { startConcurrency: 1, handshakeTimeout: 3 })
    const first = post(bridge, initialize())
    await until(() => bridge.stats().children === 1, 'it is started')
    await first
    rmSync(hung)
    // In its turn, which comes before the first one has been given up
    expect(await (await Session.open(bridge)).callText(1, 'any')).toMatch(/^\d+$/)
    await readAll(await first)
  })

  test.each(['session', 'principal', 'pool', 'request'] as const)(
    'and of the modern era is found in time, isolation %s [S2]',
    async (isolation) => {
      const args = server({ era: 'modern', silent: ['initialize'] })
      const { url } = await serveBridge({ args, isolation, handshakeTimeout: 6 })
      const client = new Client1({ name: 'v1', version: '1' })
      await client.connect(new Transport1(url))
      expect(await client.callTool({ name: 'any' })).toMatchObject({ content: [{ type: 'text' }] })
      await client.close()
    },
  )

  test('and of the modern era is found in time over HTTP+SSE', async () => {
    const bridge = create(server({ era: 'modern', silent: ['initialize'] }), { httpSse: true, handshakeTimeout: 3 })
    const headers = { Accept: 'text/event-stream' }
    const stream = events(await bridge.handle(new Request('http://127.0.0.1/mcp', { headers }), {}))
    const address = (await stream.next()).value?.data ?? ''
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(initialize()) }
    await bridge.handle(new Request(`http://127.0.0.1/mcp${address}`, init), {})
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({ id: 0, result: {} })
    await bridge.close()
  })
})

describe('a slow server keeps its whole time', () => {
  test.each(['session', 'principal', 'pool', 'request'] as const)('isolation %s', async (isolation) => {
    const args = server({ late: { initialize: 1700 }, silent: ['server/discover'] })
    const { url, bridge } = await serveBridge({ args, isolation, handshakeTimeout: 2.2 })
    const client = new Client1({ name: 'v1', version: '1' })
    await client.connect(new Transport1(url))
    await client.close()
    await until(() => bridge.stats().children <= 1, 'what else was started is gone', 10_000)
  })

  test('with a modern client', async () => {
    const args = server({ era: 'modern', late: { 'server/discover': 1700 }, silent: ['initialize'] })
    const [answer] = await readAll(await modern(create(args, { handshakeTimeout: 2.2 })))
    expect(answer).toMatchObject({ id: 1, result: {} })
  })
})

describe('a program that is no MCP server', () => {
  const took = async (asked: Promise<unknown>) => {
    const started = performance.now()
    await asked
    return performance.now() - started
  }

  test.each(['session', 'principal', 'pool', 'request'] as const)(
    'is told of to a legacy client once the limit is over, isolation %s',
    async (isolation) => {
      const bridge = create(notMcp, { isolation })
      const opening = post(bridge, initialize())
      // Two questions one after the other took twice the limit
      expect(await took(opening)).toBeLessThan(2700)
      expect((await opening).status).toBe(504)
      await until(() => bridge.stats().children === 0 && bridge.stats().sessions === 0, 'all is over', 10_000)
      expect(lines.some(([level, , message]) => level === 'warn' && tooSlow.test(message))).toBe(true)
    },
  )

  test('is told of to a modern client once the limit is over', async () => {
    const bridge = create(notMcp)
    const asked = modern(bridge)
    expect(await took(asked)).toBeLessThan(2700)
    expect((await asked).status).toBe(504)
    await until(() => bridge.stats().children === 0 && bridge.stats().inFlight === 0, 'all is over', 10_000)
  })

  test('is told of to a client of HTTP+SSE once the limit is over', async () => {
    const bridge = create(notMcp, { httpSse: true })
    const headers = { Accept: 'text/event-stream' }
    const stream = events(await bridge.handle(new Request('http://127.0.0.1/mcp', { headers }), {}))
    const address = (await stream.next()).value?.data ?? ''
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(initialize()) }
    await bridge.handle(new Request(`http://127.0.0.1/mcp${address}`, init), {})
    const next = stream.next()
    expect(await took(next)).toBeLessThan(2700)
    expect(JSON.parse((await next).value?.data ?? '')).toMatchObject({ id: 0, error: { data: { reason: 'timeout' } } })
    await until(() => bridge.stats().children === 0 && bridge.stats().sessions === 0, 'all is over', 10_000)
  })

  test('is told of by check once the limit is over', async () => {
    const bridge = create(notMcp)
    const checked = bridge.check().catch((error) => error.code)
    expect(await took(checked)).toBeLessThan(2700)
    expect(await checked).toBe('temporarily_unavailable')
  })
})

describe('a modern client in front of a cold legacy server', () => {
  test('that ignores what it does not know is served in time', async () => {
    const bridge = create(server({ silent: ['server/discover'] }), { handshakeTimeout: 3 })
    expect(await readAll(await modern(bridge))).toMatchObject([{ id: 1, result: {} }])
  })

  test('that does not know the method is served by the process that was asked', async () => {
    const bridge = create(server())
    for (const id of [1, 2, 3]) expect(await readAll(await modern(bridge, id))).toMatchObject([{ id, result: {} }])
    expect(bridge.stats()).toMatchObject({ spawned: 1, children: 1 })
  })

  test('that takes nothing behind an unknown method is started once more', async () => {
    const script = `
      let asked = false
      const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }))
      require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
        const { id, method } = JSON.parse(line)
        if (asked) process.exit(1)
        if (method === 'server/discover') { asked = true; say({ id, error: { code: -32601, message: 'no' } }) }
        else if (method === 'initialize') say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} } } })
        else if (id !== undefined) say({ id, result: { content: [], tools: [] } })
      })`
    const bridge = create(['-e', script])
    expect(await readAll(await modern(bridge))).toMatchObject([{ id: 1, result: {} }])
    expect(bridge.stats().spawned).toBe(2)
  })

  test('gets a process that was asked, and nobody needs, stopped', async () => {
    const bridge = create(server({ silent: ['initialize'] }), { handshakeTimeout: 0.9 })
    expect((await post(bridge, initialize())).status).toBe(504)
    await until(() => bridge.stats().children === 0, 'all are gone', 10_000)
  })

  test('hears that its answer will come before the server has started', async () => {
    const args = server({ late: { 'server/discover': 600, initialize: 600 } })
    const bridge = create(args, { keepAlive: 0.1, handshakeTimeout: 60 })
    const asked = modern(bridge)
    await until(() => bridge.stats().children === 1, 'it is started')
    jump(11_000)
    const response = await asked
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const first = new TextDecoder().decode((await reader.read()).value)
    expect(first).toMatch(/^: /)
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += new TextDecoder().decode(part.value)
    }
    expect(text).toContain('"id":1,"result":')
    expect(bridge.stats()).toMatchObject({ inFlight: 0, spawned: 1 })
  })

  test('is told on its stream why nothing comes', async () => {
    const bridge = create(notMcp)
    const asked = modern(bridge, 'mine')
    await until(() => bridge.stats().children === 1, 'it is started')
    jump(11_000)
    const response = await asked
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(await readAll(response)).toMatchObject([{ id: 'mine', error: { code: -31504 } }])
  })

  test('and that goes away meanwhile leaves nothing under way', async () => {
    const bridge = create(server({ late: { 'server/discover': 300, initialize: 300 } }), { handshakeTimeout: 60 })
    const asked = modern(bridge)
    await until(() => bridge.stats().children === 1, 'it is started')
    jump(11_000)
    await (await asked).body?.cancel()
    await until(() => bridge.stats().inFlight === 0, 'nothing is under way', 10_000)
    expect(await readAll(await modern(bridge))).toMatchObject([{ id: 1, result: {} }])
  })

  test('is SDK v2, which asks for the modern era first', async () => {
    const { url, bridge } = await serveBridge({ args: [fixture('awkward-server.mjs'), 'slow'] })
    const client = new Client2({ name: 'v2', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new Transport2(url))
    expect(client.getProtocolEra()).toBe('modern')
    expect(await client.callTool({ name: 'echo', arguments: {} })).toMatchObject({ content: [{ text: 'echo' }] })
    expect(bridge.stats().spawned).toBe(1)
    await client.close()
  })
})
