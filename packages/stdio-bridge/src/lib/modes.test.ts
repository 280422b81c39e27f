import type { Context, JsonRpcMessage, Message } from '@mcp-gateway/core'
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
  tokenOf,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
function create(options: Partial<StdioBridgeOptions> = {}, ...modes: string[]): StdioBridge {
  const args = [fixture('hostile-server.mjs'), ...modes]
  const bridge = createStdioBridge({
    command: process.execPath,
    args,
    logger: quiet,
    stopGrace: [0.5, 0.5],
    drainTimeout: 0,
    ...options,
  })
  bridges.push(bridge)
  return bridge
}
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

const as = (subject: string): Context => ({ auth: tokenOf(subject), resource: 'https://a/mcp' })
const subscribe = (uri: string) => ({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri } })

describe('isolation: session', () => {
  test('each session has its own process', async () => {
    const bridge = create()
    const sessions = await Promise.all([Session.open(bridge), Session.open(bridge)])
    const pids = await Promise.all(sessions.map((session) => session.callText(1, 'pid')))
    expect(new Set(pids).size).toBe(2)
  })
})

describe('isolation: principal', () => {
  test('the sessions of one user share a process, those of another do not', async () => {
    const bridge = create({ isolation: 'principal' })
    const open = (who: string, capabilities = {}) => Session.open(bridge, { context: as(who), capabilities })
    const sessions = await Promise.all([open('alice'), open('alice'), open('bob'), open('alice', { sampling: {} })])
    const [first, second, bob, capable] = await Promise.all(sessions.map((session) => session.callText(1, 'pid')))
    expect(second).toBe(first)
    expect(bob).not.toBe(first)
    // A legacy server learns only at initialize what its client can do
    expect(capable).not.toBe(first)
    expect(bridge.stats().children).toBe(3)
    await sessions[0]?.request('DELETE')
    expect(await sessions[1]?.callText(1, 'pid')).toBe(first)
  })

  test('clashing ids and tokens of two sessions are kept apart, and so are subscriptions', async () => {
    const bridge = create({ isolation: 'principal' })
    const [one, two] = await Promise.all([
      Session.open(bridge, { context: as('alice'), protocolVersion: '2025-06-18' }),
      Session.open(bridge, { context: as('alice'), protocolVersion: '2025-06-18' }),
    ])
    const runs = await Promise.all([
      one.post(call(1, 'progress', { steps: 3, ms: 3 }, { progressToken: 1 })).then(readAll),
      two.post(call(1, 'progress', { steps: 2, ms: 4 }, { progressToken: 1 })).then(readAll),
    ])
    expect(runs.map((messages) => messages.length)).toEqual([4, 3])
    const listening = [events(await one.request('GET')), events(await two.request('GET'))] as const
    await one.answer(subscribe('a://one'))
    await two.answer(subscribe('a://two'))
    expect((await listening[0].next()).value?.data).toContain('a://one')
    expect((await listening[1].next()).value?.data).toContain('a://two')
    await one.answer(call(1, 'later'))
    for (const stream of listening) expect((await stream.next()).value?.data).toContain('list_changed')
    for (const stream of listening) await stream.return(undefined)
  })

  test('a crash ends the sessions of that user alone', async () => {
    const bridge = create({ isolation: 'principal' })
    const alice = await Session.open(bridge, { context: as('alice') })
    const bob = await Session.open(bridge, { context: as('bob') })
    expect(await alice.answer(call(1, 'crash'))).toMatchObject({
      error: { code: -32603, data: { reason: 'exited', exitCode: 7 } },
    })
    expect((await alice.post(call(2, 'echo'))).status).toBe(404)
    expect(await bob.callText(1, 'echo')).toBe('{}')
    expect(await (await Session.open(bridge, { context: as('alice') })).callText(1, 'echo')).toBe('{}')
  })
})

describe('isolation: pool', () => {
  test('everybody shares a process that is told of no capabilities, and asks are refused', async () => {
    const bridge = create({ isolation: 'pool' })
    const alice = await Session.open(bridge, { context: as('alice'), capabilities: { elicitation: {} } })
    const bob = await Session.open(bridge, { context: as('bob'), capabilities: { sampling: {} } })
    expect(await bob.callText(1, 'pid')).toBe(await alice.callText(1, 'pid'))
    expect(await alice.callText(2, 'elicit')).toContain('-32601')
    const text = await (await post(bridge, initialize('2025-11-25', { roots: {} }), { context: as('carol') })).json()
    expect(text.result._meta.got.capabilities).toEqual({})
  })

  test('log lines that could be of somebody else reach nobody, updates only those who subscribed', async () => {
    const bridge = create({ isolation: 'pool' })
    const alice = await Session.open(bridge, { context: as('alice') })
    const bob = await Session.open(bridge, { context: as('bob') })
    const [hers, his] = [await alice.request('GET'), await bob.request('GET')]
    await alice.answer(call(1, 'flood', { count: 3, bytes: 10 }))
    await alice.answer(subscribe('secret://alice'))
    expect(bridge.stats().dropped).toBe(3)
    let heard = ''
    for await (const { data } of events(hers)) {
      heard += data
      if (data.includes('secret://alice')) break
    }
    await bob.request('DELETE')
    const others = await his.text()
    expect(heard).toContain('secret://alice')
    expect(others).not.toContain('alice')
    expect(heard + others).not.toContain('fff')
  })

  test('one session leaving does not unsubscribe another', async () => {
    const bridge = create({ isolation: 'pool' })
    const one = await Session.open(bridge, { context: as('alice') })
    const two = await Session.open(bridge, { context: as('bob') })
    const uri = 'a://both'
    await one.answer(subscribe(uri))
    await two.answer(subscribe(uri))
    const before = bridge.stats().requests
    expect(await one.answer({ jsonrpc: '2.0', id: 'u', method: 'resources/unsubscribe', params: { uri } })).toEqual({
      jsonrpc: '2.0',
      id: 'u',
      result: {},
    })
    expect(bridge.stats().requests).toBe(before)
    await two.request('DELETE')
    expect(bridge.stats().requests).toBe(before + 1)
  })

  test('[S3] after a crash the waiting calls are told, the sessions go on with a new process, their subscriptions too', async () => {
    const bridge = create({ isolation: 'pool' })
    const alice = await Session.open(bridge, { context: as('alice') })
    const bob = await Session.open(bridge, { context: as('bob') })
    const uri = 'a://kept'
    await alice.answer(subscribe(uri))
    const waiting = alice.answer(call(1, 'hang'))
    expect(await bob.answer(call(2, 'crash'))).toMatchObject({ error: { data: { reason: 'exited' } } })
    expect(await waiting).toMatchObject({ id: 1, error: { data: { reason: 'exited' } } })
    const stream = events(await alice.request('GET'))
    await stream.next()
    expect(await bob.callText(3, 'echo')).toBe('{}')
    const messages = await readAll(await alice.post(call(3, 'echo')))
    expect(messages.at(-1)).toMatchObject({ id: 3, result: { content: [{ text: '{}' }] } })
    // What the server says while the call runs goes with the call, everything else to the GET stream
    let heard = JSON.stringify(messages)
    if (!heard.includes(uri)) {
      for await (const { data } of stream) {
        heard = data
        if (data.includes(uri)) break
      }
    }
    expect(heard).toContain(uri)
    await stream.return(undefined)
    expect(bridge.stats()).toMatchObject({ children: 1, spawned: 2, crashed: 1, sessions: 2 })
  })
})

describe('isolation: request', () => {
  test('each request has its own process, there are no sessions, and none stays', async () => {
    const bridge = create({ isolation: 'request' })
    const response = await post(bridge, initialize())
    expect(response.headers.has('mcp-session-id')).toBe(false)
    expect(await response.json()).toMatchObject({ id: 0, result: { protocolVersion: '2025-11-25' } })
    expect((await post(bridge, { jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202)
    const pids = await Promise.all(
      [1, 2].map(async () => textOf((await readAll(await post(bridge, call(1, 'pid'))))[0] as JsonRpcMessage)),
    )
    expect(new Set(pids).size).toBe(2)
    const stepped = await readAll(await post(bridge, call(1, 'progress', { steps: 2, ms: 1 }, { progressToken: 'p' })))
    expect(stepped).toHaveLength(3)
    expect((await bridge.fetch(new Request('http://127.0.0.1/mcp'))).status).toBe(405)
    await until(() => bridge.stats().children === 0, 'no process is left')
  })

  test('a client that goes away during the start takes the process with it', async () => {
    const bridge = create({ isolation: 'request', command: 'sh', args: ['-c', 'sleep 1000'] })
    const controller = new AbortController()
    const request = post(bridge, call(1, 'echo'), { signal: controller.signal })
    await until(() => bridge.stats().children === 1, 'it starts')
    controller.abort()
    expect((await request).status).toBe(502)
    await until(() => bridge.stats().children === 0, 'it is gone')
    expect(bridge.stats().spawned).toBe(1)
  })

  test('a client that goes away takes the process with it', async () => {
    const bridge = create({ isolation: 'request' })
    const controller = new AbortController()
    const response = post(bridge, call(1, 'hang'), { signal: controller.signal })
    await until(() => bridge.stats().inFlight === 1, 'the call is under way')
    controller.abort()
    await until(() => bridge.stats().children === 0, 'no process is left')
    await response
  })
})

describe('limits', () => {
  test.each<[string, Partial<StdioBridgeOptions>, string, string, number]>([
    ['sessions', { maxSessions: 1 }, 'alice', 'bob', 503],
    ['sessions of a user', { maxSessionsPerPrincipal: 1 }, 'alice', 'alice', 429],
    ['processes', { maxChildren: 1 }, 'alice', 'bob', 503],
    ['starts of a user', { maxStartsPerMinute: 1 }, 'alice', 'alice', 429],
    ['processes of a user', { maxChildrenPerPrincipal: 1 }, 'alice', 'alice', 429],
  ])(
    'on %s are answered with a status, Retry-After and a JSON-RPC error',
    async (_, options, first, second, status) => {
      const bridge = create(options)
      await Session.open(bridge, { context: as(first) })
      const refused = await post(bridge, initialize(), { context: as(second) })
      expect(refused.status).toBe(status)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await refused.json()).toMatchObject({ jsonrpc: '2.0', id: 0, error: { message: expect.any(String) } })
      if (first !== second) return
      expect((await post(bridge, initialize(), { context: as('bob') })).status).toBe(200)
    },
  )

  test('on requests in flight spare the others', async () => {
    const bridge = create({ maxRequestsInFlight: 2 })
    const session = await Session.open(bridge)
    const other = await Session.open(bridge)
    const waiting = [session.post(call(1, 'hang')), session.post(call(2, 'hang'))]
    const refused = await session.post(call(3, 'echo'))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await other.callText(1, 'echo')).toBe('{}')
    await session.request('DELETE')
    for (const response of await Promise.all(waiting)) {
      expect(await readAll(response)).toMatchObject([{ error: { data: { reason: 'closed' } } }])
    }
  })

  test('on what a child leaves unread in its stdin', async () => {
    const bridge = createStdioBridge({
      command: 'sh',
      args: [
        '-c',
        'read -r line; echo \'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}\'; sleep 30',
      ],
      maxQueuedBytes: 100_000,
      logger: quiet,
      stopGrace: [0.05, 0.1],
      drainTimeout: 0,
    })
    bridges.push(bridge)
    const session = await Session.open(bridge)
    const big = { text: 'x'.repeat(200_000) }
    const waiting = [1, 2, 3].map((id) => session.post(call(id, 'echo', big)))
    const refused = await session.post(call(9, 'echo'))
    expect(refused.status).toBe(503)
    await session.request('DELETE')
    await Promise.all(waiting)
  })

  test('five starts that fail open the breaker, which is told at once', async () => {
    const bridge = createStdioBridge({ command: 'sh', args: ['-c', 'exit 3'], logger: quiet })
    bridges.push(bridge)
    for (let n = 0; n < 5; n++) expect((await post(bridge, initialize())).status).toBe(502)
    const refused = await post(bridge, initialize())
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toMatch(/^[12]$/)
    // One more was asked whether the server is a modern one, which may die of an initialize
    expect(bridge.stats()).toMatchObject({ spawned: 6, failedStarts: 5 })
    await expect(bridge.check()).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  test('one client that makes its server crash opens no breaker for others', async () => {
    const bridge = create()
    for (let n = 0; n < 6; n++) await (await Session.open(bridge, { context: as('mallory') })).answer(call(1, 'crash'))
    expect(await (await Session.open(bridge, { context: as('alice') })).callText(1, 'echo')).toBe('{}')
    expect(bridge.stats()).toMatchObject({ crashed: 6, failedStarts: 0 })
  })
})

describe('prewarmed', () => {
  test('are started after the first request, used by the next session, and stopped in the end', async () => {
    const bridge = create({ prewarmed: 2, maxChildren: 3 })
    await Session.open(bridge)
    await until(() => bridge.stats().prewarmed === 2, 'two wait')
    const second = await Session.open(bridge)
    expect(bridge.stats()).toMatchObject({ spawned: 3, prewarmed: 1 })
    await second.request('DELETE')
    await bridge.close()
    expect(bridge.stats()).toMatchObject({ children: 0, prewarmed: 0 })
  })
})

describe('check', () => {
  test('resolves where the server answers, and leaves no process', async () => {
    const bridge = create()
    await bridge.check()
    await bridge.check()
    expect(bridge.stats().spawned).toBe(1)
    await until(() => bridge.stats().children === 0, 'it is gone')
  })

  test('rejects where the program is missing or does not answer', async () => {
    const missing = createStdioBridge({ command: 'no such program', logger: quiet })
    await expect(missing.check()).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    await missing.close()
    const mute = create({ handshakeTimeout: 0.2 }, 'mute')
    await expect(mute.check()).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })
})

describe('closing', () => {
  test('refuses what is new, lets answers come for a while, leaves no process, and can be done twice', async () => {
    const bridge = create({ drainTimeout: 1.5 })
    const session = await Session.open(bridge)
    const stream = await session.request('GET')
    const slow = session.callText(1, 'slow', { ms: 100 })
    const hanging = session.answer(call(1, 'hang'))
    await until(() => bridge.stats().inFlight === 2, 'both are under way')
    const closing = bridge.close()
    expect((await session.post(call(2, 'echo'))).status).toBe(503)
    expect(await slow).toBe('slept')
    expect(await hanging).toMatchObject({ error: { data: { reason: 'closed' } } })
    await stream.text()
    await Promise.all([closing, bridge.close()])
    expect(bridge.stats()).toMatchObject({ children: 0, sessions: 0, inFlight: 0 })
  })
})

test.each(['session', 'principal'] as const)(
  'isolation: %s holds sessions that open together to a limit',
  async (isolation) => {
    const bridge = create({ isolation, maxSessionsPerPrincipal: 1 })
    const answers = await Promise.all([1, 2, 3].map(() => post(bridge, initialize(), { context: as('alice') })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 429, 429])
    await until(() => bridge.stats().children === 1, 'the others have no process')
    expect(bridge.stats().sessions).toBe(1)
  },
)

describe('HTTP+SSE of 2024-11-05', () => {
  const get = (bridge: StdioBridge, context: Context = {}) =>
    bridge.handle(new Request('http://127.0.0.1/mcp', { headers: { Accept: 'text/event-stream' } }), context)
  const postTo = (bridge: StdioBridge, path: string, message: object, context: Context = {}) =>
    bridge.handle(
      new Request(new URL(path, 'http://127.0.0.1/mcp'), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(message),
      }),
      context,
    )

  test('is off unless it is wanted', async () => {
    expect((await get(create())).status).toBe(400)
  })

  test('names its address, and sends everything on one stream', async () => {
    const bridge = create({ httpSse: true })
    const stream = events(await get(bridge))
    const address = (await stream.next()).value?.data ?? ''
    expect(address).toMatch(/^\?sessionId=[\w-]{32}$/)
    expect((await postTo(bridge, address, initialize('2024-11-05', { elicitation: {} }))).status).toBe(202)
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({
      id: 0,
      result: { protocolVersion: '2024-11-05' },
    })
    await postTo(bridge, address, { jsonrpc: '2.0', method: 'notifications/initialized' })
    await postTo(bridge, address, call('e', 'elicit'))
    const asked = JSON.parse((await stream.next()).value?.data ?? '')
    await postTo(bridge, address, { jsonrpc: '2.0', id: asked.id, result: { action: 'accept' } })
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({
      id: 'e',
      result: { content: [{ text: '{"action":"accept"}' }] },
    })
    await stream.return(undefined)
    await until(() => bridge.stats().children === 0, 'the process is gone with the stream')
    expect((await postTo(bridge, address, call(1, 'echo'))).status).toBe(404)
  })

  test('[L9] is bound to its user', async () => {
    const bridge = create({ httpSse: true })
    const response = await get(bridge, as('alice'))
    const stream = events(response)
    const address = (await stream.next()).value?.data ?? ''
    expect((await postTo(bridge, address, initialize(), as('mallory'))).status).toBe(404)
    expect((await postTo(bridge, address, initialize(), as('alice'))).status).toBe(202)
    await stream.return(undefined)
  })

  test('answers pass the transforms of the request that they answer, once', async () => {
    const bridge = create({ httpSse: true })
    const seen: unknown[] = []
    const transform = (name: string) => (message: Message) => {
      seen.push(`${name} ${message.id}`)
      return message
    }
    const stream = events(await get(bridge, { transforms: [transform('GET')] }))
    const address = (await stream.next()).value?.data ?? ''
    await postTo(bridge, address, initialize('2024-11-05'), { transforms: [transform('POST')] })
    await stream.next()
    await postTo(bridge, address, call(1, 'echo'), { transforms: [() => undefined] })
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({ id: 1, error: { code: -31403 } })
    expect(seen).toEqual(['POST 0'])
    await stream.return(undefined)
  })

  test('those that are opened at the same time are held to the limits too', async () => {
    const bridge = create({ httpSse: true, maxSessionsPerPrincipal: 1, startConcurrency: 1, handshakeTimeout: 5 })
    const answers = await Promise.all([1, 2, 3].map(() => get(bridge, as('alice'))))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 429, 429])
    await until(() => bridge.stats().children === 1, 'the others have no process')
    for (const { status, body } of answers) if (status === 200) await body?.cancel()
  })

  test('a client that left before its process was there keeps none', async () => {
    const bridge = create({ httpSse: true })
    const controller = new AbortController()
    const request = new Request('http://127.0.0.1/mcp', {
      headers: { Accept: 'text/event-stream' },
      signal: controller.signal,
    })
    const opening = bridge.handle(request, {})
    controller.abort()
    await opening
    await until(() => bridge.stats().spawned === 1 && bridge.stats().children === 0, 'its process is gone')
  })

  test('ends at its age, however busy it is, and so does its process', async () => {
    const bridge = create({ httpSse: true, maxSessionAge: 0.5 })
    const stream = events(await get(bridge))
    const address = (await stream.next()).value?.data ?? ''
    // A slow machine may be late for either
    await postTo(bridge, address, initialize('2024-11-05'))
    await postTo(bridge, address, call(1, 'hang'))
    for await (const _event of stream);
    await until(() => bridge.stats().sessions === 0 && bridge.stats().children === 0, 'it is over')
  })

  test('a crash ends the stream', async () => {
    const bridge = create({ httpSse: true })
    const stream = events(await get(bridge))
    const address = (await stream.next()).value?.data ?? ''
    await postTo(bridge, address, initialize('2024-11-05'))
    await stream.next()
    await postTo(bridge, address, call(1, 'crash'))
    expect((await stream.next()).value?.data).toContain('"reason":"exited"')
    expect((await stream.next()).done).toBe(true)
  })
})
