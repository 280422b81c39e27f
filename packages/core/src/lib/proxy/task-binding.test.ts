import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { httpServer } from '../../../../../test/fixtures/loopback.js'
import type { Context, Handler } from '../contract/handler.js'
import { translateEras } from '../eras/http/translate-eras.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { proxy } from './proxy.js'

const key = (name: string) => `io.modelcontextprotocol/${name}`
const json = { 'Content-Type': 'application/json' }
const stream = { 'Content-Type': 'text/event-stream' }
type Era = 'legacy' | 'modern'

/** A server whose tasks have numbers, and which asks for no user, as servers that one credential reaches do. */
async function taskServer(era: Era, options: { events?: boolean } = {}) {
  const tasks: { taskId: string; status: string }[] = []
  const reached: string[] = []
  const listeners = new Set<ServerResponse>()
  let sessions = 0
  const { url } = await httpServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method = '', params = {} } = text === '' ? {} : JSON.parse(text)
    if (request.method === 'GET' && era === 'legacy') {
      listeners.add(response)
      return void response.writeHead(200, stream).write(': open\n\n')
    }
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const answer = (result: object, headers: Record<string, string> = {}) => {
      const message = JSON.stringify({ jsonrpc: '2.0', id, result })
      if (options.events) response.writeHead(200, { ...stream, ...headers }).end(`data: ${message}\n\n`)
      else response.writeHead(200, { ...json, ...headers }).end(message)
    }
    if (id === undefined) {
      reached.push(`${method} ${params.taskId ?? ''}`)
      return void response.writeHead(202).end()
    }
    const capabilities = { tools: {}, tasks: {} }
    if (era === 'legacy' && method === 'initialize') {
      const serverInfo = { name: 't', version: '1' }
      return answer({ protocolVersion: '2025-11-25', capabilities, serverInfo }, { 'Mcp-Session-Id': `s${++sessions}` })
    }
    if (era === 'modern' && method === 'server/discover') {
      return answer({ supportedVersions: ['2026-07-28'], capabilities, resultType: 'complete' })
    }
    if (method === 'tools/call') {
      const task = { taskId: String(tasks.length + 1), status: 'working' }
      tasks.push(task)
      return answer(era === 'modern' ? { resultType: 'task', ...task } : { task })
    }
    if (method === 'tasks/list') return answer({ tasks, nextCursor: tasks.at(-1)?.taskId, sent: params.cursor })
    if (method === 'subscriptions/listen') {
      const _meta = { [key('subscriptionId')]: id }
      response.writeHead(200, stream)
      const say = (method: string, more: object) =>
        response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params: { ...more, _meta } })}\n\n`)
      say('notifications/subscriptions/acknowledged', { notifications: params.notifications })
      for (const task of tasks) say('notifications/tasks', task)
      return void response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: {} })}\n\n`)
    }
    if (method.toLowerCase().startsWith('tasks/')) {
      reached.push(`${method} ${params.taskId}`)
      return answer({ taskId: params.taskId, reached: true })
    }
    const error = { code: -32601, message: 'Method not found' }
    response.writeHead(404, json).end(JSON.stringify({ jsonrpc: '2.0', id, error }))
  })
  return { url, tasks, reached, listeners }
}

interface User {
  readonly send: (method: string, params?: object, isNotification?: boolean) => Promise<Response>
  readonly ask: (
    method: string,
    params?: object,
  ) => Promise<{ result?: Record<string, unknown>; error?: { code: number } }>
  readonly begin: () => Promise<string>
  readonly listen: () => Promise<Response>
}

async function userOf(handler: Handler, era: Era, name: string | undefined): Promise<User> {
  let session: string | undefined
  let ids = 0
  const extra = { issuer: 'https://login.example.com', subject: name }
  const auth = { token: `token-of-${name}`, clientId: 'c', scopes: [], expiresAt: Number.MAX_SAFE_INTEGER, extra }
  const context = name === undefined ? {} : { auth }
  const sessionHeader = (): Record<string, string> => (session === undefined ? {} : { 'Mcp-Session-Id': session })
  const send: User['send'] = async (method, params = {}, isNotification = false) => {
    const _meta = {
      [key('protocolVersion')]: '2026-07-28',
      [key('clientCapabilities')]: { extensions: { [key('tasks')]: {} } },
    }
    const own = era === 'modern' ? { ...params, _meta: { ..._meta, ...(params as { _meta?: object })._meta } } : params
    const { name: tool, taskId } = params as { name?: string; taskId?: string }
    const mcpName = tool ?? taskId
    const headers = {
      ...json,
      Accept: 'application/json, text/event-stream',
      ...sessionHeader(),
      ...(era === 'modern' ? { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method } : {}),
      ...(era === 'modern' && typeof mcpName === 'string' ? { 'Mcp-Name': mcpName } : {}),
    }
    const id = isNotification ? {} : { id: ++ids }
    const body = JSON.stringify({ jsonrpc: '2.0', ...id, method, params: own })
    return handler(new Request('https://mcp.example.com/mcp', { method: 'POST', headers, body }), context)
  }
  const ask: User['ask'] = async (method, params) => {
    const text = await (await send(method, params)).text()
    return JSON.parse(text.startsWith('{') ? text : (text.split('data: ').at(-1) ?? ''))
  }
  if (era === 'legacy') {
    const clientInfo = { name: 'c', version: '1' }
    const opened = await send('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
    session = opened.headers.get('mcp-session-id') ?? undefined
    await opened.text()
  }
  const begin = async () => {
    const { result } = await ask('tools/call', { name: 'x', ...(era === 'legacy' ? { task: { ttl: 1000 } } : {}) })
    return ((result?.task as { taskId: string } | undefined)?.taskId ?? result?.taskId) as string
  }
  const listen = async () =>
    handler(
      new Request('https://mcp.example.com/mcp', { headers: { Accept: 'text/event-stream', ...sessionHeader() } }),
      context,
    )
  return { send, ask, begin, listen }
}

const guarded = (url: string | string[], options: Parameters<typeof proxy>[1] = {}) =>
  compose([message()], proxy(url, options))

const missing = { error: { code: -32602, message: 'There is no such task' } }

describe.each([
  ['legacy', false],
  ['legacy', true],
  ['modern', false],
  ['modern', true],
] as const)('tasks of a %s server behind one credential, with events: %s', (era, events) => {
  test('are for the user who began them alone [finding 3]', async () => {
    const { url, reached } = await taskServer(era, { events })
    const handler = guarded(url)
    const [ada, bob] = [await userOf(handler, era, 'ada'), await userOf(handler, era, 'bob')]
    const taskId = await ada.begin()
    for (const method of ['tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel']) {
      expect(await bob.ask(method, { taskId })).toMatchObject(missing)
      expect(await bob.ask(method, { taskId: '99' })).toMatchObject(missing)
      expect(await ada.ask(method, { taskId })).toMatchObject({ result: { taskId, reached: true } })
    }
    expect(reached).toHaveLength(4)
    expect(new Set(reached.map((line) => line.split(' ')[1]))).toEqual(new Set([taskId]))
  })

  test('of others are in no list, and no cursor names one [finding 3]', async () => {
    const { url } = await taskServer(era, { events })
    const handler = guarded(url)
    const [ada, bob] = [await userOf(handler, era, 'ada'), await userOf(handler, era, 'bob')]
    const his = await bob.begin()
    const hers = await ada.begin()
    const { result } = await bob.ask('tasks/list')
    expect(result).toMatchObject({ tasks: [{ taskId: his }] })
    expect(result?.tasks).toHaveLength(1)
    const cursor = String(result?.nextCursor)
    expect(cursor).not.toBe(hers)
    expect((await bob.ask('tasks/list', { cursor })).result).toMatchObject({ tasks: [{ taskId: his }] })
    for (const wrong of [{ cursor: hers }, { cursor: `${cursor}A` }, { cursor: 1 }]) {
      expect(await bob.ask('tasks/list', wrong)).toMatchObject({ error: { code: -32602 } })
    }
    expect(await ada.ask('tasks/list', { cursor })).toMatchObject({ error: { code: -32602 } })
  })

  test('are not reached by a message that does not name one as the protocol does [finding 3]', async () => {
    const { url, reached } = await taskServer(era, { events })
    const handler = guarded(url)
    const [ada, bob] = [await userOf(handler, era, 'ada'), await userOf(handler, era, 'bob')]
    const taskId = await ada.begin()
    const related = { _meta: { [key('related-task')]: { taskId } } }
    expect((await bob.ask('tools/call', { name: 'x', ...related })).error?.code).toBe(-32602)
    await bob.send('notifications/tasks/status', { taskId }, true)
    await bob.ask('tasks/get', { taskId: 1 })
    await bob.ask('tasks/vendor', { id: taskId })
    expect(reached).toEqual([])
  })
})

test('a subscription tells of the own tasks alone [finding 3, M21]', async () => {
  const { url } = await taskServer('modern')
  const handler = guarded(url)
  const [ada, bob] = [await userOf(handler, 'modern', 'ada'), await userOf(handler, 'modern', 'bob')]
  const hers = await ada.begin()
  const his = await bob.begin()
  expect(await bob.ask('subscriptions/listen', { notifications: { taskIds: [his, hers] } })).toMatchObject(missing)
  const text = await (await bob.send('subscriptions/listen', { notifications: { taskIds: [his] } })).text()
  expect(text).toContain(`"taskId":"${his}"`)
  expect(text).not.toContain(`"taskId":"${hers}"`)
})

test('a GET stream tells of the own tasks alone [finding 3]', async () => {
  const { url, listeners } = await taskServer('legacy')
  const handler = guarded(url)
  const [ada, bob] = [await userOf(handler, 'legacy', 'ada'), await userOf(handler, 'legacy', 'bob')]
  const hers = await ada.begin()
  const his = await bob.begin()
  const reading = bob.listen().then((response) => response.text())
  while (listeners.size === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const taskId of [hers, his]) {
    const params = { taskId, status: 'completed' }
    for (const one of listeners) {
      one.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tasks/status', params })}\n\n`)
    }
  }
  for (const one of listeners) one.end('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n')
  const text = await reading
  expect(text).toContain(`"taskId":"${his}"`)
  expect(text).toContain('list_changed')
  expect(text).not.toContain(`"taskId":"${hers}"`)
})

test('of several upstreams the one that runs a task is asked for it', async () => {
  const all = await Promise.all([taskServer('modern'), taskServer('modern'), taskServer('modern')])
  const handler = guarded(all.map(({ url }) => url))
  const ada = await userOf(handler, 'modern', 'ada')
  for (let n = 0; n < 4; n++) await ada.begin()
  const second = all.findIndex(({ tasks }) => tasks.length === 2)
  for (let n = 0; n < 6; n++) await ada.ask('tasks/get', { taskId: '2' })
  expect(all[second]?.reached).toHaveLength(6)
})

test('replicas know them by a storage, and open the cursors of each other', async () => {
  const { url } = await taskServer('modern')
  const options = { taskStorage: memoryStorage(), sessionSecret: 'x'.repeat(32) }
  const [one, two] = [guarded(url, options), guarded(url, options)]
  const taskId = await (await userOf(one, 'modern', 'ada')).begin()
  const ada = await userOf(two, 'modern', 'ada')
  const bob = await userOf(two, 'modern', 'bob')
  expect(await bob.ask('tasks/get', { taskId })).toMatchObject(missing)
  expect(await ada.ask('tasks/get', { taskId })).toMatchObject({ result: { reached: true } })
  const { result } = await (await userOf(guarded(url, options), 'modern', 'ada')).ask('tasks/list')
  expect(result?.tasks).toMatchObject([{ taskId }])
  expect((await ada.ask('tasks/list', { cursor: result?.nextCursor })).result?.tasks).toHaveLength(1)
  const alone = await userOf(guarded(url), 'modern', 'ada')
  expect(await alone.ask('tasks/get', { taskId })).toMatchObject(missing)
})

test('replicas open the cursors of each other by the secret that their gateway shares', async () => {
  const { url } = await taskServer('modern')
  const taskStorage = memoryStorage()
  const shared = async (purpose: string) => new TextEncoder().encode(purpose.padEnd(32, 'x'))
  const replica = (sharedSecret: Context['sharedSecret']): Handler => {
    const handler = guarded(url, { taskStorage })
    return (request, context) => handler(request, { ...context, sharedSecret })
  }
  const ada = await userOf(replica(shared), 'modern', 'ada')
  await ada.begin()
  const { result } = await ada.ask('tasks/list')
  const cursor = result?.nextCursor
  expect(typeof cursor).toBe('string')
  const elsewhere = await userOf(replica(shared), 'modern', 'ada')
  expect((await elsewhere.ask('tasks/list', { cursor })).result?.tasks).toHaveLength(1)
  const foreign = await userOf(
    replica(async () => new Uint8Array(32)),
    'modern',
    'ada',
  )
  expect((await foreign.ask('tasks/list', { cursor })).error?.code).toBe(-32602)
})

test('a server that tells its users apart by their tokens keeps them apart itself', async () => {
  const { url } = await taskServer('modern')
  const token = { get: async () => 't', drop: async () => {} }
  const [ada, bob] = await Promise.all(
    ['ada', 'bob'].map((name) => userOf(guarded(url, { token: { ...token, isPerUser: true } }), 'modern', name)),
  )
  const taskId = (await ada?.begin()) ?? ''
  expect(await bob?.ask('tasks/get', { taskId })).toMatchObject({ result: { reached: true } })
  const shared = guarded(url, { token })
  const eve = await userOf(shared, 'modern', 'eve')
  expect(await eve.ask('tasks/get', { taskId })).toMatchObject(missing)
})

test('without tokens nobody is told apart, and nobody reaches the tasks of a user', async () => {
  const { url } = await taskServer('modern')
  const handler = guarded(url)
  const nobody = await userOf(handler, 'modern', undefined)
  const theirs = await nobody.begin()
  expect(await nobody.ask('tasks/get', { taskId: theirs })).toMatchObject({ result: { reached: true } })
  const ada = await userOf(handler, 'modern', 'ada')
  const hers = await ada.begin()
  expect(await nobody.ask('tasks/get', { taskId: hers })).toMatchObject(missing)
  expect(await nobody.ask('tasks/get', { taskId: theirs })).toMatchObject({ result: { reached: true } })
  expect(await ada.ask('tasks/get', { taskId: theirs })).toMatchObject(missing)
})

test('without a token nobody reaches the tasks of a user at a replica that has seen no task [finding 3]', async () => {
  const { url } = await taskServer('modern')
  const options = { taskStorage: memoryStorage(), sessionSecret: 'x'.repeat(32) }
  const taskId = await (await userOf(guarded(url, options), 'modern', 'ada')).begin()
  const nobody = await userOf(guarded(url, options), 'modern', undefined)
  expect(await nobody.ask('tasks/get', { taskId })).toMatchObject(missing)
  expect((await nobody.ask('tasks/list')).result?.tasks).toEqual([])
})

test('behind a translation too', async () => {
  const { url } = await taskServer('legacy')
  const handler = guarded(url, { eras: translateEras() })
  const [ada, bob] = [await userOf(handler, 'legacy', 'ada'), await userOf(handler, 'modern', 'bob')]
  const taskId = await ada.begin()
  expect(await bob.ask('tasks/get', { taskId })).toMatchObject({ error: { code: -32602 } })
  expect((await bob.ask('tasks/list')).result?.tasks).toEqual([])
  expect(await ada.ask('tasks/get', { taskId })).toMatchObject({ result: { reached: true } })
})

test.each([{ taskStorage: {} as never }])('%o is refused at construction', (options) => {
  expect(() => proxy('http://a.internal/mcp', options)).toThrow('taskStorage')
})
