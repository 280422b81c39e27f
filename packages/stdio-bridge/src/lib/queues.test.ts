import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  events,
  initialize,
  post,
  Session,
  textOf,
  tokenOf,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'
import type { Peer } from './connection/peer.js'
import { ServerRequests } from './connection/server-requests.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

const key = (name: string) => `io.modelcontextprotocol/${name}`

/** A server that stops to read when it is told so, and asks as often, as long and as late as it is told. */
const script = (era: 'legacy' | 'modern') => `
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const text = (id, text) => say({ id, result: { content: [{ type: 'text', text }] } })
const heard = []
let asked = 0
const ask = (pad) => say({ id: 'q' + ++asked, method: 'elicitation/create', params: { message: 'x'.repeat(pad), requestedSchema: { type: 'object', properties: {} } } })
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {}, result, error } = JSON.parse(line)
  const { count = 1, pad = 1, after = 0 } = params.arguments ?? {}
  if (method === undefined) heard.push(error?.message ?? result.action)
  else if (method === 'initialize' && ${era === 'modern'}) say({ id, error: { code: -32601, message: 'Method not found' } })
  else if (method === 'initialize') say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {}, logging: {} }, serverInfo: { name: 'q', version: '1' } } })
  else if (method === 'server/discover' && ${era === 'modern'}) say({ id, result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } })
  else if (method === 'server/discover') say({ id, error: { code: -32601, message: 'Method not found' } })
  else if (method === 'tools/list') say({ id, result: { tools: [] } })
  else if (params.name === 'stop') { process.stdin.pause(); process.stdin.removeAllListeners('data'); text(id, 'stopped') }
  else if (params.name === 'hang') return
  else if (params.name === 'ask-later') { text(id, 'yes'); setTimeout(() => { for (let n = 0; n < count; n++) ask(pad) }, 50) }
  else if (params.name === 'ask-and-log') {
    say({ method: 'notifications/message', params: { level: 'info', data: 'first' } })
    setTimeout(() => { ask(pad); for (let n = 0; n < count; n++) say({ method: 'notifications/message', params: { level: 'info', data: 'x'.repeat(1000) } }) }, after)
  }
  else if (params.name === 'ask') { ask(pad); const look = () => (heard.length > 0 ? text(id, heard[0]) : setTimeout(look, 5)); look() }
  else if (params.name === 'heard') { const look = () => (heard.length >= count ? text(id, heard.sort().join('|')) : setTimeout(look, 5)); look() }
  else if (id !== undefined) text(id, 'ok')
})`

function create(era: 'legacy' | 'modern', options: Partial<StdioBridgeOptions> = {}): StdioBridge {
  const command = { command: process.execPath, args: ['-e', script(era)] }
  const bridge = createStdioBridge({ ...command, logger: quiet, stopGrace: [0.2, 0.2], drainTimeout: 0, ...options })
  bridges.push(bridge)
  return bridge
}

type Post = (message: object) => Promise<Response>
const context = { auth: tokenOf('alice') }

async function legacySession(bridge: StdioBridge): Promise<Post> {
  const session = await Session.open(bridge, { context, capabilities: { elicitation: {} } })
  return (message) => session.post(message)
}

async function modernClient(bridge: StdioBridge): Promise<Post> {
  return (message) => {
    const { method = '', params = {} } = message as { method?: string; params?: { name?: string } }
    const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
    const headers: Record<string, string> = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method }
    if (params.name !== undefined) headers['Mcp-Name'] = params.name
    return post(bridge, { ...message, params: { ...params, _meta } }, { headers, context })
  }
}

async function sseSession(bridge: StdioBridge): Promise<Post> {
  const headers = { Accept: 'text/event-stream' }
  const stream = events(await bridge.handle(new Request('http://127.0.0.1/mcp', { headers }), context))
  const address = (await stream.next()).value?.data ?? ''
  const send = async (message: object) => {
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(message) }
    const response = await bridge.handle(new Request(`http://127.0.0.1/mcp${address}`, init), context)
    // Its answer is read, so that what follows comes behind it
    if (response.status === 202 && 'id' in message && 'method' in message) await stream.next()
    return response
  }
  await send(initialize('2024-11-05'))
  return send
}

const transports = [
  ['a session', legacySession, 'legacy', 'session'],
  ['a session of a child that a user shares', legacySession, 'legacy', 'principal'],
  ['a session of a child that all share', legacySession, 'legacy', 'pool'],
  ['a session in front of a modern server', legacySession, 'modern', 'pool'],
  ['a session in front of a modern server of its own', legacySession, 'modern', 'session'],
  ['a modern client', modernClient, 'modern', 'pool'],
  ['a modern client of a legacy server', modernClient, 'legacy', 'pool'],
  ['a client of HTTP+SSE', sseSession, 'legacy', 'session'],
  ['a client of HTTP+SSE in front of a modern server', sseSession, 'modern', 'pool'],
] as const

describe.each(transports)('%s', (_who, connect, era, isolation) => {
  test('is refused when its notifications fill the queue of a child that does not read [finding 11]', async () => {
    const bridge = create(era, { isolation, poolSize: 1, httpSse: true, maxQueuedBytes: 4_194_304 })
    const send = await connect(bridge)
    await send(call(1, 'stop')).then((response) => response.text())
    const notification = { jsonrpc: '2.0', method: 'notifications/own', params: { pad: 'x'.repeat(1_000_000) } }
    const statuses: number[] = []
    for (let n = 0; n < 40; n++) statuses.push((await send(notification)).status)
    // What the pipe and the queue hold, and one more
    expect(statuses.filter((status) => status === 202).length).toBeLessThanOrEqual(6)
    const refused = await send(notification)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    if (connect !== modernClient) {
      expect((await send({ jsonrpc: '2.0', id: 7, result: { pad: 'x'.repeat(1_000_000) } })).status).toBe(503)
      // It is one of the things that may end the trouble
      const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99 } }
      expect((await send(cancelled)).status).toBe(202)
    }
  })
})

test('cancellations as long as a body may be do not fill the queue [finding 11]', async () => {
  const bridge = create('legacy', { maxQueuedBytes: 100_000, maxRequestsInFlight: 128 })
  const session = await Session.open(bridge, { context })
  await session.answer(call(1, 'stop'))
  const waiting = Array.from({ length: 64 }, (_, n) => session.post(call(`c${n}`, 'hang')))
  const reason = 'x'.repeat(1_000_000)
  for (let n = 0; n < 64; n++) {
    const params = { requestId: `c${n}`, reason }
    expect((await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params })).status).toBe(202)
  }
  await Promise.all(waiting.map(async (one) => (await one).text()))
  // Were they in the queue, there would be no room for this
  const own = { jsonrpc: '2.0', method: 'notifications/own', params: { pad: 'x'.repeat(10) } }
  expect((await session.post(own)).status).toBe(202)
})

describe('what a server asks', () => {
  const open = (bridge: StdioBridge) => Session.open(bridge, { context, capabilities: { elicitation: {} } })
  /** What the server heard, once it has asked while no call of the client was under way. */
  const heard = async (session: Session, count: number) => {
    await new Promise((resolve) => setTimeout(resolve, 600))
    return session.callText('h', 'heard', { count })
  }

  test('beyond what one client may have open is answered with an error [finding 11]', async () => {
    const session = await open(create('legacy'))
    await session.callText(1, 'ask-later', { count: 70 })
    const why = '64 requests wait for this client already; wait for its answers'
    expect(await heard(session, 6)).toBe(Array(6).fill(why).join('|'))
  })

  test('and what does not fit while no stream is open is answered with an error [finding 11]', async () => {
    const session = await open(create('legacy'))
    await session.callText(1, 'ask-later', { count: 3, pad: 600_000 })
    expect(await heard(session, 2)).toBe(Array(2).fill('Too much waits for the client to listen').join('|'))
  })

  test('and what is larger than all that is kept is answered with an error [finding 11]', async () => {
    const session = await open(create('legacy'))
    await session.callText(1, 'ask-later', { pad: 2_000_000 })
    expect(await heard(session, 1)).toBe('Too much waits for the client to listen')
  })

  test('while nobody listens is answered with an error once that has lasted too long [finding 11]', async () => {
    const session = await open(create('legacy', { requestTimeout: 0.3 }))
    await session.callText(1, 'ask-later')
    expect(await heard(session, 1)).toBe('No client to ask')
  })

  test.each([0, 2000])(
    'and falls out of a history of %d bytes unread is answered with an error [finding 11]',
    async (historyBytes) => {
      const session = await open(create('legacy', { historyBytes }))
      const response = await session.post(call(1, 'ask-and-log', { count: 4, after: 200 }))
      const stream = events(response)
      await stream.next()
      await stream.return(undefined)
      await response.body?.cancel().catch(() => undefined)
      expect(await heard(session, 1)).toBe('No client to ask')
    },
  )

  test('and the client leaves unanswered is answered with an error, and taken back [finding 11]', async () => {
    const session = await open(create('legacy', { maxRequestTime: 0.5 }))
    const stream = events(await session.request('GET'))
    const next = async () => JSON.parse((await stream.next()).value?.data || '{}')
    await next()
    await session.callText(1, 'ask-later')
    const { id, method } = await next()
    expect(method).toBe('elicitation/create')
    expect(await next()).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } })
    expect(await heard(session, 1)).toBe('The client did not answer in time')
    // Too late
    expect((await session.post({ jsonrpc: '2.0', id, result: { action: 'accept' } })).status).toBe(202)
    await stream.return(undefined)
  })

  test('and can reach nobody keeps no request from timing out [finding 11]', async () => {
    const bridge = create('legacy', { historyBytes: 0, requestTimeout: 0.4 })
    const session = await open(bridge)
    const response = await session.post(call(1, 'ask-and-log', { count: 0, after: 100 }))
    const stream = events(response)
    await stream.next()
    await stream.return(undefined)
    await until(() => bridge.stats().inFlight === 0, 'its request has timed out', 10_000)
  })

  test('over HTTP+SSE is answered with an error when the client is silent [finding 11]', async () => {
    const bridge = create('legacy', { httpSse: true, maxRequestTime: 0.5 })
    const headers = { Accept: 'text/event-stream' }
    const stream = events(await bridge.handle(new Request('http://127.0.0.1/mcp', { headers }), context))
    const address = (await stream.next()).value?.data ?? ''
    const send = (message: object) => {
      const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(message) }
      return bridge.handle(new Request(`http://127.0.0.1/mcp${address}`, init), context)
    }
    const next = async () => JSON.parse((await stream.next()).value?.data ?? '')
    await send(initialize('2024-11-05', { elicitation: {} }))
    await next()
    await send(call(1, 'ask-later'))
    await next()
    const { id } = await next()
    expect(await next()).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } })
    await send(call(2, 'heard'))
    expect(textOf(await next())).toBe('The client did not answer in time')
    await stream.return(undefined)
  })
})

describe('the questions of one child', () => {
  function setUp() {
    const written: string[] = []
    const child = { queued: 0, write: (line: Buffer) => written.push(line.toString()) }
    const asks = new ServerRequests(child as never, 1000)
    const asked: number[] = []
    const peer = { asked: (_message: unknown, ask: number) => asked.push(ask) } as unknown as Peer
    const ask = (id: string) => {
      const bytes = Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`)
      const start = bytes.indexOf('"id":') + 5
      asks.ask({ kind: 'request', bytes, method: 'ping', id: { start, end: start + id.length } }, peer)
    }
    return { written, child, asks, asked, peer, ask }
  }

  test('are bounded in number, and refused beyond it [finding 11]', () => {
    const { ask, asked, written } = setUp()
    for (let n = 0; n < 300; n++) ask(String(n))
    expect([asked.length, written.length]).toEqual([256, 44])
    expect(written[0]).toContain('"id":256,"error":{"code":-32603')
  })

  test('are refused where their id is a burden [finding 11]', () => {
    const { ask, asked, written } = setUp()
    ask(`"${'x'.repeat(2000)}"`)
    expect(asked).toEqual([])
    expect(written[0]).toContain('"id":null,"error":{"code":-32600')
  })

  test('get no refusals while the child reads none [finding 11]', () => {
    const { ask, child, written, asks } = setUp()
    ask('1')
    child.queued = 2000
    for (let n = 0; n < 300; n++) ask('2')
    expect(written).toEqual([])
    asks.answer(1, { result: Buffer.from(`{"pad":"${'x'.repeat(5000)}"}`) })
    expect(written).toHaveLength(1)
    expect(written[0]?.length).toBeLessThan(200)
  })
})
