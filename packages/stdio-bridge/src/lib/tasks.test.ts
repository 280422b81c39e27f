import type { Context, JsonRpcMessage, Mountable } from '@mcp-gateway/core'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  events,
  initialize,
  post,
  readAll,
  Session,
  tokenOf,
} from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

const key = (name: string) => `io.modelcontextprotocol/${name}`

/** A server with tasks that are numbered from one, as every process of it numbers its own; it asks for no user. */
const script = (era: 'legacy' | 'modern') => `
const tasks = []
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const announce = (task, pad) => (${era === 'modern'} ? { pad, resultType: 'task', ...task } : { pad, task })
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line)
  const { taskId, pad = 0, token } = params.arguments ?? {}
  if (method === 'initialize' && ${era === 'modern'}) say({ id, error: { code: -32601, message: 'Method not found' } })
  else if (method === 'initialize') say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {}, tasks: {} }, serverInfo: { name: 't', version: '1' } } })
  else if (method === 'server/discover' && ${era === 'modern'}) say({ id, result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } })
  else if (method === 'server/discover') say({ id, error: { code: -32601, message: 'Method not found' } })
  else if (method === 'tools/list') say({ id, result: { tools: [] } })
  else if (method === 'tasks/list') say({ id, result: { tasks, nextCursor: tasks.at(-1)?.taskId, cursor: params.cursor } })
  else if (method === 'subscriptions/listen') {
    const tag = { '${key('subscriptionId')}': id }
    say({ method: 'notifications/subscriptions/acknowledged', params: { notifications: params.notifications, _meta: tag } })
    setTimeout(() => tasks.forEach((task) => say({ method: 'notifications/tasks', params: { ...task, _meta: tag } })), 100)
  }
  else if (method?.startsWith('tasks/')) say({ id, result: { taskId: params.taskId, pid: process.pid, reached: true } })
  else if (params.name === 'begin') {
    const task = { taskId: String(tasks.length + 1), status: 'working' }
    tasks.push(task)
    if (params._meta?.progressToken !== undefined) say({ method: 'notifications/progress', params: { progressToken: params._meta.progressToken, progress: 1, _meta: { '${key('related-task')}': { taskId: task.taskId } } } })
    say({ id, result: token === 'silent' ? {} : announce(task, 'x'.repeat(pad)) })
  }
  else if (params.name === 'tell') {
    say({ method: 'notifications/tasks/status', params: { taskId, status: 'completed' } })
    say({ method: 'notifications/message', params: { level: 'error', data: 'about ' + taskId, _meta: { '${key('related-task')}': { taskId } } } })
    say({ id, result: {} })
  }
  else if (id !== undefined) say({ id, result: { reached: true } })
})`

function create(era: 'legacy' | 'modern', options: Partial<StdioBridgeOptions> = {}): StdioBridge {
  const command = { command: process.execPath, args: ['-e', script(era)] }
  const bridge = createStdioBridge({ ...command, logger: quiet, stopGrace: [0.5, 0.5], drainTimeout: 0, ...options })
  bridges.push(bridge)
  return bridge
}

/** One client of a bridge, whichever transport and era it speaks. */
interface Client {
  request(method: string, params?: object): Promise<JsonRpcMessage>
  /** Everything that came before the answer, and the answer. */
  all(method: string, params?: object): Promise<JsonRpcMessage[]>
}
type Connect = (bridge: Mountable, context: Context) => Promise<Client>

let ids = 0
const connectLegacy: Connect = async (bridge, context) => {
  const session = await Session.open(bridge, { context })
  const all = async (method: string, params: object = {}) =>
    readAll(await session.post({ jsonrpc: '2.0', id: ++ids, method, params }))
  return { all, request: async (method, params) => last(await all(method, params)) }
}
const connectModern: Connect = async (bridge, context) => {
  const all = async (method: string, params: { name?: string; taskId?: string; _meta?: object } = {}) => {
    const _meta = {
      [key('protocolVersion')]: '2026-07-28',
      [key('clientCapabilities')]: {},
      [key('logLevel')]: 'debug',
    }
    const name = params.name ?? params.taskId
    const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, ...(name && { 'Mcp-Name': name }) }
    const message = { jsonrpc: '2.0', id: ++ids, method, params: { ...params, _meta: { ..._meta, ...params._meta } } }
    return readAll(await post(bridge, message, { headers, context }))
  }
  return { all, request: async (method, params) => last(await all(method, params)) }
}
const connectSse: Connect = async (bridge, context) => {
  const opened = await bridge.handle(
    new Request('http://127.0.0.1/mcp', { headers: { Accept: 'text/event-stream' } }),
    context,
  )
  const stream = events(opened)
  const address = (await stream.next()).value?.data ?? ''
  const send = (message: object) =>
    bridge.handle(
      new Request(`http://127.0.0.1/mcp${address}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(message),
      }),
      context,
    )
  const all = async (method: string, params: object = {}) => {
    const id = ++ids
    const accepted = await send({ jsonrpc: '2.0', id, method, params })
    // A client of this transport reads no answer from a 200
    if (accepted.status !== 202) {
      expect(accepted.status).toBe(400)
      return [await accepted.json()]
    }
    const messages: JsonRpcMessage[] = []
    while (messages.at(-1)?.id !== id) messages.push(JSON.parse((await stream.next()).value?.data ?? '{}'))
    return messages
  }
  await send(initialize('2024-11-05'))
  await stream.next()
  return { all, request: async (method, params) => last(await all(method, params)) }
}

function last(messages: JsonRpcMessage[]): JsonRpcMessage {
  return messages.at(-1) as JsonRpcMessage
}

const alice: Context = { auth: tokenOf('alice') }
const bob: Context = { auth: tokenOf('bob') }
const begin = (more: object = {}, _meta = {}) => ({ name: 'begin', arguments: more, task: {}, _meta })

async function beginTask(client: Client, more: object = {}): Promise<string> {
  const { result } = (await client.request('tools/call', begin(more))) as { result: Record<string, unknown> }
  const task = (result.task ?? result) as { taskId: string }
  expect(task.taskId).toEqual(expect.any(String))
  return task.taskId
}

const methods = ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update', 'tasks/own']
const noSuchTask = { error: { code: -32602, message: 'There is no such task' } }

const legs = [
  ['a legacy client of a legacy server', connectLegacy, 'legacy'],
  ['a legacy client of a modern server', connectLegacy, 'modern'],
  ['a modern client of a legacy server', connectModern, 'legacy'],
  ['a modern client of a modern server', connectModern, 'modern'],
  ['an HTTP+SSE client of a modern server', connectSse, 'modern'],
] as const

describe.each(legs)('%s that several users share', (_name, connect, era) => {
  const options = { isolation: 'pool', poolSize: 1, httpSse: connect === connectSse } as const

  test('reaches its own tasks, and those of nobody else [finding 3]', async () => {
    const bridge = create(era, options)
    const [hers, his] = await Promise.all([connect(bridge, alice), connect(bridge, bob)])
    const taskId = await beginTask(hers)
    for (const method of methods.slice(0, 4)) {
      expect((await hers.request(method, { taskId })).result).toMatchObject({ taskId, reached: true })
    }
    for (const method of methods) expect(await his.request(method, { taskId }), method).toMatchObject(noSuchTask)
    expect(await his.request('Tasks/Get', { taskId })).toMatchObject({ error: { code: -32600 } })
    // What is not known is nobody's
    for (const client of [his, hers]) {
      expect(await client.request('tasks/get', { taskId: 'guessed' })).toMatchObject(noSuchTask)
      for (const unnamed of [{ taskId: 1 }, {}]) {
        const { error } = (await client.request('tasks/get', unnamed)) as { error: { code: number } }
        // The header Mcp-Name says a text, and the body none: a mismatch before it is anything else
        expect(error.code).toBe(connect === connectModern && 'taskId' in unnamed ? -32020 : -32602)
      }
    }
  })

  test('is told of its own tasks alone by a list, and learns no id from its cursor [finding 3]', async () => {
    const bridge = create(era, options)
    const [hers, his] = await Promise.all([connect(bridge, alice), connect(bridge, bob)])
    const own = [await beginTask(hers), await beginTask(hers)]
    const other = await beginTask(his)
    const { result } = (await hers.request('tasks/list')) as {
      result: { tasks: { taskId: string }[]; nextCursor: string }
    }
    expect(result.tasks.map(({ taskId }) => taskId)).toEqual(own)
    expect(result.nextCursor).not.toBe(other)
    expect(Buffer.from(result.nextCursor, 'base64url').toString('latin1')).not.toBe(other)
    expect(await hers.request('tasks/list', { cursor: result.nextCursor })).toMatchObject({
      result: { tasks: [{}, {}] },
    })
    for (const cursor of [other, result.nextCursor]) {
      expect(await his.request('tasks/list', { cursor })).toMatchObject({ error: { code: -32602 } })
    }
    expect(await his.request('tasks/list')).toMatchObject({ result: { tasks: [{ taskId: other }] } })
  })

  test('knows a task again however long its announcement was [finding 3]', async () => {
    const bridge = create(era, options)
    const [hers, his] = await Promise.all([connect(bridge, alice), connect(bridge, bob)])
    for (const pad of [16_000, 17_000, 3_000_000]) {
      const taskId = await beginTask(hers, { pad })
      expect((await hers.request('tasks/get', { taskId })).result).toMatchObject({ taskId })
      expect(await his.request('tasks/get', { taskId })).toMatchObject(noSuchTask)
    }
  })

  test('keeps its tasks when another user begins ten thousand [finding 3]', { timeout: 120_000 }, async () => {
    const bridge = create(era, options)
    const [hers, his] = await Promise.all([connect(bridge, alice), connect(bridge, bob)])
    const taskId = await beginTask(hers)
    let left = 10_050
    const work = async () => {
      while (left-- > 0) await his.request('tools/call', begin())
    }
    await Promise.all(Array.from({ length: connect === connectSse ? 1 : 12 }, work))
    expect((await hers.request('tasks/result', { taskId })).result).toMatchObject({ taskId })
    expect(await his.request('tasks/result', { taskId })).toMatchObject(noSuchTask)
    // The oldest of his own are those that were forgotten
    expect(await his.request('tasks/get', { taskId: '2' })).toMatchObject(noSuchTask)
    expect((await his.request('tasks/get', { taskId: '10050' })).result).toMatchObject({ taskId: '10050' })
  })

  test('speaks about no task of another in its metadata [finding 3]', async () => {
    const bridge = create(era, options)
    const [hers, his] = await Promise.all([connect(bridge, alice), connect(bridge, bob)])
    const taskId = await beginTask(hers)
    const meta = { [key('related-task')]: { taskId } }
    expect(await hers.request('tools/call', { name: 'x', arguments: {}, _meta: meta })).toMatchObject({
      result: { reached: true },
    })
    expect(await his.request('tools/call', { name: 'x', arguments: {}, _meta: meta })).toMatchObject(noSuchTask)
  })

  test('hears of its own tasks alone [finding 3]', async () => {
    const bridge = create(era, options)
    const [hers, his] = await Promise.all([connect(bridge, alice), connect(bridge, bob)])
    const taskId = await beginTask(hers)
    const heard = JSON.stringify(await his.all('tools/call', { name: 'tell', arguments: { taskId } }))
    expect(heard).not.toContain('notifications/tasks')
    expect(heard).not.toContain('about')
  })

  test('of those without tokens, each asks by an id that it knows, and lists what its own session began [finding 3]', async () => {
    const bridge = create(era, options)
    const [one, other] = await Promise.all([connect(bridge, {}), connect(bridge, {})])
    const taskId = await beginTask(one)
    expect((await other.request('tasks/get', { taskId })).result).toMatchObject({ taskId })
    expect(await other.request('tasks/get', { taskId: 'guessed' })).toMatchObject(noSuchTask)
    expect((await other.request('tasks/list')).result).toMatchObject({ tasks: [] })
    const hers = await connect(bridge, alice)
    expect(await hers.request('tasks/get', { taskId })).toMatchObject(noSuchTask)
  })
})

describe.each(legs)('%s of its own', (_name, connect, era) => {
  test.each(['principal', 'session'] as const)(
    'has its own tasks where isolation is %s, also under equal ids [finding 3]',
    async (isolation) => {
      const bridge = create(era, { isolation, httpSse: connect === connectSse })
      const [hers, his] = await Promise.all([connect(bridge, alice), connect(bridge, bob)])
      expect([await beginTask(hers), await beginTask(his)]).toEqual(['1', '1'])
      const ask = async (client: Client) =>
        (await client.request('tasks/get', { taskId: '1' })).result as { pid: number }
      const [her, him] = [await ask(hers), await ask(his)]
      expect(her.pid).not.toBe(him.pid)
      expect((await ask(hers)).pid).toBe(her.pid)
      for (const client of [hers, his])
        expect((await client.request('tasks/list')).result).toMatchObject({ tasks: [{ taskId: '1' }] })
    },
  )
})

describe('a token that may do less', () => {
  const some: Context = { auth: tokenOf('alice', ['mcp']) }
  const all: Context = { auth: tokenOf('alice', ['mcp', 'write']) }

  test.each(['legacy', 'modern'] as const)(
    'does not find what one that may do more began at a %s server [finding 3]',
    async (era) => {
      const bridge = create(era, { poolSize: 1 })
      const [more, less] = await Promise.all([connectModern(bridge, all), connectModern(bridge, some)])
      const taskId = await beginTask(more)
      expect(await less.request('tasks/get', { taskId })).toMatchObject(noSuchTask)
      expect((await less.request('tasks/list')).result).toMatchObject({ tasks: [] })
      const begun = await beginTask(less)
      expect((await more.request('tasks/get', { taskId: begun })).result).toMatchObject({ taskId: begun })
    },
  )
})

describe('notifications about tasks', () => {
  test('reach the session of their owner, whoever is at work [finding 3]', async () => {
    const bridge = create('legacy', { isolation: 'pool' })
    const hers = await Session.open(bridge, { context: alice })
    const his = await Session.open(bridge, { context: bob })
    const stream = events(await hers.request('GET'))
    await stream.next()
    const client = { request: hers.answer.bind(hers) }
    const begun = (await client.request(call(1, 'begin'))) as { result: { task: { taskId: string } } }
    const { taskId } = begun.result.task
    expect(await readAll(await his.post(call(1, 'tell', { taskId })))).toHaveLength(1)
    const told = [
      JSON.parse((await stream.next()).value?.data ?? ''),
      JSON.parse((await stream.next()).value?.data ?? ''),
    ]
    expect(told).toMatchObject([{ method: 'notifications/tasks/status' }, { params: { data: `about ${taskId}` } }])
    await stream.return(undefined)
  })

  test('reach nobody once their owner has left, though one other session is alone there [finding 3]', async () => {
    const bridge = create('legacy', { isolation: 'pool' })
    const hers = await Session.open(bridge, { context: alice })
    const his = await Session.open(bridge, { context: bob })
    await hers.answer(call(1, 'begin'))
    await hers.request('DELETE')
    expect(await readAll(await his.post(call(1, 'tell', { taskId: '1' })))).toHaveLength(1)
    expect(bridge.stats().dropped).toBe(2)
  })

  test('reach a listener of the extension for its own tasks alone [finding 3]', async () => {
    const bridge = create('modern', { poolSize: 1 })
    const [hers, his] = await Promise.all([connectModern(bridge, alice), connectModern(bridge, bob)])
    const [taskId, other] = [await beginTask(hers), await beginTask(his)]
    const listen = (taskIds: unknown) => ({ notifications: { taskIds } })
    expect(await his.request('subscriptions/listen', listen([other, taskId]))).toMatchObject(noSuchTask)
    expect(await his.request('subscriptions/listen', listen(taskId))).toMatchObject(noSuchTask)
    const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
    const message = { jsonrpc: '2.0', id: 'l', method: 'subscriptions/listen', params: { ...listen([taskId]), _meta } }
    const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'subscriptions/listen' }
    const stream = events(await post(bridge, message, { headers, context: alice }))
    await stream.next()
    // The server tells of all tasks there are
    expect(JSON.parse((await stream.next()).value?.data ?? '')).toMatchObject({ params: { taskId } })
    await hers.request('tools/call', { name: 'x', arguments: {} })
    expect(bridge.stats().dropped).toBe(1)
    await stream.return(undefined)
  })

  test('announce one too, when they belong to a request [finding 3]', async () => {
    const bridge = create('legacy', { isolation: 'pool' })
    const [hers, his] = await Promise.all([connectLegacy(bridge, alice), connectLegacy(bridge, bob)])
    const [progress] = await hers.all('tools/call', begin({ token: 'silent' }, { progressToken: 'p' }))
    expect(progress).toMatchObject({ method: 'notifications/progress', params: { progressToken: 'p' } })
    expect((await hers.request('tasks/get', { taskId: '1' })).result).toMatchObject({ taskId: '1' })
    expect(await his.request('tasks/get', { taskId: '1' })).toMatchObject(noSuchTask)
  })
})
