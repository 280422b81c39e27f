import type { JsonRpcMessage } from '@mcp-gateway/core'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  events,
  eventsOf,
  fixture,
  initialize,
  post,
  readAll,
  Session,
  textOf,
  tokenOf,
  until,
} from '../../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../create-stdio-bridge.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
const create = (options: object = {}, ...args: string[]) => {
  const bridge = createStdioBridge({
    command: process.execPath,
    args: [fixture('hostile-server.mjs'), ...args],
    logger: quiet,
    stopGrace: [0.5, 0.5],
    drainTimeout: 0,
    ...options,
  })
  bridges.push(bridge)
  return bridge
}
const shared = create()
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

describe('initialize', () => {
  test('[L7] passes unchanged and answers with a session id of random visible characters', async () => {
    const message = initialize('2025-06-18', { roots: { listChanged: true }, experimental: { 'x/y': { deep: [1] } } })
    const response = await post(shared, message)
    expect(response.headers.get('mcp-session-id')).toMatch(/^[\x21-\x7e]{32}$/)
    const { result } = (await response.json()) as { result: { protocolVersion: string; _meta: { got: object } } }
    expect(result._meta.got).toEqual((message as { params: object }).params)
    expect(result.protocolVersion).toBe('2025-06-18')
  })

  test('a second one within a session is refused', async () => {
    const session = await Session.open(shared)
    const response = await session.post(initialize())
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ id: 0, error: { code: -32600 } })
  })
})

describe('posting', () => {
  test('[L2] a notification and a response are accepted with 202 and no body', async () => {
    const session = await Session.open(shared)
    for (const message of [
      { jsonrpc: '2.0', method: 'notifications/anything', params: { a: 1 } },
      { jsonrpc: '2.0', id: 99, result: {} },
    ]) {
      const response = await session.post(message)
      expect(response.status).toBe(202)
      expect(await response.text()).toBe('')
    }
  })

  test('[L3] an answer without anything before it is plain JSON, one with progress is a stream that begins with a priming event', async () => {
    const session = await Session.open(shared)
    const plain = await session.post(call(1, 'echo', { a: 1 }))
    expect(plain.headers.get('content-type')).toBe('application/json')
    expect(textOf(await plain.json())).toBe('{"a":1}')
    const stream = await session.post(call(2, 'progress', { steps: 2, ms: 5 }, { progressToken: 'p' }))
    expect(stream.headers.get('content-type')).toBe('text/event-stream')
    expect(stream.headers.get('x-accel-buffering')).toBe('no')
    const [priming, first, second, last, ...rest] = await eventsOf(stream)
    expect(priming).toMatchObject({ id: expect.any(String), data: '' })
    expect(JSON.parse(first?.data ?? '').params).toEqual({ progressToken: 'p', progress: 1, total: 2 })
    expect(JSON.parse(second?.data ?? '').params.progress).toBe(2)
    expect(textOf(JSON.parse(last?.data ?? ''))).toBe('stepped')
    expect(rest).toEqual([])
  })

  test('[L3] a client older than 2025-11-25 gets no event without content', async () => {
    const session = await Session.open(shared, { protocolVersion: '2025-06-18' })
    const stream = await session.post(call(2, 'progress', { steps: 1, ms: 1 }, { progressToken: 1 }))
    const data = (await eventsOf(stream)).map((event) => event.data)
    expect(data).not.toContain('')
    expect(data).toHaveLength(2)
  })

  test('[L10] a client that sends id 1 every time, two at once, gets its own answers and its own progress', async () => {
    const session = await Session.open(shared)
    const responses = await Promise.all(
      Array.from({ length: 8 }, (_, n) => session.post(call(1, 'echo', { n }, { progressToken: 1 }))),
    )
    const texts = await Promise.all(
      responses.map(async (response) => textOf((await readAll(response))[0] as JsonRpcMessage)),
    )
    expect(texts).toEqual(Array.from({ length: 8 }, (_, n) => JSON.stringify({ n })))
    const streams = await Promise.all([
      session.post(call(1, 'progress', { steps: 2, ms: 4 }, { progressToken: 1 })),
      session.post(call(1, 'progress', { steps: 3, ms: 3 }, { progressToken: 1 })),
    ])
    const counts = (await Promise.all(streams.map(readAll))).map((messages) => messages.length)
    expect(counts).toEqual([3, 4])
  })

  test.each([['string'], [0], [9_007_199_254_740_991], ['"quoted" \\ ü \n'], [-5], [1.5]])(
    'an id of %j comes back as it was',
    async (id) => {
      const session = await Session.open(shared)
      expect((await session.answer(call(id, 'echo'))).id).toBe(id)
    },
  )

  test('an id and a token are kept as they are written', async () => {
    const session = await Session.open(shared)
    const body =
      '{ "method" : "tools/call" , "id" : 1.50e1 , "params":{"name":"progress","arguments":{"steps":1,"ms":1},"_meta":{"progressToken":"\\u0041"}},"jsonrpc":"2.0"}'
    const text = await (await session.post(body)).text()
    expect(text).toContain('"id":1.50e1')
    expect(text).toContain('"progressToken":"\\u0041"')
  })

  test('an unknown method, its error and the data of it pass untouched', async () => {
    const session = await Session.open(shared)
    expect(await session.answer({ jsonrpc: '2.0', id: 5, method: 'tasks/get', params: { taskId: 't' } })).toEqual({
      jsonrpc: '2.0',
      id: 5,
      error: { code: -32601, message: 'Method not found', data: { method: 'tasks/get' } },
    })
  })

  test('[S1] raw line ends in a body are white space for the child, not a second message', async () => {
    const session = await Session.open(shared)
    const pretty = JSON.stringify(call(3, 'echo', { text: 'a\nb\r\n' }), null, 2).replaceAll('\n', '\r\n')
    expect(textOf(await session.answer(pretty))).toBe('{"text":"a\\nb\\r\\n"}')
    const smuggling = '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":\n{"name":"echo","arguments":{"a":1}}\n}'
    expect(textOf(await session.answer(smuggling))).toBe('{"a":1}')
    expect(shared.stats().unmatchedResponses).toBe(0)
  })

  test.each([
    ['no JSON', '{', 400, -32700],
    ['no message', '{}', 400, -32600],
    ['an id of null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600],
    ['two ids', '{"jsonrpc":"2.0","id":1,"method":"ping","id":2}', 400, -32600],
    ['two ids for a reader that ignores case', '{"jsonrpc":"2.0","id":1,"method":"ping","ID":2}', 400, -32600],
    ['a batch of a revision without batches', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 400, -32600],
  ])('[L1] a body with %s is refused with a JSON-RPC error', async (_, body, status, code) => {
    const session = await Session.open(shared)
    const response = await session.post(body, { 'MCP-Protocol-Version': '2025-11-25' })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { code } })
  })

  test('[L1] a batch of 2025-03-26 is split and its answers are joined', async () => {
    const session = await Session.open(shared, { protocolVersion: '2025-03-26' })
    const response = await session.post([call(1, 'echo', { a: 1 }), call(2, 'echo', { a: 2 })])
    const answers = (await response.json()) as JsonRpcMessage[]
    expect(answers.map((answer) => [answer.id, textOf(answer)])).toEqual([
      [1, '{"a":1}'],
      [2, '{"a":2}'],
    ])
  })

  test.each([
    ['application/json', 406],
    ['text/html', 406],
    ['text/event-stream, application/json;q=0', 406],
    ['*/*', 200],
    ['text/*, application/*', 200],
  ])('Accept: %s is answered %i', async (accept, status) => {
    const session = await Session.open(shared)
    expect((await session.post(call(1, 'echo'), { Accept: accept })).status).toBe(status)
  })

  test('[attack 156] another method is 405 and names those that there are', async () => {
    const response = await shared.fetch(new Request('http://127.0.0.1/mcp', { method: 'PUT' }))
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST, GET, DELETE')
  })
})

describe('sessions', () => {
  test('[L7] no session id is 400, an unknown or ended one is 404, whatever its form', async () => {
    const session = await Session.open(shared)
    expect((await post(shared, call(1, 'echo'))).status).toBe(400)
    for (const id of ['x', 'A'.repeat(32), '__proto__', '../../etc', ' ', 'é']) {
      const stranger = new Session(shared, id, {})
      expect((await stranger.post(call(1, 'echo'))).status).toBe(404)
    }
    expect((await session.request('DELETE')).status).toBe(204)
    expect((await session.post(call(1, 'echo'))).status).toBe(404)
    expect((await session.request('DELETE')).status).toBe(404)
    expect((await session.request('GET')).status).toBe(404)
  })

  test('DELETE ends the process of the session', async () => {
    const session = await Session.open(shared)
    const children = shared.stats().children
    await session.request('DELETE')
    await until(() => shared.stats().children === children - 1, 'the child is gone')
  })

  test.each([
    ['2025-11-25', 200],
    ['2024-11-05', 200],
    ['1999-01-01', 400],
    ['nonsense', 400],
  ])('[L8] MCP-Protocol-Version: %s is answered %i', async (version, status) => {
    const session = await Session.open(shared)
    expect((await session.post(call(1, 'echo'), { 'MCP-Protocol-Version': version })).status).toBe(status)
  })

  test.each([
    ['another user', { auth: tokenOf('mallory'), resource: 'https://a/mcp' }, 404],
    ['another audience', { auth: tokenOf('alice'), resource: 'https://b/mcp' }, 404],
    ['fewer scopes', { auth: tokenOf('alice', ['read']), resource: 'https://a/mcp' }, 404],
    ['no token', { resource: 'https://a/mcp' }, 404],
    [
      'the same user of another issuer',
      { auth: { ...tokenOf('alice'), extra: { issuer: 'https://evil', subject: 'alice' } }, resource: 'https://a/mcp' },
      404,
    ],
    [
      'the same, with its scopes in another order',
      { auth: tokenOf('alice', ['write', 'read']), resource: 'https://a/mcp' },
      200,
    ],
    [
      'the same after a step-up',
      { auth: tokenOf('alice', ['read', 'write', 'admin']), resource: 'https://a/mcp' },
      200,
    ],
  ])('[L9] with a token of %s, a session is answered as %j says', async (_, context, status) => {
    const owner = { auth: tokenOf('alice', ['read', 'write']), resource: 'https://a/mcp' }
    const { id } = await Session.open(shared, { context: owner })
    const other = new Session(shared, id, context)
    expect((await other.post(call(1, 'echo'))).status).toBe(status)
    if (status !== 404) return
    expect((await other.request('GET')).status).toBe(404)
    expect((await other.request('DELETE')).status).toBe(404)
    expect((await other.post({ jsonrpc: '2.0', id: 1, result: {} })).status).toBe(404)
    expect((await new Session(shared, id, owner).post(call(1, 'echo'))).status).toBe(200)
  })
})

describe('streams', () => {
  test('[L4] GET opens a stream that gets what belongs to no request', async () => {
    const session = await Session.open(shared)
    const stream = events(await session.request('GET'))
    expect((await stream.next()).value?.data).toBe('')
    await session.answer(call(1, 'later'))
    const { value } = await stream.next()
    expect(JSON.parse(value?.data ?? '')).toEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await stream.return(undefined)
  })

  test('[L4] GET without an Accept for streams is 406', async () => {
    const session = await Session.open(shared)
    expect((await session.request('GET', { Accept: 'application/json' })).status).toBe(406)
  })

  test('[L5] of several GET streams exactly one gets a message', async () => {
    const session = await Session.open(shared, { protocolVersion: '2025-06-18' })
    const responses = [await session.request('GET'), await session.request('GET')]
    const got: string[] = []
    const ended = responses.map(async (response) => {
      for await (const { data } of events(response)) got.push(data)
    })
    await session.answer(call(1, 'later'))
    await until(() => got.length > 0, 'one of them has got it')
    await session.request('DELETE')
    await Promise.all(ended)
    expect(got).toEqual(['{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'])
  })

  test('what is said while no stream is open waits for one', async () => {
    const session = await Session.open(shared, { protocolVersion: '2025-06-18' })
    await session.answer(call(1, 'later'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const stream = events(await session.request('GET'))
    expect((await stream.next()).value?.data).toContain('list_changed')
    await stream.return(undefined)
  })

  test('[L3, L6] a client that loses a stream gets the rest with Last-Event-ID, from that stream alone', async () => {
    const session = await Session.open(shared)
    const other = await session.post(call(9, 'progress', { steps: 8, ms: 10 }, { progressToken: 'other' }))
    const response = await session.post(call(1, 'progress', { steps: 6, ms: 10 }, { progressToken: 'mine' }))
    const stream = events(response)
    await stream.next()
    const { value: seen } = await stream.next()
    await stream.return(undefined)
    const resumed = await session.request('GET', { 'Last-Event-ID': seen?.id ?? '' })
    expect(resumed.status).toBe(200)
    const messages = await readAll(resumed)
    const steps = messages.slice(0, -1).map(({ params }) => [params?.progressToken, params?.progress])
    expect(steps).toEqual([2, 3, 4, 5, 6].map((step) => ['mine', step]))
    expect(messages.at(-1)?.id).toBe(1)
    expect((await readAll(other)).at(-1)?.id).toBe(9)
  })

  test('[L6] the end of a finished stream can be had again; what is not kept is 400', async () => {
    const session = await Session.open(shared)
    const all = await eventsOf(await session.post(call(1, 'progress', { steps: 2, ms: 1 }, { progressToken: 1 })))
    const again = await eventsOf(await session.request('GET', { 'Last-Event-ID': all[1]?.id ?? '' }))
    expect(again).toEqual(all.slice(2))
    for (const id of ['', 'x', '7-7', '999-1', '1-999']) {
      expect((await session.request('GET', { 'Last-Event-ID': id })).status).toBe(400)
    }
  })

  test('[L6] another session cannot replay a stream', async () => {
    const session = await Session.open(shared)
    const stream = await eventsOf(await session.post(call(1, 'progress', { steps: 1, ms: 1 }, { progressToken: 1 })))
    const other = await Session.open(shared)
    expect((await other.request('GET', { 'Last-Event-ID': stream[0]?.id ?? '' })).status).toBe(400)
  })

  test('the history is bounded in bytes, and a gap in it is told', async () => {
    const bridge = create({ historyBytes: 3000 })
    const session = await Session.open(bridge)
    const stream = await eventsOf(await session.post(call(1, 'flood', { count: 20, bytes: 500 })))
    expect(stream.length).toBeGreaterThan(20)
    expect((await session.request('GET', { 'Last-Event-ID': stream[1]?.id ?? '' })).status).toBe(400)
    const tail = await session.request('GET', { 'Last-Event-ID': stream.at(-3)?.id ?? '' })
    expect(await eventsOf(tail)).toEqual(stream.slice(-2))
  })

  test('a silent stream gets comments, and a silent answer becomes a stream in time for proxies', async () => {
    const bridge = create({ keepAlive: 0.05 })
    const session = await Session.open(bridge)
    const response = await session.request('GET')
    const reader = response.body?.getReader()
    await reader?.read()
    const { value } = (await reader?.read()) ?? {}
    expect(new TextDecoder().decode(value)).toBe(': keep-alive\n\n')
    await reader?.cancel()
  })
})

describe('streams that have not begun, and those that end', () => {
  test('[L6] there is nothing to come back to before a POST has been answered', async () => {
    const bridge = create()
    const session = await Session.open(bridge)
    const hanging = session.post(call(1, 'hang'))
    await until(() => bridge.stats().inFlight === 1, 'it waits')
    for (const stream of [1, 2, 3, 4]) {
      expect((await session.request('GET', { 'Last-Event-ID': `${stream}-0` })).status).toBe(400)
    }
    await session.request('DELETE')
    await (await hanging).text()
  })

  test('[L3] a bridge that shuts down tells its clients when to come back', async () => {
    const bridge = create()
    const [one, other] = await Promise.all([
      Session.open(bridge),
      Session.open(bridge, { protocolVersion: '2025-06-18' }),
    ])
    const streams = await Promise.all([one.request('GET'), other.request('GET')])
    await bridge.close()
    const [told, silent] = await Promise.all(streams.map((response) => response.text()))
    expect(told).toMatch(/retry: 5000\n\n$/)
    expect(silent).not.toContain('retry')
  })
})

describe('requests of the server', () => {
  const asking = { capabilities: { elicitation: {} } }

  test('arrive on the stream of the call that they belong to, and their answer reaches the child', async () => {
    const session = await Session.open(shared, asking)
    const stream = events(await session.post(call(7, 'elicit', { message: 'Your name?' })))
    await stream.next()
    const asked = JSON.parse((await stream.next()).value?.data ?? '')
    expect(asked).toMatchObject({ method: 'elicitation/create', params: { message: 'Your name?' } })
    const answer = {
      jsonrpc: '2.0',
      id: asked.id,
      result: { action: 'accept', content: { n: 9007199254740993n.toString() } },
    }
    expect((await session.post(answer)).status).toBe(202)
    const last = JSON.parse((await stream.next()).value?.data ?? '')
    expect(textOf(last)).toBe(JSON.stringify(answer.result))
  })

  test('a second answer, and one to a question that nobody asked, reach nobody', async () => {
    const session = await Session.open(shared, asking)
    const stream = events(await session.post(call(7, 'elicit')))
    await stream.next()
    const { id } = JSON.parse((await stream.next()).value?.data ?? '')
    for (const [answered, action] of [
      [id + 1, 'decline'],
      ['x', 'decline'],
      [id, 'accept'],
      [id, 'decline'],
    ]) {
      await session.post({ jsonrpc: '2.0', id: answered, result: { action } })
    }
    expect(textOf(JSON.parse((await stream.next()).value?.data ?? ''))).toBe('{"action":"accept"}')
  })

  test('one session cannot answer what another was asked', async () => {
    const session = await Session.open(shared, asking)
    const other = await Session.open(shared, asking)
    const stream = events(await session.post(call(7, 'elicit')))
    await stream.next()
    const { id } = JSON.parse((await stream.next()).value?.data ?? '')
    await other.post({ jsonrpc: '2.0', id, result: { action: 'stolen' } })
    await session.post({ jsonrpc: '2.0', id, result: { action: 'accept' } })
    expect(textOf(JSON.parse((await stream.next()).value?.data ?? ''))).toBe('{"action":"accept"}')
  })

  test('a withdrawal names the request as the client knows it', async () => {
    const session = await Session.open(shared, asking)
    const messages = await readAll(await session.post(call(7, 'ask-and-withdraw')))
    const [asked, withdrawn] = messages
    expect(withdrawn).toMatchObject({ method: 'notifications/cancelled', params: { requestId: asked?.id } })
  })
})

describe('cancelling', () => {
  test('[S3] reaches the child with the number that it knows, and ends the answer', async () => {
    const session = await Session.open(shared)
    const hanging = session.post(call('c', 'hang'))
    const listening = events(await session.request('GET'))
    await listening.next()
    const cancelled = {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'c', reason: 'enough' },
    }
    expect((await session.post(cancelled)).status).toBe(202)
    expect(await readAll(await hanging)).toEqual([])
    let heard = ''
    for await (const { data } of listening) {
      heard = data
      if (data.includes('cancelled')) break
    }
    expect(JSON.parse(heard).params.data.params).toEqual({ requestId: expect.any(Number), reason: 'enough' })
    expect((await session.answer(call(2, 'echo'))).id).toBe(2)
  })

  test('[L3] a lost connection does not cancel', async () => {
    const session = await Session.open(shared)
    const response = await session.post(call(1, 'progress', { steps: 2, ms: 30 }, { progressToken: 1 }))
    await response.body?.cancel()
    await until(() => shared.stats().inFlight === 0, 'the call is over')
    expect(textOf(await session.answer(call(2, 'echo', {})))).toBe('{}')
  })
})

describe('transforms', () => {
  test('see each message once, in order, before it enters the history; what they change is what a client gets again', async () => {
    const seen: string[] = []
    const transform = async (message: { json(): JsonRpcMessage; with(m: JsonRpcMessage): never; kind: string }) => {
      seen.push(message.kind)
      await new Promise((resolve) => setTimeout(resolve, seen.length === 1 ? 20 : 0))
      return message.with({ ...message.json(), transformed: true })
    }
    const context = { transforms: [transform as never] }
    const { id } = await Session.open(shared)
    const session = new Session(shared, id, context)
    const all = await eventsOf(await session.post(call(1, 'progress', { steps: 2, ms: 1 }, { progressToken: 1 })))
    const messages = all.slice(1).map(({ data }) => JSON.parse(data))
    expect(messages.map(({ transformed }) => transformed)).toEqual([true, true, true])
    expect(seen).toEqual(['notification', 'notification', 'response'])
    const again = await session.request('GET', { 'Last-Event-ID': all[0]?.id ?? '' })
    expect(await readAll(again)).toEqual(messages)
    expect(seen).toHaveLength(3)
  })

  test('what a transform holds back never leaves, and a question held back is refused to the child', async () => {
    const { id } = await Session.open(shared, { capabilities: { elicitation: {} } })
    const context = {
      transforms: [(message: { kind: string }) => (message.kind === 'request' ? undefined : message) as never],
    }
    const session = new Session(shared, id, context)
    expect(await session.callText(1, 'elicit')).toContain('withheld')
  })

  test('a transform that throws lets nothing pass', async () => {
    const { id } = await Session.open(shared)
    const context = { transforms: [() => Promise.reject(new Error('boom'))] }
    const response = await new Session(shared, id, context).post(call(1, 'echo', { secret: 's3cret' }))
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('s3cret')
  })
})

describe('time', () => {
  test('a request without an answer fails after its time, and progress gives it more', async () => {
    const bridge = create({ requestTimeout: 0.6 })
    const session = await Session.open(bridge)
    expect(await session.answer(call(1, 'hang'))).toMatchObject({
      id: 1,
      error: { code: -32603, data: { reason: 'timeout' } },
    })
    const stepped = await readAll(await session.post(call(2, 'progress', { steps: 20, ms: 50 }, { progressToken: 1 })))
    expect(textOf(stepped.at(-1) as JsonRpcMessage)).toBe('stepped')
  })

  test('progress does not give it more than the most', async () => {
    const bridge = create({ requestTimeout: 0.2, maxRequestTime: 0.3 })
    const session = await Session.open(bridge)
    const stepped = await readAll(await session.post(call(2, 'progress', { steps: 50, ms: 30 }, { progressToken: 1 })))
    expect(stepped.at(-1)).toMatchObject({ error: { data: { reason: 'timeout' } } })
  })

  test('an idle session ends with its process; one with an open stream does not', async () => {
    const bridge = create({ idleTimeout: 0.5 })
    const idle = await Session.open(bridge)
    const listening = await Session.open(bridge)
    const stream = await listening.request('GET')
    await until(() => bridge.stats().sessions === 1 && bridge.stats().children === 1, 'the idle one is gone')
    expect((await idle.post(call(1, 'echo'))).status).toBe(404)
    expect((await listening.post(call(1, 'echo'))).status).toBe(200)
    await stream.body?.cancel()
  })

  test('a session ends at its age', async () => {
    const bridge = create({ maxSessionAge: 0.1 })
    const session = await Session.open(bridge)
    await session.request('GET')
    await until(() => bridge.stats().sessions === 0, 'it is over')
  })
})
