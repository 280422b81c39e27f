import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonRpcMessage, Logger } from '@mcp-gateway/core'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '@mcp-gateway/stdio-bridge'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
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
} from '../../../../../test/fixtures/bridge-client.js'

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
let folder: string
let logs = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'translated-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(async () => {
  await endSessions()
  await Promise.all(bridges.splice(0).map((bridge) => bridge.close()))
})

const alice = { auth: tokenOf('alice') }
const bob = { auth: tokenOf('bob') }
const all = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } }

/** A bridge in front of a server that is modern alone, and what the server has noted. */
function setUp(options: Partial<StdioBridgeOptions> = {}, fate = '-32601') {
  const log = join(folder, `${++logs}.log`)
  const args = [fixture('modern-only-server.mjs'), fate, log]
  const bridge = createStdioBridge({ command: process.execPath, args, logger: quiet, ...options })
  bridges.push(bridge)
  const notes = () => {
    try {
      return readFileSync(log, 'utf8').trim().split('\n')
    } catch {
      return []
    }
  }
  const noted = (what: string) => until(() => notes().some((line) => line.includes(what)), `it noted ${what}`)
  return { bridge, notes, noted }
}

const pid = (session: Session) => session.callText('p', 'pid')

/** Reads a stream up to the first message that fits. */
async function next(stream: AsyncGenerator<{ id?: string; data: string }>, fits: (message: JsonRpcMessage) => boolean) {
  for (;;) {
    const { done, value } = await stream.next()
    if (done) throw new Error('The stream ended')
    const message: JsonRpcMessage | undefined = value.data === '' ? undefined : JSON.parse(value.data)
    if (message !== undefined && fits(message)) return { message, id: value.id }
  }
}

const isAsk = (message: JsonRpcMessage) => message.method !== undefined && message.id !== undefined
const isAnswer = (message: JsonRpcMessage) => message.method === undefined

describe('a server that is modern alone', () => {
  test.each(['-32601', '-32022', '-32000', '-32602', '7', 'silence', 'death'])(
    '[S2] is found out by its refusal of initialize: %s',
    async (fate) => {
      const { bridge, notes } = setUp(fate === 'silence' ? { handshakeTimeout: 1 } : {}, fate)
      const response = await post(bridge, initialize())
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({
        jsonrpc: '2.0',
        id: 0,
        result: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
          serverInfo: { name: 'modern-only', version: '1' },
          instructions: 'Ask me',
        },
      })
      expect(response.headers.get('mcp-session-id')).toMatch(/^[\w-]{32}$/)
      // From now on it is not asked any more
      const session = await Session.open(bridge)
      expect(await session.callText(1, 'echo')).toContain('"name":"echo"')
      expect(notes().filter((line) => line.endsWith('initialize'))).toHaveLength(1)
      expect(bridge.stats().spawned).toBe(2)
    },
  )

  test.each(['death', 'silence', '-32601'])('is well although it does not take an initialize: %s', async (fate) => {
    const { bridge } = setUp({ handshakeTimeout: 1 }, fate)
    await expect(bridge.check()).resolves.toBeUndefined()
  })

  test('is told from one that speaks neither era, whose own refusal is passed on', async () => {
    const { bridge } = setUp({}, 'neither')
    for (let n = 0; n < 2; n++) {
      const response = await post(bridge, initialize())
      expect(response.headers.get('mcp-session-id')).toBeNull()
      expect(await response.json()).toMatchObject({ error: { code: -32000, message: 'What is that?' } })
    }
    // Each has its own; that it is no modern one either was asked once
    expect(bridge.stats().spawned).toBe(3)
  })

  test('that does not say what it is in time gets no session', async () => {
    const { bridge } = setUp({ handshakeTimeout: 1 }, 'mute')
    const response = await post(bridge, initialize())
    expect(response.headers.get('mcp-session-id')).toBeNull()
    expect(await response.json()).toMatchObject({ error: { code: -32603, data: { reason: 'timeout' } } })
    await until(() => bridge.stats().sessions === 0, 'there is no session')
  })

  test.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])('speaks %s', async (protocolVersion) => {
    const { bridge } = setUp()
    const session = await Session.open(bridge, { protocolVersion })
    const answer = await session.answer({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    expect(answer.result).toEqual({ tools: expect.arrayContaining([expect.objectContaining({ name: 'echo' })]) })
  })

  test('answers errors with codes of this era', async () => {
    const { bridge } = setUp()
    const session = await Session.open(bridge)
    expect(await session.answer(call(1, 'needs'))).toMatchObject({
      id: 1,
      error: { code: -32602, data: { requiredCapabilities: { sampling: {} } } },
    })
    expect(await session.answer({ jsonrpc: '2.0', id: 2, method: 'x/y' })).toMatchObject({ error: { code: -32601 } })
  })

  test('passes numbers beyond 2^53, escapes and the order of keys', async () => {
    const { bridge } = setUp()
    const session = await Session.open(bridge)
    const json = '{"z":12345678901234567890,"a":"\\u00e9\\/","n":1.0}'
    const response = await session.post(call(1, 'raw', { json }))
    expect(await response.text()).toBe(`{"jsonrpc":"2.0","id":1,"result":{"content":[],"raw":${json}}}`)
    const sent =
      '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":\n{"arguments":{"b":98765432109876543210},\r\n"name":"echo"}}'
    expect(await (await session.post(sent)).json()).toMatchObject({ id: 2 })
  })

  test('[L10] gives each request its own answer, whatever ids clients choose', async () => {
    const { bridge } = setUp()
    const sessions = await Promise.all([alice, bob].map((context) => Session.open(bridge, { context })))
    const answers = await Promise.all(
      sessions.flatMap((session, user) =>
        Array.from({ length: 8 }, async (_, n) => {
          const answer = await session.callText(1, 'echo', { mark: `${user}-${n}` })
          return answer.includes(`"mark":"${user}-${n}"`)
        }),
      ),
    )
    expect(answers).toEqual(Array(16).fill(true))
  })
})

describe('isolation', () => {
  const four = (bridge: StdioBridge) =>
    Promise.all([alice, alice, bob, bob].map((context) => Session.open(bridge, { context })))
  const pids = async (bridge: StdioBridge) => new Set(await Promise.all((await four(bridge)).map(pid))).size

  test.each([
    ['unless told: everybody shares', undefined, 1],
    ['pool: everybody shares', 'pool', 1],
    ['principal: each user has its own process', 'principal', 2],
    ['session: each session has its own process', 'session', 4],
  ] as const)('%s', async (_title, isolation, processes) => {
    const { bridge } = setUp({ isolation, poolSize: 1 })
    await (await post(bridge, initialize())).text()
    expect(await pids(bridge)).toBe(processes)
  })

  test('session: a process ends with its session', async () => {
    const { bridge } = setUp({ isolation: 'session' })
    const one = await Session.open(bridge)
    const two = await Session.open(bridge)
    await one.request('DELETE')
    await two.request('DELETE')
    // The one that was asked what it is belongs to nobody
    await until(() => bridge.stats().children === 0, 'no process is left')
  })

  test('request: each request has its own process, and none stays', async () => {
    const { bridge } = setUp({ isolation: 'request' })
    const opened = await post(bridge, initialize())
    expect(opened.headers.get('mcp-session-id')).toBeNull()
    expect(await opened.json()).toMatchObject({ result: { serverInfo: { name: 'modern-only' } } })
    const headers = { 'Mcp-Protocol-Version': '2025-11-25' }
    const one = textOf(await (await post(bridge, call(1, 'pid'), { headers })).json())
    const two = textOf(await (await post(bridge, call(1, 'pid'), { headers })).json())
    expect(one).not.toBe(two)
    const asked = await (await post(bridge, call(2, 'ask', { what: ['roots'] }), { headers })).json()
    expect(asked).toMatchObject({ result: { isError: true } })
    await until(() => bridge.stats().children === 0, 'no process is left')
  })

  test("[L9] a session is its user's, and so is what it is asked", async () => {
    const { bridge } = setUp()
    const session = await Session.open(bridge, { context: alice, capabilities: all })
    const stream = events(await session.post(call(1, 'ask', { what: ['elicitation'] })))
    const { message } = await next(stream, isAsk)
    const forged = { jsonrpc: '2.0', id: message.id, result: { action: 'accept', content: { by: 'bob' } } }
    expect((await new Session(bridge, session.id, bob).post(forged)).status).toBe(404)
    const other = await Session.open(bridge, { context: bob, capabilities: all })
    expect((await other.post(forged)).status).toBe(202)
    await session.post({ ...forged, result: { action: 'decline' } })
    expect(textOf((await next(stream, isAnswer)).message)).toBe('{"q0":{"action":"decline"}}')
  })

  test("a task is its user's, and found again where it runs", async () => {
    const args = [fixture('modern-server.mjs')]
    const { bridge } = setUp({ args, isolation: 'pool' })
    const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
    const session = await Session.open(bridge, { context: alice, capabilities })
    const begun = await session.answer(call(1, 'slow_compute', { seconds: 0, label: 'x' }))
    expect(begun.result).toMatchObject({ resultType: 'task', taskId: expect.any(String), ttlMs: 60_000 })
    const { taskId } = begun.result as { taskId: string }
    const get = { jsonrpc: '2.0', id: 2, method: 'tasks/get', params: { taskId } }
    expect(await session.answer(get)).toMatchObject({ result: { taskId } })
    const other = await Session.open(bridge, { context: bob, capabilities })
    expect(await other.answer(get)).toMatchObject({ error: { code: -32602, message: 'There is no such task' } })
  })
})

describe('questions', () => {
  test.each(['elicitation', 'url', 'sampling', 'roots'])('[L5] %s is asked on the stream of its call', async (what) => {
    const { bridge } = setUp()
    const session = await Session.open(bridge, { capabilities: all })
    // A GET stream is open too
    const standalone = await session.request('GET')
    const response = await session.post(call(1, 'ask', { what: [what] }))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const stream = events(response)
    const { message } = await next(stream, isAsk)
    await session.post({ jsonrpc: '2.0', id: message.id, result: { mine: [what] } })
    expect(textOf((await next(stream, isAnswer)).message)).toBe(`{"q0":{"mine":["${what}"]}}`)
    await standalone.body?.cancel()
  })

  test('several at once, several times in a row, of two calls with the same id', async () => {
    const { bridge } = setUp()
    const session = await Session.open(bridge, { capabilities: all })
    const run = async (mark: string) => {
      const stream = events(
        await session.post(call(1, 'ask', { what: ['elicitation', 'sampling', 'roots'], rounds: 3 })),
      )
      for (let n = 0; n < 9; n++) {
        const { message } = await next(stream, isAsk)
        await session.post({ jsonrpc: '2.0', id: message.id, result: { mark } })
      }
      return textOf((await next(stream, isAnswer)).message)
    }
    const answer = (mark: string) => JSON.stringify({ q0: { mark }, q1: { mark }, q2: { mark } })
    expect(await Promise.all([run('a'), run('b')])).toEqual([answer('a'), answer('b')])
  })

  test('what the client did not declare is not asked', async () => {
    const { bridge } = setUp()
    const session = await Session.open(bridge)
    const answer = await session.answer(call(1, 'ask', { what: ['sampling'] }))
    expect(answer.result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('the client has not declared {"sampling":{}}') }],
    })
  })

  test('[L6] a client that lost the connection while it was asked comes back for the question and the answer', async () => {
    const { bridge } = setUp()
    const session = await Session.open(bridge, { capabilities: all })
    const response = await session.post(call(1, 'ask', { what: ['elicitation'] }))
    const reader = response.body?.getReader()
    const priming = new TextDecoder().decode((await reader?.read())?.value)
    await reader?.cancel()
    const lastEventId = /id: (\S+)/.exec(priming)?.[1] ?? ''
    const resumed = await session.request('GET', { 'Last-Event-ID': lastEventId })
    const stream = events(resumed)
    const { message } = await next(stream, isAsk)
    await session.post({ jsonrpc: '2.0', id: message.id, result: { back: true } })
    expect(textOf((await next(stream, isAnswer)).message)).toBe('{"q0":{"back":true}}')
  })

  test('pass the transforms of their call; one that is withheld fails it', async () => {
    const { bridge } = setUp()
    const seen: (string | undefined)[] = []
    const context = {
      ...alice,
      transforms: [
        (message: { method?: string }) => {
          seen.push(message.method)
          return message.method === 'sampling/createMessage' ? undefined : message
        },
      ],
    } as unknown as { auth: typeof alice.auth }
    const session = await Session.open(bridge, { context, capabilities: all })
    const answer = await session.answer(call(1, 'ask', { what: ['sampling'] }))
    expect(answer.result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('withheld by policy') }],
    })
    expect(seen).toContain('sampling/createMessage')
  })

  test('a call that is cancelled takes its question back', async () => {
    const { bridge } = setUp()
    const session = await Session.open(bridge, { capabilities: all })
    const stream = events(await session.post(call('c', 'ask', { what: ['elicitation'] })))
    const { message } = await next(stream, isAsk)
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } })
    const { message: withdrawn } = await next(stream, ({ method }) => method === 'notifications/cancelled')
    expect(withdrawn.params?.requestId).toBe(message.id)
    expect((await stream.next()).done).toBe(true)
    expect((await session.post({ jsonrpc: '2.0', id: message.id, result: {} })).status).toBe(202)
    expect(await session.callText(1, 'pid')).toMatch(/^\d+$/)
  })
})

describe('what ends early', () => {
  test('[S3] a cancelled call is cancelled at the child', async () => {
    const { bridge, noted } = setUp()
    const session = await Session.open(bridge)
    const hanging = session.post(call('h', 'hang'))
    await noted('call hang')
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'h' } })
    await noted('cancelled hang')
    expect(await readAll(await hanging)).toEqual([])
  })

  test('a call that takes too long fails, and the child is told', async () => {
    const { bridge, noted } = setUp({ requestTimeout: 0.3 })
    const session = await Session.open(bridge)
    expect(await session.answer(call(1, 'hang'))).toMatchObject({
      error: { code: -32603, data: { reason: 'timeout' } },
    })
    await noted('cancelled hang')
  })

  test('a session that ends cancels its calls, and tells them so', async () => {
    const { bridge, noted } = setUp()
    const session = await Session.open(bridge)
    const hanging = session.answer(call(1, 'hang'))
    await noted('call hang')
    await session.request('DELETE')
    expect(await hanging).toMatchObject({ error: { data: { reason: 'closed' } } })
    await noted('cancelled hang')
    await noted('unlisten')
    expect((await session.post(call(2, 'pid'))).status).toBe(404)
  })

  test.each(['pool', 'session'] as const)(
    '[S3] %s: a crash costs the calls under way, not the session',
    async (isolation) => {
      const { bridge, noted, notes } = setUp({ isolation })
      const session = await Session.open(bridge)
      await session.answer({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'a://1' } })
      const hanging = session.answer(call(2, 'hang'))
      await noted('call hang')
      const before = await pid(session)
      expect(await session.answer(call(3, 'crash'))).toMatchObject({
        error: { code: -32603, data: { reason: 'exited', exitCode: 3 } },
      })
      expect(await hanging).toMatchObject({ error: { data: { reason: 'exited' } } })
      const after = await pid(session)
      expect(after).not.toBe(before)
      // What it watched is watched at the new one
      await until(
        () => notes().some((line) => line.startsWith(`${after} listen`) && line.includes('a://1')),
        'it listens',
      )
      const told = await readAll(await session.post(call(4, 'change', { uri: 'a://1' })))
      expect(told.map(({ method }) => method)).toContain('notifications/resources/updated')
    },
  )
})

describe('changes', () => {
  test('[L5] reach every session once, those of a resource who watches it', async () => {
    const { bridge, notes } = setUp({ poolSize: 1 })
    const [one, two, other] = (await Promise.all(
      [alice, bob, alice].map((context) => Session.open(bridge, { context })),
    )) as [Session, Session, Session]
    const watch = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'a://1' } }
    expect(await one.answer(watch)).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
    await until(() => notes().filter((line) => / listen /.test(line)).length >= 4, 'all listen')
    await until(() => notes().some((line) => line.endsWith('unlisten')), 'it listens once')
    const streams = await Promise.all([one, two].map(async (session) => events(await session.request('GET'))))
    expect(await other.callText(2, 'pid')).toMatch(/^\d+$/)
    const told = await readAll(await other.post(call(2, 'change', { uri: 'a://1' })))
    expect(told.map(({ method, result }) => method ?? result)).toEqual([
      'notifications/tools/list_changed',
      { content: [{ type: 'text', text: 'told 3' }] },
    ])
    const heard = await Promise.all(
      streams.map(async (stream, n) => {
        const methods: (string | undefined)[] = []
        const last = n === 0 ? 'notifications/resources/updated' : 'notifications/tools/list_changed'
        await next(stream, ({ method }) => {
          methods.push(method)
          return method === last
        })
        return methods
      }),
    )
    expect(heard).toEqual([
      ['notifications/tools/list_changed', 'notifications/resources/updated'],
      ['notifications/tools/list_changed'],
    ])
    const unwatch = { ...watch, id: 3, method: 'resources/unsubscribe' }
    expect(await one.answer(unwatch)).toEqual({ jsonrpc: '2.0', id: 3, result: {} })
  })
})

describe('limits', () => {
  test('on sessions, on sessions of a user, on requests', async () => {
    const { bridge, noted } = setUp({ maxSessions: 3, maxSessionsPerPrincipal: 1, maxRequestsInFlight: 1 })
    const session = await Session.open(bridge, { context: alice })
    expect((await post(bridge, initialize(), { context: alice })).status).toBe(429)
    await Session.open(bridge, { context: bob })
    await Session.open(bridge)
    const refused = await post(bridge, initialize())
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    const hanging = session.post(call(1, 'hang'))
    await noted('call hang')
    expect((await session.post(call(2, 'pid'))).status).toBe(429)
    await session.request('DELETE')
    await (await hanging).text()
  })

  test('on processes, which the session that finds no room is told', async () => {
    const { bridge } = setUp({ isolation: 'session', maxChildren: 3 })
    await Session.open(bridge)
    await until(() => bridge.stats().children === 1, 'what was asked is gone')
    await Session.open(bridge)
    await Session.open(bridge)
    const refused = await post(bridge, initialize())
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({
      error: { message: 'Process limit of the bridge reached; try again later' },
    })
  })
})

describe('HTTP+SSE of 2024-11-05', () => {
  test('is served too, with its questions', async () => {
    const { bridge } = setUp({ httpSse: true })
    const ask = async (n: number) => {
      const controller = new AbortController()
      const opened = await bridge.handle(
        new Request('http://127.0.0.1/mcp', { headers: { Accept: 'text/event-stream' }, signal: controller.signal }),
        {},
      )
      const stream = events(opened)
      const { value } = await stream.next()
      const send = (message: object) =>
        bridge.handle(
          new Request(`http://127.0.0.1/mcp${value?.data}`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify(message),
          }),
          {},
        )
      expect((await send(initialize('2024-11-05', all))).status).toBe(202)
      const { message: initialized } = await next(stream, isAnswer)
      expect(initialized.result).toMatchObject({ protocolVersion: '2024-11-05', serverInfo: { name: 'modern-only' } })
      await send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      await send(call(1, 'ask', { what: ['roots'] }))
      const { message } = await next(stream, isAsk)
      await send({ jsonrpc: '2.0', id: message.id, result: { roots: [n] } })
      const { message: answer } = await next(stream, isAnswer)
      controller.abort()
      return textOf(answer)
    }
    expect(await ask(1)).toBe('{"q0":{"roots":[1]}}')
    const { spawned } = bridge.stats()
    expect(await ask(2)).toBe('{"q0":{"roots":[2]}}')
    expect(bridge.stats().spawned).toBe(spawned)
  })

  test('a server that speaks neither era ends the stream after its refusal', async () => {
    const { bridge } = setUp({ httpSse: true }, 'neither')
    const opened = await bridge.handle(
      new Request('http://127.0.0.1/mcp', { headers: { Accept: 'text/event-stream' } }),
      {},
    )
    const stream = events(opened)
    const { value } = await stream.next()
    await bridge.handle(
      new Request(`http://127.0.0.1/mcp${value?.data}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(initialize('2024-11-05')),
      }),
      {},
    )
    const { message } = await next(stream, isAnswer)
    expect(message.error?.message).toBe('What is that?')
    expect((await stream.next()).done).toBe(true)
  })
})
