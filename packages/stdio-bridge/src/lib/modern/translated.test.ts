import type { Context, JsonRpcMessage } from '@mcp-gateway/core'
import { afterAll, describe, expect, test } from 'vitest'
import {
  events,
  fixture,
  isAlive,
  post,
  readAll,
  textOf,
  tokenOf,
  until,
} from '../../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
function create(options: Partial<StdioBridgeOptions> = {}, ...args: string[]): StdioBridge {
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
const legacy = (options: Partial<StdioBridgeOptions> = {}) => create(options, fixture('legacy-server.mjs'))
const hostile = (options: Partial<StdioBridgeOptions> = {}) => create(options, fixture('hostile-server.mjs'))
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

const version = '2026-07-28'
const key = (name: string) => `io.modelcontextprotocol/${name}`
const alice: Context = { auth: tokenOf('alice') }
const bob: Context = { auth: tokenOf('bob') }
const asking = { elicitation: {} }

interface Sent {
  id?: string | number
  params?: Record<string, unknown>
  meta?: object
  capabilities?: object
  headers?: Record<string, string>
  context?: Context
  signal?: AbortSignal
}

function send(bridge: StdioBridge, method: string, sent: Sent = {}): Promise<Response> {
  const { id = 1, params = {}, meta = {}, capabilities = {}, headers = {}, context, signal } = sent
  const _meta = { [key('protocolVersion')]: version, [key('clientCapabilities')]: capabilities, ...meta }
  const name = params.name ?? params.uri ?? params.taskId
  const mirror: Record<string, string> = typeof name === 'string' ? { 'Mcp-Name': name } : {}
  return post(
    bridge,
    { jsonrpc: '2.0', id, method, params: { ...params, _meta } },
    { headers: { 'MCP-Protocol-Version': version, 'Mcp-Method': method, ...mirror, ...headers }, context, signal },
  )
}

const tool = (bridge: StdioBridge, name: string, args: object = {}, more: Sent = {}) =>
  send(bridge, 'tools/call', { ...more, params: { name, arguments: args, ...more.params } })
const pidOf = async (bridge: StdioBridge, more: Sent = {}) => textOf(await (await tool(bridge, 'pid', {}, more)).json())

interface Round {
  resultType: string
  requestState: string
  inputRequests: Record<string, { params: { message: string } }>
}
const roundOf = async (response: Response) => (await response.json()).result as Round

/** Answers what a call asks, with the same answer to each question. */
function retry(bridge: StdioBridge, name: string, { requestState, inputRequests }: Round, more: Sent = {}, args = {}) {
  const answer = { action: 'accept', content: { name: 'Ann', color: 'red' } }
  const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((one) => [one, answer]))
  return tool(bridge, name, args, { capabilities: asking, id: 2, ...more, params: { requestState, inputResponses } })
}

describe('a modern client in front of a legacy server', () => {
  const shared = legacy()

  test('[M13, M14, M15, M18] gets the statuses of its era', async () => {
    const found = await send(shared, 'server/discover')
    expect([found.status, (await found.json()).result.supportedVersions]).toEqual([200, [version]])
    const unknown = await send(shared, 'no/such')
    expect([unknown.status, (await unknown.json()).error.code]).toEqual([404, -32601])
    const lacking = await tool(shared, 'test_missing_capability')
    expect(lacking.status).toBe(400)
    const { code, data } = (await lacking.json()).error
    expect([code, data]).toEqual([-32021, { requiredCapabilities: { sampling: {} } }])
    const resource = await send(shared, 'resources/read', { params: { uri: 'test://nowhere' } })
    expect([resource.status, (await resource.json()).error.code]).toEqual([200, -32602])
    const notification = { jsonrpc: '2.0', method: 'notifications/anything', params: {} }
    const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'notifications/anything' }
    expect((await post(shared, notification, { headers })).status).toBe(202)
  })

  test('[M10] has its headers compared with what the schema of the tool says', async () => {
    const region = (headers: Record<string, string>) => tool(shared, 'test_x_mcp_header', { region: 'eu' }, { headers })
    expect((await region({ 'Mcp-Param-Region': 'eu' })).status).toBe(200)
    for (const wrong of [{}, { 'Mcp-Param-Region': 'us' }] as Record<string, string>[]) {
      const refused = await region(wrong)
      expect([refused.status, (await refused.json()).error.code]).toEqual([400, -32020])
    }
  })

  test('[M20] answers its questions in rounds, in a tool and in a prompt', async () => {
    const name = 'test_input_required_result_multi_round'
    const first = await roundOf(await tool(shared, name, {}, { capabilities: asking }))
    expect(first.resultType).toBe('input_required')
    const second = await roundOf(await retry(shared, name, first))
    expect(Object.values(second.inputRequests)[0]?.params.message).toContain('Step 2')
    expect(textOf(await (await retry(shared, name, second)).json())).toBe('Ann likes red')
    const prompt = { name: 'test_input_required_result_prompt' }
    const asked = await roundOf(await send(shared, 'prompts/get', { params: prompt, capabilities: asking }))
    const [question = ''] = Object.keys(asked.inputRequests)
    const inputResponses = { [question]: { action: 'accept', content: { context: 'tea' } } }
    const params = { ...prompt, requestState: asked.requestState, inputResponses }
    const { result } = await (await send(shared, 'prompts/get', { params, capabilities: asking })).json()
    expect(result.messages[0].content.text).toContain('tea')
  })

  test('[M16, M22] gets progress and, where it asks for them, log messages in the stream of its request', async () => {
    const progress = await readAll(await tool(shared, 'test_tool_with_progress', {}, { meta: { progressToken: 'p' } }))
    expect(progress.map(({ params }) => params?.progressToken)).toEqual(['p', 'p', 'p', undefined])
    const meta = { [key('logLevel')]: 'info' }
    const logs = await readAll(await tool(shared, 'test_tool_with_logging', {}, { meta }))
    expect(logs.length).toBeGreaterThan(1)
    expect((await readAll(await tool(shared, 'test_tool_with_logging'))).length).toBe(1)
  })

  test('[M21] hears of changes until it leaves, and the end when the bridge closes', async () => {
    const bridge = legacy()
    const notifications = { toolsListChanged: true }
    const response = await send(bridge, 'subscriptions/listen', { id: 'l', params: { notifications } })
    const stream = events(response)
    const next = async (): Promise<JsonRpcMessage> => JSON.parse((await stream.next()).value?.data ?? '{}')
    expect(await next()).toMatchObject({ params: { notifications } })
    await tool(bridge, 'test_trigger_tool_change')
    const tag = { [key('subscriptionId')]: 'l' }
    expect(await next()).toMatchObject({ method: 'notifications/tools/list_changed', params: { _meta: tag } })
    await bridge.close()
    expect(await next()).toMatchObject({ id: 'l', result: { resultType: 'complete', _meta: tag } })
  })

  test('numbers beyond 2^53 and the order of keys pass both ways, and in errors of the bridge', async () => {
    const bridge = hostile({ maxRequestsInFlight: 1 })
    const meta = `{"${key('protocolVersion')}":"${version}","${key('clientCapabilities')}":{}}`
    const raw = (name: string, signal?: AbortSignal) =>
      post(
        bridge,
        `{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"${name}","arguments":{"b":1,"a":2},"_meta":${meta}}}`,
        { headers: { 'MCP-Protocol-Version': version, 'Mcp-Method': 'tools/call', 'Mcp-Name': name }, signal },
      )
    const answer = await (await raw('echo')).text()
    expect(answer).toContain('"id":9007199254740993,')
    expect(answer).toContain(String.raw`{\"b\":1,\"a\":2}`)
    const controller = new AbortController()
    const waiting = raw('hang', controller.signal)
    await until(() => bridge.stats().inFlight === 1, 'one waits')
    const refused = await raw('echo')
    expect(refused.status).toBe(429)
    expect(await refused.text()).toContain('"id":9007199254740993,')
    controller.abort()
    await waiting
  })
})

describe('a parked call', () => {
  test('keeps its child, and another call gets another', async () => {
    const bridge = hostile({ poolSize: 1 })
    const more = { capabilities: asking, context: alice }
    const first = await roundOf(await tool(bridge, 'elicit', { message: 'one' }, more))
    const second = await roundOf(await tool(bridge, 'elicit', { message: 'two' }, more))
    expect(Object.values(first.inputRequests)[0]?.params.message).toBe('one')
    expect(Object.values(second.inputRequests)[0]?.params.message).toBe('two')
    expect(bridge.stats()).toMatchObject({ parkedCalls: 2, inFlight: 0 })
    for (const [round, message] of [
      [second, 'two'],
      [first, 'one'],
    ] as const) {
      const answer = await (await retry(bridge, 'elicit', round, { context: alice }, { message })).json()
      expect(textOf(answer)).toContain('"action":"accept"')
    }
    expect(bridge.stats().parkedCalls).toBe(0)
  })

  test('[M20, L10] of two users at once: each answers its own, and never the other’s', async () => {
    const bridge = hostile()
    const rounds = await Promise.all(
      [alice, bob].map(async (context) => roundOf(await tool(bridge, 'elicit', {}, { capabilities: asking, context }))),
    )
    const [ofAlice, ofBob] = rounds as [Round, Round]
    const stolen = await retry(bridge, 'elicit', ofAlice, { context: bob })
    expect(await stolen.json()).toMatchObject({ error: { code: -32602 } })
    for (const [round, context] of [
      [ofAlice, alice],
      [ofBob, bob],
    ] as const) {
      expect(textOf(await (await retry(bridge, 'elicit', round, { context })).json())).toContain('accept')
    }
  })

  test('whose child dies is told so at the retry, and the next call is served', async () => {
    const bridge = hostile()
    const more = { capabilities: asking, context: alice }
    const pid = Number(await pidOf(bridge, more))
    const round = await roundOf(await tool(bridge, 'elicit', {}, more))
    process.kill(pid, 'SIGKILL')
    await until(() => bridge.stats().crashed === 1, 'the bridge knows')
    const answer = await (await retry(bridge, 'elicit', round, { context: alice })).json()
    expect(answer).toMatchObject({ id: 2, error: { code: -32603, data: { reason: 'exited' } } })
    expect(Number(await pidOf(bridge, more))).not.toBe(pid)
  })

  test('whose client never comes back is cancelled, and its child is free again', async () => {
    const bridge = hostile({ poolSize: 1, parkedCallTimeout: 0.1 })
    const more = { capabilities: asking, context: alice }
    const pid = await pidOf(bridge, more)
    const round = await roundOf(await tool(bridge, 'elicit', {}, more))
    await until(() => bridge.stats().parkedCalls === 0, 'it has expired')
    expect(await pidOf(bridge, more)).toBe(pid)
    const late = await retry(bridge, 'elicit', round, { context: alice })
    expect(await late.json()).toMatchObject({ error: { code: -32602 } })
  })

  test.each<[string, Partial<StdioBridgeOptions>, Context, number]>([
    ['of a user', { maxParkedCallsPerPrincipal: 1 }, alice, 429],
    ['of all', { maxParkedCalls: 1 }, bob, 503],
  ])('beyond the limit %s is refused, with a time to come back', async (_, options, context, status) => {
    const bridge = hostile(options)
    await roundOf(await tool(bridge, 'elicit', {}, { capabilities: asking, context: alice }))
    const refused = await tool(bridge, 'elicit', {}, { id: 'x', capabilities: asking, context })
    expect(refused.status).toBe(status)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await refused.json()).toMatchObject({ id: 'x', error: { message: expect.stringContaining('calls') } })
  })

  test('ends with the bridge', async () => {
    const bridge = hostile()
    await roundOf(await tool(bridge, 'elicit', {}, { capabilities: asking }))
    await bridge.close()
    expect(bridge.stats()).toMatchObject({ children: 0, parkedCalls: 0 })
  })
})

describe('legacy children', () => {
  test('that know of no capability are everybody’s, the others are of one user', async () => {
    const bridge = hostile()
    expect(await pidOf(bridge, { context: alice })).toBe(await pidOf(bridge, { context: bob }))
    const own = await pidOf(bridge, { context: alice, capabilities: asking })
    expect(await pidOf(bridge, { context: alice, capabilities: { elicitation: {} } })).toBe(own)
    expect(await pidOf(bridge, { context: bob, capabilities: asking })).not.toBe(own)
    expect(await pidOf(bridge, { context: alice, capabilities: { sampling: {} } })).not.toBe(own)
  })

  test.each(['principal', 'session'] as const)('are of one user with isolation %s', async (isolation) => {
    const bridge = hostile({ isolation })
    const own = await pidOf(bridge, { context: alice })
    expect(await pidOf(bridge, { context: alice })).toBe(own)
    expect(await pidOf(bridge, { context: bob })).not.toBe(own)
  })

  test('last for one request with isolation request', async () => {
    const bridge = hostile({ isolation: 'request' })
    const pid = await pidOf(bridge)
    expect(await pidOf(bridge)).not.toBe(pid)
    await until(() => !isAlive(Number(pid)), 'it has ended')
  })

  test('are told what the client has declared', async () => {
    const bridge = legacy()
    const call = await tool(bridge, 'test_input_required_result_capabilities', {}, { capabilities: { roots: {} } })
    const { inputRequests } = (await call.json()).result
    expect(Object.values(inputRequests)).toMatchObject([{ method: 'roots/list' }])
  })

  test('of a client that declares something else each time make room for each other', async () => {
    const bridge = hostile()
    for (let n = 0; n < 12; n++) {
      const capabilities = { elicitation: {}, experimental: { [`x${n}`]: {} } }
      expect((await tool(bridge, 'echo', {}, { capabilities, context: alice })).status).toBe(200)
    }
    await until(() => bridge.stats().children <= 5, 'those that were idle are gone')
  })

  test('wait for no more than poolSize of them, and nobody waits for ever', async () => {
    const bridge = hostile({ poolSize: 2 })
    const calls = Array.from({ length: 8 }, (_, id) =>
      tool(bridge, 'slow', { ms: 20 }, { id, capabilities: asking, context: alice }),
    )
    const ids = await Promise.all(calls.map(async (call) => (await (await call).json()).id))
    expect(ids).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    // The one that was asked for its era is one of them
    expect(bridge.stats().spawned).toBe(2)
  })

  test('[M17] hear of a client that went away', async () => {
    const bridge = hostile()
    const controller = new AbortController()
    const waiting = tool(bridge, 'hang', {}, { context: alice, signal: controller.signal })
    const meta = { [key('logLevel')]: 'debug' }
    const other = tool(bridge, 'slow', { ms: 1000 }, { context: alice, meta })
    await until(() => bridge.stats().inFlight === 2, 'both are under way')
    controller.abort()
    await waiting
    const [log] = await readAll(await other)
    expect(log).toMatchObject({ params: { data: { method: 'notifications/cancelled' } } })
  })

  test('a listener goes on at the child that takes the place of one that crashed', async () => {
    const bridge = create({}, '-e', listServer)
    const notifications = { toolsListChanged: true }
    const response = await send(bridge, 'subscriptions/listen', { id: 'l', params: { notifications } })
    const stream = events(response)
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({ params: { notifications } })
    await tool(bridge, 'crash')
    await until(() => bridge.stats().spawned === 3, 'another was started')
    await tool(bridge, 'change')
    expect(JSON.parse((await stream.next()).value?.data ?? '').method).toBe('notifications/tools/list_changed')
    await response.body?.cancel().catch(() => undefined)
  })

  test('that cannot be initialized are a refusal', async () => {
    const refusing = create({}, '-e', serverThat('if (id) say({ id, error: { code: -1, message: "no" } })'))
    expect((await tool(refusing, 'x')).status).toBe(502)
    const mute = create({ handshakeTimeout: 0.3 }, '-e', 'process.stdin.resume()')
    expect((await tool(mute, 'x')).status).toBe(504)
  })
})

describe('a child that asks', () => {
  const question = `{ method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object' } } }`

  test('twice under one id is answered twice', async () => {
    const server = serverThat(`
      if (method === 'tools/call') { call = id; say({ id: 1, ...${question} }); say({ id: 1, ...${question} }) }
      else if (method === undefined) { answers.push(id); if (answers.length === 2) say({ id: call, result: { content: [{ type: 'text', text: answers.join() }] } }) }
      else if (id !== undefined) say({ id, result: {} })`)
    const bridge = create({}, '-e', `let call; const answers = []; ${server}`)
    const round = await roundOf(await tool(bridge, 'ask', {}, { capabilities: asking }))
    expect(Object.keys(round.inputRequests)).toEqual(['elicitation-1', 'elicitation-2'])
    expect(textOf(await (await retry(bridge, 'ask', round)).json())).toBe('1,1')
  })

  test('after its call ended hears that nobody can be asked', async () => {
    const server = serverThat(`
      const text = (text) => say({ id, result: { content: [{ type: 'text', text }] } })
      const both = [{ id, result: { content: [{ type: 'text', text: 'done' }] } }, { id: 1, ...${question} }]
      // In one write, so that both are read before the next call
      if (params.name === 'late') process.stdout.write(both.map((one) => JSON.stringify({ jsonrpc: '2.0', ...one }) + '\\n').join(''))
      else if (method === undefined) heard = line
      else if (params.name === 'heard') { const look = () => (heard ? text(heard) : setTimeout(look, 5)); look() }
      else if (id !== undefined) say({ id, result: {} })`)
    const bridge = create({}, '-e', `let heard; ${server}`)
    expect(textOf(await (await tool(bridge, 'late', {}, { capabilities: asking })).json())).toBe('done')
    const heard = JSON.parse(textOf(await (await tool(bridge, 'heard', {}, { capabilities: asking })).json()))
    expect(heard).toMatchObject({ id: 1, error: { code: -32603 } })
  })
})

describe('tasks of a legacy server', () => {
  const get = (bridge: StdioBridge, method: string, taskId: string | undefined, context: Context) =>
    send(bridge, method, { params: taskId === undefined ? {} : { taskId }, context })

  test('pass, to the child that runs them and to their own user alone', async () => {
    const bridge = create({}, '-e', taskServer)
    const { result } = await (await tool(bridge, 'begin', {}, { context: alice, params: { task: {} } })).json()
    const { taskId } = result.task
    expect((await (await get(bridge, 'tasks/get', taskId, alice)).json()).result).toMatchObject({ taskId })
    expect((await (await get(bridge, 'tasks/result', taskId, alice)).json()).result).toMatchObject({ done: taskId })
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      const refused = await get(bridge, method, taskId, bob)
      expect((await refused.json()).error).toEqual({ code: -32602, message: 'There is no such task' })
    }
  })

  test('that the bridge does not know are nobody’s in a process that users share, nor listed there', async () => {
    const bridge = create({}, '-e', taskServer)
    await tool(bridge, 'begin', {}, { context: alice, params: { task: {} } })
    expect((await (await get(bridge, 'tasks/get', 'guessed', bob)).json()).error.code).toBe(-32602)
    expect((await (await get(bridge, 'tasks/list', undefined, bob)).json()).result).toMatchObject({ tasks: [] })
    const own = create({ isolation: 'principal' }, '-e', taskServer)
    await tool(own, 'begin', {}, { context: alice, params: { task: {} } })
    const lists = await Promise.all([alice, bob].map((who) => get(own, 'tasks/list', undefined, who)))
    const counts = await Promise.all(lists.map(async (one) => (await one.json()).result.tasks.length))
    expect(counts).toEqual([1, 0])
  })
})

/** A legacy server of one line: what it does with a message that is no handshake. */
function serverThat(does: string, capabilities = '{}'): string {
  return `const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }))
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line)
  if (method === 'initialize' && ${!does.includes('error')}) say({ id, result: { protocolVersion: '2025-11-25', capabilities: ${capabilities} } })
  else { ${does} }
})`
}

const listServer = serverThat(
  `if (params.name === 'crash') process.exit(1)
   if (params.name === 'change') say({ method: 'notifications/tools/list_changed' })
   if (id !== undefined) say({ id, result: { tools: [] } })`,
  '{ tools: { listChanged: true } }',
)
const taskServer = serverThat(
  `global.tasks ??= []
   if (method === 'tools/call') { tasks.push({ taskId: 't' + process.pid + '-' + tasks.length }); say({ id, result: { task: tasks.at(-1) } }) }
   else if (method === 'tasks/list') say({ id, result: { tasks } })
   else if (method === 'tasks/get') say({ id, result: { taskId: params.taskId, status: 'working' } })
   else if (id !== undefined) say({ id, result: { done: params.taskId } })`,
  '{ tools: {}, tasks: {} }',
)
