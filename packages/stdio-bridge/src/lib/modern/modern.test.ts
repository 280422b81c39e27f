import type { Context, JsonRpcMessage } from '@mcp-gateway/core'
import { ToolHeaders } from '@mcp-gateway/core/eras'
import { afterAll, describe, expect, test } from 'vitest'
import { events, fixture, post, readAll, textOf, tokenOf, until } from '../../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../../index.js'
import { toolListsOf } from '../children/modern-children.js'
import type { Connection } from '../connection/connection.js'
import type { Caller } from '../connection/peer.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
function create(options: Partial<StdioBridgeOptions> = {}, ...args: string[]): StdioBridge {
  const child = args.length > 0 ? args : [fixture('modern-server.mjs')]
  const bridge = createStdioBridge({
    command: process.execPath,
    args: child,
    logger: quiet,
    stopGrace: [0.5, 0.5],
    drainTimeout: 0,
    ...options,
  })
  bridges.push(bridge)
  return bridge
}
const hostile = (options: Partial<StdioBridgeOptions> = {}) => create(options, fixture('hostile-server.mjs'), 'modern')
const shared = create()
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

const version = '2026-07-28'
const key = (name: string) => `io.modelcontextprotocol/${name}`

interface Sent {
  id?: string | number
  params?: Record<string, unknown>
  meta?: Record<string, unknown>
  capabilities?: object
  headers?: Record<string, string>
  context?: Context
  signal?: AbortSignal
}

function send(
  bridge: StdioBridge,
  method: string,
  { id = 1, params = {}, meta = {}, capabilities = {}, headers = {}, context, signal }: Sent = {},
) {
  const _meta = { [key('protocolVersion')]: version, [key('clientCapabilities')]: capabilities, ...meta }
  const name = params.name ?? params.uri
  const own = {
    'MCP-Protocol-Version': version,
    'Mcp-Method': method,
    ...(typeof name === 'string' ? { 'Mcp-Name': name } : {}),
  }
  return post(
    bridge,
    { jsonrpc: '2.0', id, method, params: { ...params, _meta } },
    { headers: { ...own, ...headers }, context, signal },
  )
}

const tool = (bridge: StdioBridge, name: string, args: object = {}, more: Sent = {}) =>
  send(bridge, 'tools/call', { ...more, params: { name, arguments: args } })

describe('a request', () => {
  test('[M13, M19] is answered with JSON when the answer comes first, the child’s own fields untouched', async () => {
    const response = await send(shared, 'tools/list', { id: 'a' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    const { id, result } = await response.json()
    expect(id).toBe('a')
    expect(result).toMatchObject({ resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' })
  })

  test('[M18] discover is the child’s own', async () => {
    const { result } = await (await send(shared, 'server/discover')).json()
    expect(result.supportedVersions).toEqual([version])
    expect(result._meta[key('serverInfo')].name).toBe('modern-fixture')
  })

  test('[M16] with progress is answered with a stream of notifications and then the answer', async () => {
    const response = await tool(shared, 'test_tool_with_progress', {}, { meta: { progressToken: 'mine' } })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    const all: JsonRpcMessage[] = []
    for await (const event of events(response)) {
      expect(event.id).toBeUndefined()
      all.push(JSON.parse(event.data))
    }
    expect(all.map(({ params }) => params?.progressToken)).toEqual(['mine', 'mine', 'mine', undefined])
    expect(all.at(-1)?.id).toBe(1)
  })

  test.each([
    ['[M14] an unknown method', 'no/such', {}, 404, -32601],
    ['[M14] a removed method', 'ping', {}, 404, -32601],
    [
      '[M15] a capability that is missing',
      'tools/call',
      { params: { name: 'test_missing_capability', arguments: {} } },
      400,
      -32021,
    ],
    ['a resource that does not exist', 'resources/read', { params: { uri: 'no://such' } }, 200, -32602],
  ])('%s has its status', async (_, method, sent, status, code) => {
    const response = await send(shared, method, { id: 77, ...sent })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', id: 77, error: { code } })
  })

  test('[M24] initialize with a modern header is no method here', async () => {
    expect((await send(shared, 'initialize')).status).toBe(404)
  })

  test.each([
    ['[M6] another version in the body', 'tools/list', { headers: { 'MCP-Protocol-Version': '2025-11-25' } }, -32020],
    ['[M8] another method in the header', 'tools/list', { headers: { 'Mcp-Method': 'tools/call' } }, -32020],
    [
      '[M8] another name in the header',
      'tools/call',
      { params: { name: 'test_simple_text' }, headers: { 'Mcp-Name': 'other' } },
      -32020,
    ],
    [
      '[M9] malformed base64 in a header',
      'tools/call',
      { params: { name: 'test_simple_text' }, headers: { 'Mcp-Name': '=?base64?!!?=' } },
      -32020,
    ],
    ['[M11] no capabilities', 'tools/list', { meta: { [key('clientCapabilities')]: undefined } }, -32602],
    [
      '[M7] a version that nobody knows',
      'tools/list',
      { meta: { [key('protocolVersion')]: '2099-01-01' }, headers: { 'MCP-Protocol-Version': '2099-01-01' } },
      -32022,
    ],
  ])('%s is refused before the child', async (_, method, sent, code) => {
    const response = await send(shared, method, sent)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ id: 1, error: { code } })
  })

  test('[M9] a name in base64 is decoded before it is compared', async () => {
    const encoded = `=?base64?${Buffer.from('test_simple_text').toString('base64')}?=`
    expect((await tool(shared, 'test_simple_text', {}, { headers: { 'Mcp-Name': encoded } })).status).toBe(200)
  })

  test('[M4] a response and an array are refused', async () => {
    const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'x' }
    expect((await post(shared, { jsonrpc: '2.0', id: 1, result: {} }, { headers })).status).toBe(400)
    expect((await post(shared, [{ jsonrpc: '2.0', id: 1, method: 'x' }], { headers })).status).toBe(400)
  })

  test('[M13] a notification is accepted with 202 and no body', async () => {
    const headers = { 'MCP-Protocol-Version': version }
    const response = await post(shared, { jsonrpc: '2.0', method: 'notifications/x' }, { headers })
    expect(response.status).toBe(202)
    expect(await response.text()).toBe('')
  })

  test('[M5] an Accept without streams is 406', async () => {
    expect((await send(shared, 'tools/list', { headers: { Accept: 'application/json' } })).status).toBe(406)
  })

  test.each(['GET', 'DELETE'])('[M1] %s is 405, whatever session it names', async (method) => {
    const headers = {
      'MCP-Protocol-Version': version,
      'Mcp-Session-Id': 'x',
      'Last-Event-ID': '1-1',
      Accept: 'text/event-stream',
    }
    const response = await shared.fetch(new Request('http://127.0.0.1/mcp', { method, headers }))
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })

  test('[M1] a session id is neither needed nor minted nor echoed', async () => {
    const response = await send(shared, 'tools/list', { headers: { 'Mcp-Session-Id': 'mine' } })
    expect(response.status).toBe(200)
    expect(response.headers.has('mcp-session-id')).toBe(false)
  })

  test('[M20] input that a server requires, and its state, make the round unchanged', async () => {
    const name = 'test_input_required_result_request_state'
    const capabilities = { elicitation: { form: {} } }
    const first = await (await tool(shared, name, {}, { capabilities })).json()
    expect(first.result.resultType).toBe('input_required')
    const params = {
      name,
      arguments: {},
      inputResponses: { confirm: { action: 'accept', content: { ok: true } } },
      requestState: first.result.requestState,
    }
    const second = await (await send(shared, 'tools/call', { params, capabilities })).json()
    expect(textOf(second)).toBe('state-ok')
    const tampered = await send(shared, 'tools/call', {
      params: { ...params, requestState: `x${first.result.requestState}` },
      capabilities,
    })
    expect(await tampered.json()).toMatchObject({ error: { code: -32602 } })
  })

  test('[M23] lists come as the child orders them, every time', async () => {
    const lists = await Promise.all([1, 2].map(async () => (await send(shared, 'tools/list')).text()))
    expect(lists[0]).toBe(lists[1])
  })
})

describe('many users behind one process', () => {
  test('[L10] the same id and token at once', async () => {
    const bridge = hostile()
    const runs = Array.from({ length: 12 }, async (_, n) => {
      const context = { auth: tokenOf(`user${n % 2}`) }
      const [echo, steps] = await Promise.all([
        tool(bridge, 'echo', { n }, { context }).then(readAll),
        tool(bridge, 'progress', { steps: 1 + (n % 3), ms: 2 }, { context, meta: { progressToken: 1 } }).then(readAll),
      ])
      expect(echo.map(textOf)).toEqual([JSON.stringify({ n })])
      expect(steps).toHaveLength(2 + (n % 3))
    })
    await Promise.all(runs)
    expect(bridge.stats().children).toBeLessThanOrEqual(4)
  })

  test('[M22] log lines go to the one who asked for them, and to nobody while several users are at work', async () => {
    const alone = await readAll(await tool(shared, 'test_logging_tool', {}, { meta: { [key('logLevel')]: 'debug' } }))
    expect(alone.map(({ method }) => method)).toEqual(['notifications/message', undefined])
    const unasked = await readAll(await tool(shared, 'test_logging_tool'))
    expect(unasked).toHaveLength(1)
    const bridge = hostile({ poolSize: 1 })
    const bob = tool(bridge, 'slow', { ms: 150 }, { context: { auth: tokenOf('bob') } })
    await until(() => bridge.stats().inFlight === 1, 'bob waits')
    const meta = { [key('logLevel')]: 'debug' }
    const alice = await readAll(
      await tool(bridge, 'flood', { count: 2, bytes: 9 }, { context: { auth: tokenOf('alice') }, meta }),
    )
    expect(alice).toHaveLength(1)
    expect(await readAll(await bob)).toHaveLength(1)
  })

  test('isolation: principal gives each user a process', async () => {
    const bridge = hostile({ isolation: 'principal' })
    const pid = async (who: string) =>
      textOf((await readAll(await tool(bridge, 'pid', {}, { context: { auth: tokenOf(who) } })))[0] as JsonRpcMessage)
    const [a, b, again] = [await pid('alice'), await pid('bob'), await pid('alice')]
    expect(b).not.toBe(a)
    expect(again).toBe(a)
  })

  test('isolation: request gives each request a process, and none stays', async () => {
    const bridge = hostile({ isolation: 'request' })
    const pids = await Promise.all(
      [1, 2].map(async () => textOf((await readAll(await tool(bridge, 'pid')))[0] as JsonRpcMessage)),
    )
    expect(new Set(pids).size).toBe(2)
    await until(() => bridge.stats().children === 0, 'no process is left')
  })

  test('a pool grows while all of it is crowded, and no further than its size', async () => {
    const bridge = hostile({ poolSize: 2 })
    await tool(bridge, 'echo')
    const waiting = Array.from({ length: 40 }, (_, n) => tool(bridge, 'slow', { ms: 400 }, { id: n }))
    await until(() => bridge.stats().children === 2, 'a second one is there')
    for (const response of await Promise.all(waiting)) expect(response.status).toBe(200)
    expect(bridge.stats().spawned).toBe(2)
  })
})

describe('cancelling', () => {
  test('[M17, S3] closing the request before the answer cancels it at the child', async () => {
    const controller = new AbortController()
    const response = tool(shared, 'test_tool_with_progress', {}, { signal: controller.signal })
    await until(() => shared.stats().inFlight > 0, 'it is under way')
    controller.abort()
    await until(() => shared.stats().inFlight === 0, 'it is over')
    await response
  })

  test('[M17] closing the stream cancels it at the child, which hears its own number', async () => {
    const bridge = hostile()
    const response = await tool(bridge, 'progress', { steps: 1000, ms: 2 }, { meta: { progressToken: 1 } })
    const listening = tool(bridge, 'slow', { ms: 300 }, { meta: { [key('logLevel')]: 'debug' } })
    await response.body?.cancel()
    const [told] = await readAll(await listening)
    expect(told).toMatchObject({
      params: { data: { method: 'notifications/cancelled', params: { requestId: expect.any(Number) } } },
    })
    await until(() => bridge.stats().inFlight === 0, 'it is over')
  })

  test('[M17, L10] nobody cancels what another one asked, by guessing its number', async () => {
    const bridge = hostile({ poolSize: 1 })
    await tool(bridge, 'echo')
    const meta = { [key('logLevel')]: 'debug' }
    const waiting = tool(bridge, 'slow', { ms: 150 }, { context: { auth: tokenOf('alice') }, meta })
    await until(() => bridge.stats().inFlight === 1, 'alice waits')
    const context = { auth: tokenOf('mallory') }
    for (let requestId = 0; requestId < 6; requestId++) {
      const told = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }
      const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'notifications/cancelled' }
      expect((await post(bridge, told, { headers, context })).status).toBe(202)
    }
    // The fixture tells what it was told to cancel
    expect(await readAll(await waiting)).toHaveLength(1)
  })

  test('requests that wait for the first process count towards the limit of one user', async () => {
    const bridge = hostile({ maxRequestsInFlight: 2 })
    const of = (who: string) => tool(bridge, 'echo', {}, { context: { auth: tokenOf(who) } })
    const answers = await Promise.all(['alice', 'alice', 'alice', 'alice', 'bob'].map(of))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 429, 200])
    await until(() => bridge.stats().inFlight === 0, 'all are over')
    expect((await of('alice')).status).toBe(200)
  })

  test('a list of tools that is none does not end the calls', async () => {
    const request = (_: unknown, { waiter }: Caller) => {
      queueMicrotask(() => waiter.answer(Buffer.from('{"id":0,"result":{"tools":[null,3,{"name":1}]}}')))
      return {}
    }
    const connection = { request, isOver: false, child: { hasAnswered: true } } as unknown as Connection
    expect(await new ToolHeaders(toolListsOf(connection, false)).of('echo')).toEqual([])
  })

  test('a request without an answer fails after its time', async () => {
    const bridge = hostile({ requestTimeout: 0.1 })
    expect(await (await tool(bridge, 'hang')).json()).toMatchObject({
      id: 1,
      error: { code: -32603, data: { reason: 'timeout' } },
    })
  })
})

describe('subscriptions/listen', () => {
  const listen = (id: string | number, notifications: object, signal?: AbortSignal) =>
    send(shared, 'subscriptions/listen', { id, params: { notifications }, signal })

  test('[M21] many listeners with the same id on one child, each with its own filter and its own subscription id', async () => {
    const streams = await Promise.all([
      listen(1, { toolsListChanged: true }),
      listen(1, { promptsListChanged: true }),
      listen('x', { toolsListChanged: true, promptsListChanged: true }),
    ])
    const readers = streams.map(events)
    for (const [index, reader] of readers.entries()) {
      const first = JSON.parse((await reader.next()).value?.data ?? '')
      expect(first.method).toBe('notifications/subscriptions/acknowledged')
      expect(first.params._meta[key('subscriptionId')]).toBe(index === 2 ? 'x' : 1)
    }
    await tool(shared, 'test_trigger_tool_change')
    await tool(shared, 'test_trigger_prompt_change')
    const next = async (index: number) => JSON.parse((await readers[index]?.next())?.value?.data ?? '')
    expect((await next(0)).method).toBe('notifications/tools/list_changed')
    expect((await next(1)).method).toBe('notifications/prompts/list_changed')
    const [third, fourth] = [await next(2), await next(2)]
    expect([third.method, fourth.method]).toEqual([
      'notifications/tools/list_changed',
      'notifications/prompts/list_changed',
    ])
    expect(third.params._meta[key('subscriptionId')]).toBe('x')
    for (const reader of readers) await reader.return(undefined)
    await until(() => shared.stats().inFlight === 0, 'nobody listens')
  })

  test('[M21] ends with a result when the bridge closes', async () => {
    const bridge = create()
    const response = await send(bridge, 'subscriptions/listen', {
      id: 'l',
      params: { notifications: { toolsListChanged: true } },
    })
    const reader = events(response)
    await reader.next()
    const closing = bridge.close()
    const last = JSON.parse((await reader.next()).value?.data ?? '')
    expect(last).toEqual({
      jsonrpc: '2.0',
      id: 'l',
      result: { resultType: 'complete', _meta: { [key('subscriptionId')]: 'l' } },
    })
    await closing
  })

  test('[S3] is opened again, without a second acknowledgement, when its child crashes', async () => {
    const pids: unknown[] = []
    const bridge = create({ logger: { ...quiet, info: ({ pid }) => void (pid !== undefined && pids.push(pid)) } })
    const reader = events(
      await send(bridge, 'subscriptions/listen', { id: 1, params: { notifications: { toolsListChanged: true } } }),
    )
    await reader.next()
    expect(pids).toHaveLength(1)
    process.kill(Number(pids[0]), 'SIGKILL')
    await until(() => bridge.stats().spawned === 2, 'a new child is there')
    await until(() => bridge.stats().requests >= 4, 'it has been asked to tell')
    await tool(bridge, 'test_trigger_tool_change')
    expect(JSON.parse((await reader.next()).value?.data ?? '').method).toBe('notifications/tools/list_changed')
    await reader.return(undefined)
  })
})

describe('Mcp-Param headers', () => {
  const region = (headers: Record<string, string>, args: object = { region: 'eu' }) =>
    tool(shared, 'test_x_mcp_header', args, { headers })

  test.each([
    ['the value', { 'Mcp-Param-Region': 'eu' }, {}, 200],
    ['the value in base64', { 'Mcp-Param-Region': '=?base64?ZXU=?=' }, {}, 200],
    ['white space around it', { 'Mcp-Param-Region': '  eu ' }, {}, 200],
    ['a header that nobody knows', { 'Mcp-Param-Region': 'eu', 'Mcp-Param-Other': 'x' }, {}, 200],
    ['no header', {}, {}, 400],
    ['another value', { 'Mcp-Param-Region': 'us' }, {}, 400],
    ['another case', { 'Mcp-Param-Region': 'EU' }, {}, 400],
    ['bad base64', { 'Mcp-Param-Region': '=?base64?ZXU?=' }, {}, 400],
    ['a header without the argument', { 'Mcp-Param-Region': 'eu' }, { args: {} }, 200],
  ])('[M10] with %s', async (_, headers, { args }: { args?: object }, status) => {
    const response = await region(headers as Record<string, string>, args)
    expect(response.status).toBe(status)
    if (status === 400) expect(await response.json()).toMatchObject({ id: 1, error: { code: -32020 } })
  })

  test('[M10] the list of tools is asked for once, not at every call', async () => {
    const bridge = create()
    for (let n = 0; n < 5; n++) await tool(bridge, 'test_simple_text')
    // discover, tools/list, the bridge's own listener, five calls
    expect(bridge.stats().requests).toBe(8)
    await tool(bridge, 'test_trigger_tool_change')
    await tool(bridge, 'test_simple_text')
    await until(() => bridge.stats().requests === 11, 'the list was read again')
  })
})

describe('tasks', () => {
  const capabilities = { extensions: { [key('tasks')]: {} } }
  const announce = async (bridge: StdioBridge, context: Context) => {
    const response = await tool(bridge, 'slow_compute', { seconds: 0.2 }, { capabilities, context })
    return (await response.json()).result as { resultType: string; taskId: string }
  }
  const get = async (bridge: StdioBridge, taskId: string, context: Context) => {
    const sent = { params: { taskId }, capabilities, context, headers: { 'Mcp-Name': taskId } }
    return (await send(bridge, 'tasks/get', sent)).json()
  }
  const alice = { auth: tokenOf('alice') }

  test('are asked for at the child of a pool that runs them', async () => {
    const bridge = create({ poolSize: 2 })
    await send(bridge, 'tools/list', { context: alice })
    const crowd = Array.from({ length: 34 }, (_, n) =>
      tool(bridge, 'slow_compute', { seconds: 1 }, { id: n, context: alice }),
    )
    await until(() => bridge.stats().children === 2, 'there are two')
    const tasks = await Promise.all(Array.from({ length: 6 }, () => announce(bridge, alice)))
    for (const { taskId } of tasks) expect((await get(bridge, taskId, alice)).result).toMatchObject({ taskId })
    for (const response of await Promise.all(crowd)) expect(response.status).toBe(200)
  })

  test('are for their own user only', async () => {
    const { resultType, taskId } = await announce(shared, alice)
    expect(resultType).toBe('task')
    expect(await get(shared, taskId, { auth: tokenOf('mallory') })).toMatchObject({ id: 1, error: { code: -32602 } })
    expect((await get(shared, taskId, alice)).result.status).toBe('working')
  })
})

describe('what several users share', () => {
  const alice: Context = { auth: tokenOf('alice') }
  const bob: Context = { auth: tokenOf('bob') }

  test('tasks that the bridge does not know are nobody’s, and there is no list of them', async () => {
    const sent = (taskId: string) => ({ params: { taskId }, headers: { 'Mcp-Name': taskId }, context: bob })
    const refused = await send(shared, 'tasks/get', sent('guessed'))
    expect((await refused.json()).error).toEqual({ code: -32602, message: 'There is no such task' })
    const list = await send(shared, 'tasks/list', { context: bob })
    expect([list.status, (await list.json()).error.code]).toEqual([404, -32601])
    const before = shared.stats().inFlight
    expect(before).toBe(0)
  })

  test('an answer without an id goes to nobody once two users have been served', async () => {
    const bridge = hostile({ poolSize: 1, requestTimeout: 0.3 })
    const alone = await tool(bridge, 'no-id', {}, { id: 'a', context: alice })
    expect(await alone.json()).toMatchObject({ id: 'a', error: { code: -32600 } })
    const refused = await tool(bridge, 'no-id', {}, { id: 'b', context: bob })
    expect(await refused.json()).toMatchObject({ id: 'b', error: { data: { reason: 'timeout' } } })
    expect(bridge.stats().unmatchedResponses).toBe(1)
  })

  test('[M22] log lines of a cancelled call do not reach the next user', async () => {
    const bridge = hostile({ poolSize: 1 })
    const meta = { [key('logLevel')]: 'debug' }
    const [ofAlice, ofBob] = [new AbortController(), new AbortController()]
    const calls = [
      tool(bridge, 'hang', {}, { context: alice, meta, signal: ofAlice.signal }),
      tool(bridge, 'hang', {}, { context: bob, meta, signal: ofBob.signal }),
    ]
    // The bridge itself has asked for the era and the tools
    await until(() => bridge.stats().requests === 4, 'both are at the child')
    ofAlice.abort()
    await until(() => bridge.stats().dropped === 1, 'what the child says to that is dropped')
    ofBob.abort()
    expect((await readAll(await (calls[1] as Promise<Response>))).length).toBe(0)
    await calls[0]
  })

  test('ids beyond 2^53 are not rounded in errors of the bridge', async () => {
    const id = '9007199254740993'
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/list","params":{"_meta":{"${key('protocolVersion')}":"${version}","${key('clientCapabilities')}":{}}}}`
    const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'tools/list', Accept: 'application/json' }
    const response = await post(shared, body, { headers })
    expect([response.status, (await response.text()).includes(`"id":${id},`)]).toEqual([406, true])
  })
})

describe('a server of the other era', () => {
  test('[S2] a legacy server is found out by any error, once, and serves in the process that did not know the method', async () => {
    const bridge = create({}, fixture('hostile-server.mjs'))
    for (let n = 0; n < 3; n++) expect((await tool(bridge, 'echo')).status).toBe(200)
    expect(bridge.stats().spawned).toBe(1)
  })

  test('[S2] a legacy server that answers another error is initialized in another process', async () => {
    const script =
      'process.stdin.on("data", (d) => { for (const line of String(d).trim().split("\\n")) { const { id, method } = JSON.parse(line); if (id === undefined) continue; const answer = method === "server/discover" ? { error: { code: -32602, message: "not yet" } } : { result: method === "initialize" ? { protocolVersion: "2025-11-25", capabilities: {} } : { tools: [] } }; console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer })) } })'
    const bridge = create({}, '-e', script)
    for (let n = 0; n < 3; n++) expect((await send(bridge, 'tools/list')).status).toBe(200)
    expect(bridge.stats().spawned).toBe(2)
  })

  test('[S2] a server that dies of the question is a legacy one, which opens no breaker and is asked once', async () => {
    const script =
      'process.stdin.on("data", (d) => { for (const line of String(d).trim().split("\\n")) { const { id, method } = JSON.parse(line); if (method === "server/discover") process.exit(1); const result = method === "initialize" ? { protocolVersion: "2025-11-25", capabilities: {} } : { tools: [] }; if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result })) } })'
    const bridge = create({}, '-e', script)
    for (let n = 0; n < 7; n++) expect((await send(bridge, 'tools/list')).status).toBe(200)
    expect(bridge.stats().spawned).toBe(2)
  })

  test('[M7] a revision that nobody speaks is refused with those that are served', async () => {
    const bridge = create({}, fixture('hostile-server.mjs'))
    const meta = { [key('protocolVersion')]: '2099-01-01' }
    const response = await send(bridge, 'tools/list', { meta, headers: { 'MCP-Protocol-Version': '2099-01-01' } })
    expect(response.status).toBe(400)
    const data = { supported: [version], requested: '2099-01-01' }
    expect(await response.json()).toMatchObject({ error: { code: -32022, data } })
  })
})

describe('a crash', () => {
  test('ends the waiting calls with an error, and the next call is served', async () => {
    const bridge = hostile()
    const context = { auth: tokenOf('bob') }
    const waiting = tool(bridge, 'hang', {}, { id: 'w', context })
    await until(() => bridge.stats().inFlight === 1, 'it waits')
    expect(await (await tool(bridge, 'crash')).json()).toMatchObject({
      id: 1,
      error: { code: -32603, data: { reason: 'exited', exitCode: 7 } },
    })
    expect(await (await waiting).json()).toMatchObject({ id: 'w', error: { data: { reason: 'exited' } } })
    expect((await tool(bridge, 'echo')).status).toBe(200)
  })

  test('that comes again and again makes the pauses longer, told with Retry-After', async () => {
    const bridge = hostile()
    let refused: Response | undefined
    for (let n = 0; n < 6 && refused === undefined; n++) {
      const response = await tool(bridge, 'crash')
      if (response.status === 503) refused = response
    }
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})
