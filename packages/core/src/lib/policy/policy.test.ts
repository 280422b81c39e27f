import { expect, test, vi } from 'vitest'
import type { Context, Handler } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import type { Policy, PolicyInput } from '../contract/policy.js'
import type { RequestRecord } from '../contract/request-record.js'
import { compose } from '../http/compose.js'
import { message } from '../message/message-middleware.js'
import { transformResponse } from '../message/transform-response.js'
import { challenge } from '../resource-server/challenge.js'
import { mcpAnswer, mcpRequest } from '../testing/mcp-request.js'
import { type PolicyOptions, policy } from './policy.js'

const url = 'https://mcp.example.com/notes'

/** A server whose lists are written by hand, so that their bytes can be compared. */
interface Lists {
  tools?: string[]
  prompts?: string[]
  resources?: string[]
  templates?: string[]
  tasks?: string[]
  completion?: string
  /** Members of each list result behind the list. */
  more?: string
  stream?: boolean
  calls?: Message[]
}

const tool = (name: string, more = '') => `{"name" : ${JSON.stringify(name)}, "inputSchema":{"type":"object"}${more}}`

function server(lists: Lists): Handler {
  const of = (member: string, items: string[] | undefined) =>
    items && `{"${member}": [ ${items.join(' , ')} ]${lists.more ?? ''}}`
  return (_, context) => {
    const { message } = context
    if (message === undefined) {
      const events = (lists.tools ?? []).map((event) => `data: ${event}\n\n`).join('')
      return transformResponse(context, new Response(events, { headers: { 'Content-Type': 'text/event-stream' } }))
    }
    lists.calls?.push(message)
    const { method = '', id, name } = message
    if (message.kind !== 'request') return new Response(null, { status: 202 })
    const results: Record<string, string | undefined> = {
      'tools/list': of('tools', lists.tools),
      'prompts/list': of('prompts', lists.prompts),
      'resources/list': of('resources', lists.resources),
      'resources/templates/list': of('resourceTemplates', lists.templates),
      'tasks/list': of('tasks', lists.tasks),
      'completion/complete': lists.completion,
      'tools/call': `{"content":[{"type":"text","text":"called ${name}"}]}`,
      'resources/read': '{"contents":[],"ttlMs":9,"cacheScope":"public"}',
    }
    const result = method in results ? results[method] : '{}'
    const answer = result === undefined ? '"error":{"code":-32601,"message":"Method not found"}' : `"result":${result}`
    const body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${answer}}`
    const type = lists.stream ? 'text/event-stream' : 'application/json'
    const text = lists.stream ? `event: message\ndata: ${body}\n\n` : body
    return transformResponse(context, new Response(text, { headers: { 'Content-Type': type } }))
  }
}

interface Caller {
  roles?: string[]
  scopes?: string[]
  user?: string
}

function gateway(rules: Policy, lists: Lists, options: PolicyOptions = {}, caller: Caller = {}) {
  const handle = compose([message(), policy(rules, { server: url, ...options })], server(lists))
  const record = { times: { start: 0 } } as RequestRecord
  const { roles = [], scopes = [], user = 'alice' } = caller
  const context: Context = {
    auth: {
      token: 'x',
      clientId: 'app',
      scopes,
      expiresAt: 9e9,
      extra: { issuer: 'https://a', subject: user, roles, groups: [], claims: {} },
    },
    refuse: challenge,
    requiredScopes: ['mcp'],
    record,
    logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  }
  const send = async (method: string, params?: object, era: 'legacy' | 'modern' = 'legacy') =>
    handle(mcpRequest({ url, method, params: params as never, era }), context)
  return { send, handle, context, record }
}

const answer = async (response: Response | Promise<Response>) => mcpAnswer(await response)
const named = (...names: string[]): Policy =>
  vi.fn(({ resource: { kind, name = '' } }: PolicyInput) =>
    kind === 'server' || names.includes(name)
      ? { allow: true as const }
      : { allow: false as const, reason: 'secret-reason' },
  )
const eras = ['legacy', 'modern'] as const
const cases = eras.flatMap((era) => [false, true].map((stream) => [era, stream] as const))

test.each(cases)(
  'a list has what its caller may use, byte for byte, and no more: %s, stream %s',
  async (era, stream) => {
    const lists = {
      tools: [tool('a', ',"n":12345678901234567890'), tool('b'), tool('c'), tool('d')],
      stream,
      more: ' , "nextCursor": "c2" ',
    }
    const { send } = gateway(named('a', 'c', 'd'), lists)
    const text = await (await send('tools/list', {}, era)).text()
    expect(text).toContain(`{"tools": [${lists.tools[0]},${lists.tools[2]} , ${lists.tools[3]}] , "nextCursor": "c2" }`)
    expect(text).not.toContain('"b"')
  },
)

test.each(cases)(
  'what a list shows can be called, and what it hides is unknown: %s, stream %s',
  async (era, stream) => {
    const calls: Message[] = []
    const { send, record } = gateway(named('a'), { tools: [tool('a'), tool('b')], stream, calls })
    expect(await answer(send('tools/call', { name: 'a' }, era))).toMatchObject({
      result: { content: [{ text: 'called a' }] },
    })
    const hidden = await send('tools/call', { name: 'b' }, era)
    const unknown = await send('tools/call', { name: 'z' }, era)
    expect(hidden.status).toBe(200)
    const text = await hidden.text()
    expect(text).toBe('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Unknown tool: b"}}')
    expect(await unknown.text()).toBe(text.replace('b"', 'z"'))
    expect([...hidden.headers]).toEqual([...unknown.headers])
    expect(calls.filter(({ method }) => method === 'tools/call').map(({ name }) => name)).toEqual(['a'])
    expect(record.refusal).toMatchObject({ by: 'policy', code: 'policy', reason: 'secret-reason' })
    expect(record.decision).toBe('deny')
  },
)

test.each(eras)(
  'a tool that a policy would allow and that is not listed is unknown in the same bytes: %s',
  async (era) => {
    const calls: Message[] = []
    const rules: Policy = ({ resource: { name } }) => (name === 'b' ? { allow: false, reason: 'x' } : { allow: true })
    const { send, record } = gateway(rules, { tools: [tool('a'), tool('b')], calls })
    const hidden = await (await send('tools/call', { name: 'b' }, era)).text()
    expect(await (await send('tools/call', { name: 'z' }, era)).text()).toBe(hidden.replace('b"', 'z"'))
    expect(record.refusal?.by).toBe('policy')
    expect(calls.some(({ method }) => method === 'tools/call')).toBe(false)
  },
)

test('the list is asked for once, whatever is called, and what is hidden takes no other way than what is not there', async () => {
  const calls: Message[] = []
  const rules: Policy = ({ resource: { name } }) => (name === 'b' ? { allow: false, reason: 'x' } : { allow: true })
  const { send } = gateway(rules, { tools: [tool('a'), tool('b')], calls })
  for (const name of ['a', 'b', 'z', 'a', 'b', 'z']) await send('tools/call', { name })
  expect(calls.map(({ method }) => method)).toEqual(['tools/list', 'tools/call', 'tools/call'])
})

test('a list that goes by is not asked for again', async () => {
  const calls: Message[] = []
  const { send } = gateway(named('a'), { tools: [tool('a')], calls })
  await (await send('tools/list')).text()
  await send('tools/call', { name: 'a' })
  expect(calls.map(({ method }) => method)).toEqual(['tools/list', 'tools/call'])
})

test('a tool that came after the list was read can be called at once when the list is due', async () => {
  vi.useFakeTimers()
  try {
    const lists: Lists = { tools: [tool('a')] }
    const { send } = gateway(named('a', 'new'), lists)
    await send('tools/call', { name: 'a' })
    lists.tools?.push(tool('new'))
    vi.advanceTimersByTime(5001)
    expect(await answer(send('tools/call', { name: 'new' }))).toHaveProperty('result')
  } finally {
    vi.useRealTimers()
  }
})

test('where a server tells no list, its own answers pass, and what is hidden stays unknown', async () => {
  const { send } = gateway(named('a'), {})
  expect(await answer(send('tools/call', { name: 'a' }))).toHaveProperty('result')
  expect(await answer(send('tools/call', { name: 'b' }))).toMatchObject({ error: { message: 'Unknown tool: b' } })
})

test('allowUnlisted asks for no list', async () => {
  const calls: Message[] = []
  const { send } = gateway(named('z'), { tools: [tool('a')], calls }, { allowUnlisted: true })
  expect(await answer(send('tools/call', { name: 'z' }))).toHaveProperty('result')
  expect(calls).toHaveLength(1)
})

test.each(eras)('prompts, resources, templates and tasks are filtered by their use: %s', async (era) => {
  const lists = {
    prompts: ['{"name":"p1"}', '{"name":"p2"}'],
    resources: ['{"uri":"note://1","name":"p2"}', '{"uri":"note://2","name":"note://1"}'],
    templates: ['{"uriTemplate":"note://{id}","name":"x"}', '{"uriTemplate":"file://{id}","name":"note://{id}"}'],
    tasks: ['{"taskId":"t1"}', '{"taskId":"t2"}'],
  }
  const asked: string[] = []
  const rules: Policy = ({ action, resource: { kind, name = '' } }) => {
    asked.push(`${action} ${kind} ${name}`)
    return kind === 'server' || ['p1', 'note://1', 'note://{id}', 't1'].includes(name)
      ? { allow: true }
      : { allow: false, reason: 'x' }
  }
  const { send } = gateway(rules, lists)
  for (const [method, kept, dropped] of [
    ['prompts/list', '"p1"', '"p2"'],
    ['resources/list', '"note://1","name":"p2"', '"note://2"'],
    ['resources/templates/list', '"note://{id}"', '"file://{id}"'],
    ['tasks/list', '"t1"', '"t2"'],
  ] as const) {
    const text = await (await send(method, {}, era)).text()
    expect(text).toContain(kept)
    expect(text).not.toContain(dropped)
  }
  expect(asked).toEqual(
    expect.arrayContaining([
      'prompts/list server ',
      'prompts/get prompt p1',
      'resources/read resource note://2',
      'resources/read template file://{id}',
      'tasks/get task t2',
    ]),
  )
})

test('an emptied page keeps its cursor', async () => {
  const { send } = gateway(named(), { tools: [tool('a')], more: ',"nextCursor":"c2"' })
  expect(await answer(send('tools/list'))).toMatchObject({ result: { tools: [], nextCursor: 'c2' } })
})

test.each([
  ['two names', '{"name":"a","name":"b"}'],
  ['a name in other case beside it', '{"name":"a","Name":"b"}'],
  ['a name in other case', '{"Name":"a"}'],
  ['a name with NUL behind it', '{"name":"a","name\\u0000":"b"}'],
  ['a NUL in its name', '{"name":"a\\u0000b"}'],
  ['half a character in its name', '{"name":"a\\ud800"}'],
  ['a name that is no text', '{"name":["a"]}'],
  ['no name', '{"title":"a"}'],
  ['no object', '"a"'],
])('an item with %s is not shown, since no call could mean it', async (_, item) => {
  const { send } = gateway(() => ({ allow: true }), { tools: [item, tool('x')] })
  const { result } = await answer(send('tools/list'))
  expect((result as { tools: unknown[] }).tools).toEqual([{ name: 'x', inputSchema: { type: 'object' } }])
})

test('a second list, and one whose name is written in other case, are filtered too', async () => {
  const { send } = gateway(named('a'), { tools: [tool('a')], more: `,"Tools":[${tool('b')}],"tools":[${tool('c')}]` })
  const text = await (await send('tools/list')).text()
  expect(text).toContain('"Tools":[],"tools":[]')
})

test('a list that is none is an error', async () => {
  const { send } = gateway(named('a'), { more: ',"tools":{"a":1}', prompts: [] })
  expect(await answer(send('prompts/list'))).toMatchObject({ error: { code: -31502 } })
})

test('10,000 tools, repeated names among them, are decided on in one go', async () => {
  const many = vi.fn((inputs: readonly PolicyInput[]) => inputs.map(() => ({ allow: true as const })))
  const tools = Array.from({ length: 10_000 }, (_, index) => tool(`t${index % 5000}`))
  const { send } = gateway(
    Object.assign(() => ({ allow: true as const }), { many }),
    { tools },
  )
  const { result } = await answer(send('tools/list'))
  expect((result as { tools: unknown[] }).tools).toHaveLength(10_000)
  expect(many).toHaveBeenCalledOnce()
})

test('what differs by caller is kept for nobody else [M19]', async () => {
  const { send } = gateway(named('a', 'note://1'), { tools: [tool('a')], more: ',"ttlMs":9,"cacheScope":"public"' })
  expect(await answer(send('tools/list', {}, 'modern'))).toMatchObject({ result: { ttlMs: 9, cacheScope: 'private' } })
  expect(await answer(send('resources/read', { uri: 'note://1' }, 'modern'))).toMatchObject({
    result: { ttlMs: 9, cacheScope: 'private' },
  })
})

test.each(eras)('a reason that is public is told, and one that is not is not: %s', async (era) => {
  const loud: Policy = ({ resource: { kind } }) =>
    kind === 'server' ? { allow: true } : { allow: false, reason: 'Ask the owner', public: true }
  const told = await gateway(loud, { tools: [tool('a')] }).send('tools/call', { name: 'a' }, era)
  expect(told.status).toBe(200)
  expect(await mcpAnswer(told)).toEqual({
    jsonrpc: '2.0',
    id: 1,
    error: { code: -31403, message: 'Ask the owner', data: { reason: 'Ask the owner' } },
  })
  const quiet = await gateway(named(), { tools: [tool('a')] }, { refusals: 'error' }).send(
    'tools/call',
    { name: 'a' },
    era,
  )
  expect(quiet.status).toBe(200)
  expect(await mcpAnswer(quiet)).toEqual({
    jsonrpc: '2.0',
    id: 1,
    error: { code: -31403, message: 'The policy does not allow this' },
  })
})

test.each(eras)('a refusal can be a result that the model reads: %s', async (era) => {
  const { send } = gateway(named(), { tools: [tool('a')], prompts: ['{"name":"a"}'] }, { refusals: 'result' })
  expect(await answer(send('tools/call', { name: 'a' }, era))).toMatchObject({
    result: { isError: true, content: [{ type: 'text', text: 'The policy does not allow this' }] },
  })
  expect(await answer(send('prompts/get', { name: 'a' }, era))).toMatchObject({ error: { code: -31403 } })
})

test.each(eras)(
  '[R3, R4] a missing scope is 403 with all scopes of the operation, and the tool is listed: %s',
  async (era) => {
    const rules: Policy = ({ resource: { kind } }) =>
      kind === 'server'
        ? { allow: true }
        : { allow: false, reason: 'secret-reason', requiredScopes: ['notes:read', 'notes:write'] }
    const { send, record } = gateway(rules, { tools: [tool('a')] }, {}, { scopes: ['notes:read'] })
    expect(await (await send('tools/list', {}, era)).text()).toContain('"a"')
    const refused = await send('tools/call', { name: 'a' }, era)
    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).toContain('scope="mcp notes:read notes:write"')
    expect(await refused.text()).not.toContain('secret-reason')
    expect(record.refusal).toMatchObject({ code: 'insufficient_scope', scopes: ['notes:read', 'notes:write'] })
  },
)

test('where nobody could ask for scopes, a missing one is an error that names them', async () => {
  const rules: Policy = () => ({ allow: false, reason: 'x', requiredScopes: ['a'] })
  const { handle, context } = gateway(rules, { tools: [tool('a')] })
  const request = mcpRequest({ url, method: 'tools/call', params: { name: 'a' } })
  expect(await answer(handle(request, { ...context, refuse: undefined }))).toMatchObject({
    error: { code: -31403, data: { requiredScopes: ['a'] } },
  })
})

test.each(eras)('where no decision can be had, it is 503 for a call and an error for a list: %s', async (era) => {
  const rules: Policy = ({ resource: { kind } }) => {
    if (kind === 'server') return { allow: true }
    throw new Error('secret-reason')
  }
  const { send, record } = gateway(rules, { tools: [tool('a')] })
  const response = await send('tools/call', { name: 'a' }, era)
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
  expect(await response.text()).not.toContain('secret-reason')
  expect(record).toMatchObject({ decision: 'error', refusal: { reason: 'secret-reason' } })
  const list = await (await send('tools/list', {}, era)).text()
  expect(list).toContain('-31503')
  expect(list).not.toContain('"a"')
})

test('an item that alone could not be decided on is left out', async () => {
  const rules: Policy = ({ resource: { name } }) => {
    if (name === 'b') throw new Error('broken')
    return { allow: true }
  }
  const { send } = gateway(rules, { tools: [tool('a'), tool('b')] })
  const text = await (await send('tools/list')).text()
  expect(text).toContain('"a"')
  expect(text).not.toContain('"b"')
})

test.each<[string, object, string, object | undefined]>([
  [
    'resources/read',
    { uri: 'note://2' },
    'legacy',
    { code: -32002, message: 'Resource not found: note://2', data: { uri: 'note://2' } },
  ],
  [
    'resources/read',
    { uri: 'note://2' },
    'modern',
    { code: -32602, message: 'Resource not found: note://2', data: { uri: 'note://2' } },
  ],
  ['resources/subscribe', { uri: 'note://2' }, 'legacy', { code: -32002 }],
  ['resources/subscribe', { uri: 'note://1' }, 'legacy', undefined],
  ['prompts/get', { name: 'p2' }, 'modern', { code: -32602, message: 'Unknown prompt: p2' }],
  ['tasks/get', { taskId: 't2' }, 'modern', { code: -32602, message: 'There is no such task' }],
  ['tasks/cancel', { taskId: 't2' }, 'legacy', { code: -32602, message: 'There is no such task' }],
  ['tasks/cancel', { taskId: 't1' }, 'legacy', undefined],
  [
    'completion/complete',
    { ref: { type: 'ref/prompt', name: 'p2' }, argument: { name: 'x', value: '' } },
    'legacy',
    { code: -32602, message: 'Unknown prompt: p2' },
  ],
  [
    'completion/complete',
    { ref: { type: 'ref/resource', uri: 'file://{id}' }, argument: { name: 'id', value: '' } },
    'modern',
    { code: -32602 },
  ],
  [
    'subscriptions/listen',
    { notifications: { resourceSubscriptions: ['note://1', 'note://2'] } },
    'modern',
    { code: -32602 },
  ],
  ['subscriptions/listen', { notifications: { taskIds: ['t1', 't2'] } }, 'modern', { code: -32602 }],
  ['subscriptions/listen', { notifications: { taskIds: [1] } }, 'modern', { code: -31403 }],
  [
    'subscriptions/listen',
    { notifications: { resourceSubscriptions: ['note://1'], taskIds: ['t1'] } },
    'modern',
    undefined,
  ],
])('%s of %o, %s', async (method, params, era, error) => {
  const rules = named('note://1', 't1', 'p1')
  const { send } = gateway(rules, {
    prompts: ['{"name":"p1"}', '{"name":"p2"}'],
    completion: '{"completion":{"values":[]}}',
  })
  const said = await answer(send(method, params, era as 'legacy'))
  if (error === undefined) expect(said).toHaveProperty('result')
  else expect(said.error).toMatchObject(error)
})

test('what is hidden is hidden in what belongs to it, though a policy speaks of its use alone', async () => {
  const rules: Policy = ({ action, resource: { name } }) =>
    ['prompts/get', 'resources/read', 'tasks/get'].includes(action) && name?.includes('secret')
      ? { allow: false, reason: 'x' }
      : { allow: true }
  const { send } = gateway(rules, { completion: '{"completion":{"values":["a"]}}' })
  for (const [method, params] of [
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'secret' }, argument: { name: 'x', value: '' } }],
    ['resources/subscribe', { uri: 'note://secret' }],
    ['tasks/result', { taskId: 'secret' }],
    ['subscriptions/listen', { notifications: { resourceSubscriptions: ['note://secret'] } }],
  ] as const) {
    expect(await answer(send(method, params)), method).toHaveProperty('error')
  }
})

test('completions lead to nothing that is hidden', async () => {
  const completion = '{"completion":{"total": 3 ,"values":[ "1", "2" ,"3"],"hasMore":false}}'
  const rules: Policy = ({ resource: { name } }) =>
    name?.endsWith('2') ? { allow: false, reason: 'x' } : { allow: true }
  const { send } = gateway(rules, { completion })
  const ask = (uri: string, more = {}) =>
    send('completion/complete', { ref: { type: 'ref/resource', uri }, argument: { name: 'id', value: '' }, ...more })
  expect((await answer(ask('note://{id}'))).result).toEqual({ completion: { values: ['1', '3'], hasMore: false } })
  expect((await answer(ask('note://{+id}'))).result).toEqual({ completion: { values: ['1', '3'], hasMore: false } })
  expect((await answer(ask('note://{folder}/{id}'))).result).toEqual({
    completion: { values: ['1', '3'], hasMore: false },
  })
  expect((await answer(ask('note://{id}/x'))).result).toEqual(JSON.parse(completion))
})

test('unknown methods are asked about as the server, and refused as unknown', async () => {
  const seen: PolicyInput[] = []
  const rules: Policy = (input) => {
    seen.push(input)
    return input.action === 'acme/stats' ? { allow: true } : { allow: false, reason: 'x' }
  }
  const { send } = gateway(rules, {})
  expect(await answer(send('acme/stats'))).toHaveProperty('result')
  expect(seen[0]).toMatchObject({ action: 'acme/stats', resource: { server: url, kind: 'server' } })
  const legacy = await send('acme/drop')
  expect([legacy.status, (await mcpAnswer(legacy)).error?.code]).toEqual([200, -32601])
  const modern = await send('acme/drop', {}, 'modern')
  expect([modern.status, (await mcpAnswer(modern)).error?.code]).toEqual([404, -32601])
  expect(await answer(send('initialize', { protocolVersion: '2025-11-25' }))).toMatchObject({ error: { code: -31403 } })
})

test('a notification that does something is decided on, and hears of nothing; those of the protocol pass', async () => {
  const calls: Message[] = []
  const { handle, context } = gateway(named(), { calls })
  const send = (method: string, params = {}) =>
    handle(
      new Request(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', method, params }),
      }),
      context,
    )
  const response = await send('tools/call', { name: 'a' })
  expect([response.status, await response.text()]).toEqual([202, ''])
  await send('notifications/initialized')
  await send('notifications/cancelled', { requestId: 1 })
  const passed = calls.filter(({ kind }) => kind === 'notification')
  expect(passed.map(({ method }) => method)).toEqual(['notifications/initialized', 'notifications/cancelled'])
})

test('each part of a batch is decided on by itself', async () => {
  const { handle, context } = gateway(named('a'), { tools: [tool('a'), tool('b')] })
  const call = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } })
  const response = await handle(
    new Request(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify([call(1, 'a'), call(2, 'b'), { jsonrpc: '2.0', id: 3, method: 'tools/list' }]),
    }),
    context,
  )
  expect(await response.json()).toMatchObject([
    { id: 1, result: {} },
    { id: 2, error: { message: 'Unknown tool: b' } },
    { id: 3, result: { tools: [{ name: 'a' }] } },
  ])
})

test('a stream of the legacy era shows no list, change or answer that is hidden', async () => {
  const events = [
    `{"jsonrpc":"2.0","id":7,"result":{"tools":[${tool('a')},${tool('b')}]}}`,
    '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a"}}',
    '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"b"}}',
    '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}',
    '{"jsonrpc":"2.0","id":8,"result":{"completion":{"values":["b"]}}}',
  ]
  const { handle, context } = gateway(named('a'), { tools: events })
  const text = await (await handle(new Request(url), context)).text()
  expect(text).toContain(tool('a'))
  expect(text).toContain('{"uri":"a"}')
  expect(text).toContain('notifications/message')
  expect(text).not.toContain('"b"')
  const refused = await gateway(() => ({ allow: false, reason: 'x' }), { tools: events })
  const response = await refused.handle(new Request(url), refused.context)
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
})

test('a filtered list is kept for all who are alike, and used for the same list alone', async () => {
  const decided = vi.fn((input: PolicyInput) => {
    if (input.resource.name === 'b' && !input.subject.roles.includes('boss'))
      return { allow: false as const, reason: 'x' }
    return { allow: true as const }
  })
  const rules: Policy = Object.assign((input: PolicyInput) => decided(input), { dependsOn: ['roles'] as const })
  const lists: Lists = { tools: [tool('a'), tool('b')] }
  const { handle, context } = gateway(rules, lists, {}, { roles: ['r'] })
  const list = async (id: number | string, more: Partial<Context> = {}) =>
    (await handle(mcpRequest({ url, method: 'tools/list', id }), { ...context, ...more })).json()
  const first = await list(1)
  expect(first).toMatchObject({ id: 1, result: { tools: [{ name: 'a' }] } })
  const asked = decided.mock.calls.length
  expect(await list('another "id"')).toEqual({ ...(first as object), id: 'another "id"' })
  expect(await list(1)).toEqual(first)
  expect(decided.mock.calls.length).toBe(asked + 2)
  const boss = { ...context.auth, extra: { ...context.auth?.extra, roles: ['boss'] } } as Context['auth']
  expect(await list(1, { auth: boss })).toMatchObject({ result: { tools: [{ name: 'a' }, { name: 'b' }] } })
  lists.tools?.push(tool('c'))
  expect(await list(1)).toMatchObject({ result: { tools: [{ name: 'a' }, { name: 'c' }] } })
})

test('of a policy that may look at anything, no list is kept', async () => {
  let isOpen = true
  const { send } = gateway(() => (isOpen ? { allow: true } : { allow: false, reason: 'x' }), { tools: [tool('a')] })
  expect(await (await send('tools/list')).text()).toContain('"a"')
  isOpen = false
  expect(await (await send('tools/list')).text()).not.toContain('"a"')
})

test('labels of the operator reach the policy, on list and call; annotations only of servers that are trusted', async () => {
  const seen: unknown[] = []
  const rules: Policy = ({ resource }) => {
    if (resource.kind === 'tool') seen.push([resource.name, resource.labels, resource.annotations])
    return { allow: true }
  }
  const lists = { tools: [tool('read_a', ',"annotations":{"readOnlyHint":true}'), tool('drop')] }
  const labels = { tools: { 'read_*': { risk: 'low' }, drop: { risk: 'high' }, '*': { team: 'notes' } } }
  for (const trustAnnotations of [false, true]) {
    const { send } = gateway(rules, lists, { labels, trustAnnotations })
    await (await send('tools/list')).text()
    await send('tools/call', { name: 'read_a' })
    const hints = trustAnnotations ? { readOnlyHint: true } : undefined
    expect(seen.splice(0)).toEqual([
      ['read_a', { risk: 'low', team: 'notes' }, hints],
      ['drop', { team: 'notes', risk: 'high' }, undefined],
      ['read_a', { risk: 'low', team: 'notes' }, hints],
    ])
  }
})

test('arguments are told on call to a policy that needs them', async () => {
  const seen: unknown[] = []
  const rules: Policy = Object.assign(
    (input: PolicyInput) => {
      seen.push(input.arguments)
      return { allow: true as const }
    },
    { needsArguments: true },
  )
  const { send } = gateway(rules, { tools: [tool('a')] })
  await send('tools/call', { name: 'a', arguments: { path: '/' } })
  expect(seen).toEqual([{ path: '/' }])
})

test('policy ids and what a candidate would have decided go into the record, and to no client', async () => {
  const rules: Policy = () => ({ allow: true, policies: ['rule-7'], shadow: { allow: false, reason: 'secret-reason' } })
  const { send, record } = gateway(rules, { tools: [tool('a')] })
  const response = await send('tools/call', { name: 'a' })
  expect(record).toMatchObject({ policies: ['rule-7'], shadow: { allow: false } })
  expect(JSON.stringify([...response.headers]) + (await response.text())).not.toMatch(/rule-7|secret-reason/)
})

test.each([
  ['policy', () => policy({} as Policy)],
  ['refusals', () => policy(named(), { refusals: 'maybe' as 'error' })],
  ['labels', () => policy(named(), { labels: { tools: { a: 'low' as never } } })],
  ['trustAnnotations', () => policy(named(), { trustAnnotations: 'yes' as never })],
  ['timeout', () => policy(named(), { timeout: 0 })],
])('a wrong %s fails at construction', (name, make) => {
  expect(make).toThrow(name)
})

test('a request that did not pass message, or that is for no known server, is an error of the configuration', async () => {
  const guard = policy(named())
  const post = new Request(url, { method: 'POST', body: '{}' })
  await expect(guard(post, { resource: url }, () => new Response())).rejects.toThrow('behind message')
  const handle = compose([message(), guard], () => new Response())
  await expect(handle(mcpRequest({ url, method: 'tools/list' }), {})).rejects.toThrow('behind bearerAuth')
})
