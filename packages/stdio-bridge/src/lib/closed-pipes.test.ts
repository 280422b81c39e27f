import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  fixture,
  initialize,
  isAlive,
  post,
  readAll,
  Session,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'
import { StderrLog } from './process/stderr-log.js'

const lines: [string, Record<string, unknown>, string][] = []
const log = (level: string) => (fields: Record<string, unknown>, message: string) =>
  void lines.push([level, fields, message])
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
const bridges: StdioBridge[] = []
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

function create(options: Partial<StdioBridgeOptions> = {}): StdioBridge {
  lines.length = 0
  const args = [fixture('awkward-server.mjs')]
  const limits = { stopGrace: [0.1, 0.1] as const, drainTimeout: 0, requestTimeout: 20 }
  const bridge = createStdioBridge({ command: process.execPath, args, logger, ...limits, ...options })
  bridges.push(bridge)
  return bridge
}

const gone = { error: { code: -32603, data: { reason: 'exited' } } }

describe('a server that closes its stdout and lives on', () => {
  test('fails every request at once, is stopped, and its session is over [S3]', async () => {
    const bridge = create()
    const session = await Session.open(bridge)
    const pid = Number(await session.callText(1, 'pid'))
    const waiting = session.answer(call(2, 'hang'))
    const started = performance.now()
    expect(await session.answer(call(3, 'close-stdout'))).toMatchObject({ id: 3, ...gone })
    expect(await waiting).toMatchObject({ id: 2, ...gone })
    expect(performance.now() - started).toBeLessThan(5000)
    expect((await session.post(call(4, 'echo'))).status).toBe(404)
    await until(() => !isAlive(pid) && bridge.stats().children === 0, 'its process is gone')
    const [, fields, message] = lines.find(([level]) => level === 'warn') ?? []
    expect(message).toMatch(/closed its stdout/)
    expect(fields).toMatchObject({ pid })
    expect(bridge.stats().crashed).toBe(1)
  })

  test.each(['principal', 'pool', 'request'] as const)('fails the request at once, isolation %s', async (isolation) => {
    const { url, bridge } = await serveBridge({ args: [fixture('awkward-server.mjs')], isolation })
    const client = new Client1({ name: 'v1', version: '1' })
    await client.connect(new Transport1(url))
    await expect(client.callTool({ name: 'close-stdout' })).rejects.toThrow(/ended before it answered/)
    if (isolation !== 'principal') expect(await client.callTool({ name: 'echo' })).toMatchObject({ content: [{}] })
    await client.close()
    await until(() => bridge.stats().inFlight === 0, 'nothing waits')
  })

  test('before it answers initialize cannot be used, and no process is left', async () => {
    const script = `require('node:fs').closeSync(1); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`
    const bridge = create({ args: ['-e', script] })
    expect((await post(bridge, initialize())).status).toBe(502)
    await until(() => bridge.stats().children === 0 && bridge.stats().sessions === 0, 'all is over')
    expect(bridge.stats().failedStarts).toBeGreaterThan(0)
  })
})

describe('a server that closes its stdin and lives on', () => {
  test('fails the next request at once, and is stopped [S3]', async () => {
    const bridge = create()
    const session = await Session.open(bridge)
    const pid = Number(await session.callText(1, 'pid'))
    expect(await session.callText(2, 'close-stdin')).toBe('closed')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await session.answer(call(3, 'echo'))).toMatchObject({ id: 3, ...gone })
    expect((await session.post(call(4, 'echo'))).status).toBe(404)
    await until(() => !isAlive(pid) && bridge.stats().children === 0, 'its process is gone')
    expect(lines.some(([level, , message]) => level === 'warn' && /closed its stdin/.test(message))).toBe(true)
  })

  test('fails what waited for it, once it is told something', async () => {
    const session = await Session.open(create())
    const waiting = session.answer(call(1, 'close-stdin-later'))
    await new Promise((resolve) => setTimeout(resolve, 150))
    await session.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' })
    expect(await waiting).toMatchObject({ id: 1, ...gone })
  })

  test('fails a modern client’s request at once, and the next one is served by another process', async () => {
    const bridge = create()
    const key = (name: string) => `io.modelcontextprotocol/${name}`
    const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
    const send = async (name: string) => {
      const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name }
      return (await readAll(await post(bridge, call(name, name, {}, _meta), { headers })))[0]
    }
    expect(await send('close-stdin')).toMatchObject({ result: {} })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await send('echo')).toMatchObject(gone)
    expect(await send('echo')).toMatchObject({ result: { content: [{ text: 'echo' }] } })
  })
})

test('a server that ends by itself is still told by its exit code', async () => {
  const session = await Session.open(create())
  expect(await session.answer(call(1, 'leave', { code: 3 }))).toMatchObject({ error: { data: { exitCode: 3 } } })
})

describe('stderr', () => {
  const logged = (chunks: readonly (string | Buffer)[]) => {
    const shown: unknown[] = []
    const noop = () => undefined
    const logger = {
      debug: ({ stderr }: Record<string, unknown>) => shown.push(stderr),
      info: noop,
      warn: noop,
      error: noop,
    }
    const stderr = new StderrLog(logger, {})
    for (const chunk of chunks) stderr.push(Buffer.from(chunk as string))
    stderr.end()
    return { shown, tail: stderr.tail() }
  }

  test('is decoded across chunks, and its last line is shown without a line end', () => {
    const bytes = Buffer.from('Grüße 😀 здравствуй\nEnde ✓')
    const { shown, tail } = logged([...bytes].map((byte) => Buffer.from([byte])))
    expect(shown).toEqual(['Grüße 😀 здравствуй', 'Ende ✓'])
    expect(tail).toEqual(shown)
  })

  test.each(['é', '€', '😀'])('is cut between characters, not in one (%s)', (character) => {
    for (let shift = 0; shift < 4; shift++) {
      const long = 'x'.repeat(shift) + character.repeat(40_000)
      const { shown, tail } = logged([`${long}\n`])
      expect(shown).toHaveLength(1)
      expect(`${shown[0]}${tail.join('')}`).not.toMatch(
        /\ufffd|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/,
      )
    }
  })
})
