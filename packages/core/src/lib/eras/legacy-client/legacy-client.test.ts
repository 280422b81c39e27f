import { describe, expect, test } from 'vitest'
import type { EraAnswer, EraLink, EraLinkCall, EraRequest } from '../era-server.js'
import { type ModernServerOptions, modernServer } from '../modern-server/modern-server.js'
import { type LegacyClient, type LegacyClientOptions, legacyClient } from './legacy-client.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const bytes = (text: string) => encoder.encode(text)
const text = (raw: Uint8Array | undefined) => (raw === undefined ? '' : decoder.decode(raw))
const key = (name: string) => `io.modelcontextprotocol/${name}`

interface Sent {
  readonly request: EraRequest
  readonly params: Record<string, unknown> & { _meta: Record<string, unknown> }
  readonly raw: string
  readonly call: EraLinkCall
  cancelled?: string
}

const discovered = {
  supportedVersions: ['2026-07-28'],
  capabilities: {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    logging: {},
    completions: {},
  },
  instructions: 'Be \u00e9xact',
  ttlMs: 0,
  cacheScope: 'public',
  _meta: { [key('serverInfo')]: { name: 'modern', version: '2', title: 'Modern' } },
}

/** A modern server that is played by the test. */
class FakeLink implements EraLink {
  listener = { notified: () => {}, asked: () => () => {}, ended: () => {} } as EraLink['listener']
  readonly sent: Sent[] = []
  readonly notifications: string[] = []
  discovery: unknown = discovered
  /** Answers at once; what it leaves out waits. */
  answer: (sent: Sent) => unknown = () => undefined

  request(request: EraRequest, call: EraLinkCall): (reason: string) => void {
    const raw = text(request.params)
    const sent: Sent = { request, params: JSON.parse(raw), raw, call }
    this.sent.push(sent)
    const answer = request.method === 'server/discover' ? this.discovery : this.answer(sent)
    if (answer !== undefined) call.answered(toAnswer(answer))
    return (reason) => {
      sent.cancelled = reason
    }
  }

  notify({ method, params }: EraRequest): void {
    this.notifications.push(`${method} ${text(params)}`)
  }

  of(method: string): Sent[] {
    return this.sent.filter(({ request }) => request.method === method)
  }

  /** The open listener, told that it is one. */
  acknowledge(granted?: object): Sent {
    const listen = this.of('subscriptions/listen').at(-1)
    if (listen === undefined) throw new Error('Nobody listens')
    const notifications = granted ?? listen.params.notifications
    tell(listen, 'notifications/subscriptions/acknowledged', { notifications })
    return listen
  }
}

function toAnswer(answer: unknown): EraAnswer {
  if (typeof answer === 'string') return { result: bytes(answer) }
  const { error } = answer as { error?: { code: number } }
  if (error !== undefined) return { error: bytes(JSON.stringify(error)), code: error.code }
  return { result: bytes(JSON.stringify(answer)) }
}

function tell({ call }: Sent, method: string, params: object): void {
  const tagged = { ...params, _meta: { [key('subscriptionId')]: 7 } }
  call.related({ method, params: bytes(JSON.stringify(tagged)) })
}

interface Message {
  readonly id?: unknown
  readonly method?: string
  // biome-ignore lint/suspicious/noExplicitAny: what tests look into
  readonly params?: any
  // biome-ignore lint/suspicious/noExplicitAny: what tests look into
  readonly result?: any
  readonly error?: { code: number; message: string; data?: unknown }
}

/** One request and everything that came of it, in order. */
class Call {
  readonly messages: { readonly what: string; readonly raw: string; readonly question?: number }[] = []
  readonly done: Promise<Message>
  readonly cancel: () => void
  code: number | undefined

  constructor(client: LegacyClient, message: object | string) {
    let finish: (message: Message) => void = () => {}
    this.done = new Promise((resolve) => {
      finish = resolve
    })
    const take = (what: string) => (message: Uint8Array, question?: number) => {
      this.messages.push({ what, raw: text(message), question })
    }
    const raw = bytes(typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message }))
    this.cancel = client.request(raw, {
      related: take('related'),
      asked: take('asked'),
      withdrawn: take('withdrawn'),
      answered: (answer, code) => {
        this.code = code
        take('answered')(answer)
        finish(JSON.parse(text(answer)))
      },
    })
  }

  asked(): { readonly raw: string; readonly question: number; readonly message: Message }[] {
    return this.messages.flatMap(({ what, raw, question }) =>
      what === 'asked' && question !== undefined ? [{ raw, question, message: JSON.parse(raw) }] : [],
    )
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve))

async function open(
  capabilities: object = {},
  protocolVersion = '2025-11-25',
  options: ModernServerOptions & Partial<LegacyClientOptions> = {},
) {
  const link = new FakeLink()
  const heard: Message[] = []
  const client = legacyClient(modernServer(link, options), {
    principal: 'alice',
    notified: (message) => heard.push(JSON.parse(text(message))),
    ...options,
  })
  const params = { protocolVersion, capabilities, clientInfo: { name: 'test', version: '1' } }
  const initialized = await new Call(client, { id: 0, method: 'initialize', params }).done
  return { link, client, heard, initialized, request: (message: object | string) => new Call(client, message) }
}

const tool = (name: string, more: object = {}) => ({ id: 1, method: 'tools/call', params: { name, ...more } })
const form = { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } }
const elicit = { method: 'elicitation/create', params: form }
const input = (inputRequests: object, requestState?: string) => ({
  resultType: 'input_required',
  inputRequests,
  ...(requestState === undefined ? {} : { requestState }),
})
const reply = (client: LegacyClient, question: number, result: unknown) =>
  client.reply(question, bytes(JSON.stringify({ jsonrpc: '2.0', id: question, result })))
const all = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }

describe('initialize', () => {
  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1.0', '2025-11-25'],
  ])('[L7] of a client of %s is answered as %s', async (asked, answered) => {
    const { initialized } = await open({}, asked)
    expect(initialized.result.protocolVersion).toBe(answered)
  })

  test('tells what the server is and can do, and what it says of itself', async () => {
    const { initialized } = await open()
    expect(initialized).toEqual({
      jsonrpc: '2.0',
      id: 0,
      result: {
        protocolVersion: '2025-11-25',
        capabilities: discovered.capabilities,
        serverInfo: { name: 'modern', version: '2', title: 'Modern' },
        instructions: 'Be éxact',
      },
    })
  })

  test('a server without a name gets one, since the era wants it', async () => {
    const link = new FakeLink()
    link.discovery = { supportedVersions: ['2026-07-28'], capabilities: {} }
    const client = legacyClient(modernServer(link), { principal: '', notified: () => {} })
    const { result } = await new Call(client, { id: 1, method: 'initialize', params: {} }).done
    expect(result.serverInfo).toEqual({ name: 'unknown', version: 'unknown' })
  })

  test.each([
    ['refuses', { error: { code: -32603, message: 'Not today' } }, 'Not today'],
    ['answers rubbish', { capabilities: 1 }, 'The server does not say what it is'],
  ])('fails where the server %s, and is tried again', async (_what, discovery, message) => {
    const link = new FakeLink()
    link.discovery = discovery
    const client = legacyClient(modernServer(link), { principal: '', notified: () => {} })
    const initialize = { id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } }
    expect((await new Call(client, initialize).done).error?.message).toBe(message)
    link.discovery = discovered
    expect((await new Call(client, initialize).done).result.protocolVersion).toBe('2025-11-25')
  })

  test('is asked of the server once while its answer may be kept', async () => {
    const link = new FakeLink()
    link.discovery = { ...discovered, ttlMs: 60_000 }
    const server = modernServer(link)
    await Promise.all([server.discover(), server.discover()])
    await server.discover()
    expect(link.of('server/discover')).toHaveLength(1)
  })
})

describe('what is held here', () => {
  test('ping, and notifications that the modern era has no word for', async () => {
    const { link, client, request } = await open()
    expect(await request({ id: 'p', method: 'ping' }).done).toEqual({ jsonrpc: '2.0', id: 'p', result: {} })
    for (const method of ['initialized', 'progress', 'cancelled', 'roots/list_changed']) {
      client.notify(bytes(JSON.stringify({ jsonrpc: '2.0', method: `notifications/${method}` })))
    }
    client.notify(bytes('{"jsonrpc":"2.0","method":"notifications/own","params":{"n":12345678901234567890}}'))
    expect(link.notifications).toEqual(['notifications/own {"n":12345678901234567890}'])
    expect(link.of('ping')).toEqual([])
  })

  test('[M22] the log level goes with each request', async () => {
    const { link, request } = await open()
    link.answer = () => ({ resultType: 'complete', content: [] })
    await request(tool('a')).done
    expect(await request({ id: 1, method: 'logging/setLevel', params: { level: 'error' } }).done).toMatchObject({
      result: {},
    })
    await request(tool('b')).done
    expect(link.of('tools/call').map(({ params }) => params._meta[key('logLevel')])).toEqual(['debug', 'error'])
    expect(link.of('logging/setLevel')).toEqual([])
  })

  test('a level that there is not is refused', async () => {
    const { request } = await open()
    const { error } = await request({ id: 1, method: 'logging/setLevel', params: { level: 'loud' } }).done
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('debug, info') })
  })

  test('a server without a log is asked for none', async () => {
    const link = new FakeLink()
    link.discovery = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }
    link.answer = () => ({ content: [] })
    const client = legacyClient(modernServer(link), { principal: '', notified: () => {} })
    await new Call(client, { id: 1, method: 'initialize', params: { capabilities: {} } }).done
    await new Call(client, tool('a')).done
    expect(link.of('tools/call')[0]?.params._meta).not.toHaveProperty([key('logLevel')])
  })
})

describe('a request', () => {
  test('[M6, M11] carries who asks, beside what the client wrote, byte for byte', async () => {
    const { link, request } = await open({ sampling: {} })
    link.answer = () => '{"content":[],"n":98765432109876543210,"e":"\\u00e9"}'
    const raw =
      '{"jsonrpc":"2.0","id":"\\u0061","method":"tools/call","params":{"name":"t","arguments":{"b":12345678901234567890,"a":"\\u00e9"},"_meta":{"own":1,"progressToken":"p"}}}'
    const call = request(raw)
    await call.done
    const [{ raw: sent, params, call: by }] = link.of('tools/call') as [Sent]
    expect(sent).toContain('"arguments":{"b":12345678901234567890,"a":"\\u00e9"}')
    expect(params._meta).toEqual({
      [key('protocolVersion')]: '2026-07-28',
      [key('clientCapabilities')]: { sampling: {} },
      [key('clientInfo')]: { name: 'test', version: '1' },
      [key('logLevel')]: 'debug',
      own: 1,
      progressToken: 'p',
    })
    expect(by.principal).toBe('alice')
    expect(call.messages.at(-1)?.raw).toBe(
      '{"jsonrpc":"2.0","id":"\\u0061","result":{"content":[],"n":98765432109876543210,"e":"\\u00e9"}}',
    )
  })

  test.each([
    ['no params', '{"jsonrpc":"2.0","id":1,"method":"x"}'],
    ['empty params', '{"jsonrpc":"2.0","id":1,"method":"x","params":{ }}'],
    ['an empty _meta', ' {"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{ }}}'],
    ['a _meta that is none', '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":null}}'],
  ])('with %s carries it too', async (_what, raw) => {
    const { link, request } = await open()
    link.answer = () => ({})
    await request(raw).done
    expect(link.of('x')[0]?.params._meta[key('protocolVersion')]).toBe('2026-07-28')
  })

  test('cannot say that somebody else asks, nor bring answers that nobody gave', async () => {
    const { link, request } = await open()
    link.answer = () => ({})
    const _meta = {
      [key('clientCapabilities')]: { sampling: {} },
      [key('protocolVersion')]: '1',
      [key('logLevel')]: 'debug',
      [key('related-task')]: { taskId: 't' },
    }
    const params = { name: 't', inputResponses: { a: {} }, requestState: 's', _meta }
    await request({ id: 1, method: 'tools/call', params }).done
    const [{ raw, params: sent }] = link.of('tools/call') as [Sent]
    expect(raw.match(/clientCapabilities/g)).toHaveLength(1)
    expect(sent).toEqual({ name: 't', _meta: expect.objectContaining({ [key('clientCapabilities')]: {} }) })
    expect(sent._meta[key('related-task')]).toEqual({ taskId: 't' })
  })

  test.each([
    ['tools/call', '{"resultType":"complete","content":[1]}', '{"content":[1]}'],
    ['tools/call', '{"content":[1], "resultType":"complete" ,"x":2}', '{"content":[1],"x":2}'],
    ['tools/call', '{"content":[1],"resultType":"complete"}', '{"content":[1]}'],
    ['tools/call', '{"content":[],"ttlMs":5,"cacheScope":"mine"}', '{"content":[],"ttlMs":5,"cacheScope":"mine"}'],
    ['tools/list', '{"resultType":"complete","tools":[],"ttlMs":5,"cacheScope":"public"}', '{"tools":[]}'],
    [
      'resources/templates/list',
      '{"ttlMs":5,"cacheScope":"public","resourceTemplates":[]}',
      '{"resourceTemplates":[]}',
    ],
    ['resources/read', '{"ttlMs":0,"contents":[],"cacheScope":"private"}', '{"contents":[]}'],
    ['x', '{"resultType":"complete"}', '{}'],
    ['x', `{"a":1,"_meta":{"${key('serverInfo')}":{"name":"s"}},"resultType":"complete"}`, '{"a":1}'],
    ['x', `{"a":1,"_meta":{"${key('serverInfo')}":{},"own":1}}`, '{"_meta":{"own":1},"a":1}'],
    ['x', '{"a":1,"_meta":{"own":1}}', '{"a":1,"_meta":{"own":1}}'],
    ['tools/call', '{"resultType":"task","taskId":"t","ttlMs":5}', '{"resultType":"task","taskId":"t","ttlMs":5}'],
    ['x', 'null', 'null'],
  ])('[M19] %s: the result %s is %s to a legacy client', async (method, modern, legacy) => {
    const { link, request } = await open()
    link.answer = () => modern
    const call = request({ id: 1, method, params: {} })
    await call.done
    expect(call.messages.at(-1)?.raw).toBe(`{"jsonrpc":"2.0","id":1,"result":${legacy}}`)
  })

  test.each([
    ['tools/call', '{"content":[],"structuredContent":{"a":1}}', '{"content":[],"structuredContent":{"a":1}}'],
    [
      'tools/call',
      '{"content":[],"structuredContent":[1.0]}',
      '{"content":[{"type":"text","text":"[1.0]"}],"structuredContent":{"result":[1.0]}}',
    ],
    [
      'tools/call',
      '{"structuredContent":7,"content":[{"type":"image"}]}',
      '{"structuredContent":{"result":7},"content":[{"type":"image"},{"type":"text","text":"7"}]}',
    ],
    [
      'tools/call',
      '{"content":[{"type":"text","text":"x"}],"structuredContent":null}',
      '{"content":[{"type":"text","text":"x"}],"structuredContent":{"result":null}}',
    ],
    [
      'tools/list',
      '{"tools":[{"name":"a","outputSchema":{"type":"array"}},{"outputSchema":{"type":"object"},"name":"b"},{"name":"c"}]}',
      '{"tools":[{"name":"a"},{"outputSchema":{"type":"object"},"name":"b"},{"name":"c"}]}',
    ],
    ['tools/list', '{"tools":[{"outputSchema":{"anyOf":[]},"name":"a"}]}', '{"tools":[{"name":"a"}]}'],
  ])('%s: structured content is an object to a legacy client: %s', async (method, modern, legacy) => {
    const { link, request } = await open()
    link.answer = () => modern
    const call = request({ id: 1, method, params: {} })
    await call.done
    expect(call.messages.at(-1)?.raw).toBe(`{"jsonrpc":"2.0","id":1,"result":${legacy}}`)
  })

  test.each([
    [-32020, -32603],
    [-32021, -32602],
    [-32022, -32603],
    [-32601, -32601],
    [-32602, -32602],
    [-32042, -32042],
    [7, 7],
  ])('that fails with %s fails with %s, its text and data as they are', async (modern, legacy) => {
    const { link, request } = await open()
    link.answer = () => ({ error: { code: modern, message: 'Why', data: { a: [1] } } })
    const call = request(tool('t'))
    expect((await call.done).error).toEqual({ code: legacy, message: 'Why', data: { a: [1] } })
    expect(call.code).toBe(legacy)
  })

  test('gets its progress and its log lines before its answer', async () => {
    const { link, request } = await open()
    const call = request(tool('t', { _meta: { progressToken: 5 } }))
    const [{ call: at }] = link.of('tools/call') as [Sent]
    at.related({ method: 'notifications/progress', params: bytes('{"progressToken":5,"progress":1}') })
    at.related({ method: 'notifications/message', params: bytes('{"level":"info","data":1}') })
    at.answered({ result: bytes('{"content":[]}') })
    await call.done
    expect(call.messages.map(({ what, raw }) => [what, JSON.parse(raw).method])).toEqual([
      ['related', 'notifications/progress'],
      ['related', 'notifications/message'],
      ['answered', undefined],
    ])
  })

  test('that is cancelled is cancelled at the server, and hears nothing more', async () => {
    const { link, request } = await open()
    const call = request(tool('t'))
    call.cancel()
    const [sent] = link.of('tools/call') as [Sent]
    expect(sent.cancelled).toBe('The client cancelled the request')
    sent.call.related({ method: 'notifications/progress' })
    sent.call.answered({ result: bytes('{}') })
    await settle()
    expect(call.messages).toEqual([])
  })

  test('for a subscription of the other era is not known here', async () => {
    const { link, request } = await open()
    expect((await request({ id: 1, method: 'subscriptions/listen', params: {} }).done).error?.code).toBe(-32601)
    expect(link.of('subscriptions/listen')).toHaveLength(1)
  })

  test.each(['completion/complete', 'tasks/get', 'prompts/list', 'x/own'])('%s passes', async (method) => {
    const { link, request } = await open()
    link.answer = () => ({ resultType: 'complete', a: 1 })
    expect((await request({ id: 1, method, params: { taskId: 't' } }).done).result).toEqual({ a: 1 })
    expect(link.of(method)[0]?.params.taskId).toBe('t')
  })
})

describe('a result that asks', () => {
  test('[M20] for several things at once becomes as many requests, and goes on with all the answers', async () => {
    const { link, client, request } = await open(all)
    const sampling = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } }
    link.answer = ({ params }) =>
      params.inputResponses === undefined
        ? input({ who: elicit, 'wh"y': sampling, roots: { method: 'roots/list' } }, 'st\u00e9te"')
        : { resultType: 'complete', content: [params] }
    const call = request(tool('t', { arguments: { a: 1 } }))
    await settle()
    const asked = call.asked()
    expect(asked.map(({ message }) => message.method)).toEqual([
      'elicitation/create',
      'sampling/createMessage',
      'roots/list',
    ])
    expect(asked[0]?.message.params).toEqual(form)
    const [first, second, third] = asked.map(({ question }) => question) as [number, number, number]
    client.reply(second, bytes(`{"jsonrpc":"2.0","id":${second},"result":{"content":12345678901234567890}}`))
    reply(client, first, { action: 'accept', content: { name: 'A' } })
    reply(client, third, { roots: [] })
    const { result } = await call.done
    expect(result.content[0]).toMatchObject({
      name: 't',
      arguments: { a: 1 },
      inputResponses: { who: { action: 'accept', content: { name: 'A' } }, 'wh"y': {}, roots: { roots: [] } },
      requestState: 'st\u00e9te"',
    })
    expect(link.of('tools/call')[1]?.raw).toContain('12345678901234567890')
  })

  test('several rounds in a row, each with its own state, the last without', async () => {
    const { link, client, request } = await open(all)
    link.answer = ({ params }) => {
      const round = params.requestState === undefined ? 0 : Number(params.requestState)
      return round < 3 ? input({ [`r${round}`]: elicit }, String(round + 1)) : { messages: [params.inputResponses] }
    }
    const call = request({ id: 1, method: 'prompts/get', params: { name: 'p' } })
    for (let round = 1; round <= 3; round++) {
      await settle()
      reply(client, call.asked().at(-1)?.question ?? 0, { action: 'accept', content: { round } })
    }
    expect((await call.done).result.messages).toEqual([{ r2: { action: 'accept', content: { round: 3 } } }])
    expect(link.of('prompts/get').map(({ params }) => params.requestState)).toEqual([undefined, '1', '2', '3'])
  })

  test('for nothing but another request gets one', async () => {
    const { link, request } = await open()
    link.answer = ({ params }) =>
      params.requestState === undefined ? { resultType: 'input_required', requestState: 's' } : { contents: [] }
    expect((await request({ id: 1, method: 'resources/read', params: { uri: 'a:b' } }).done).result).toEqual({
      contents: [],
    })
    expect(link.of('resources/read')[1]?.params).not.toHaveProperty('inputResponses')
  })

  test('without end is ended', async () => {
    const { link, client, request } = await open(all, '2025-11-25', { maxRounds: 2 })
    link.answer = () => input({ again: elicit })
    const call = request(tool('t'))
    for (let round = 0; round < 2; round++) {
      await settle()
      reply(client, call.asked()[round]?.question ?? 0, { action: 'decline' })
    }
    const { result } = await call.done
    expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('after 2 rounds') }] })
    expect(call.asked()).toHaveLength(2)
  })

  test('[M20] for what the client did not declare asks nothing, and says what is missing', async () => {
    const { link, request } = await open({ elicitation: {} })
    link.answer = () => input({ who: elicit, roots: { method: 'roots/list' } })
    const call = request(tool('t'))
    const { result } = await call.done
    expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('{"roots":{}}') }] })
    expect(call.asked()).toEqual([])
    const { error } = await request({ id: 2, method: 'prompts/get', params: { name: 'p' } }).done
    expect(error).toMatchObject({ code: -32603, message: expect.stringContaining('{"roots":{}}') })
  })

  const byUrl = { method: 'elicitation/create', params: { mode: 'url', message: 'Go', url: 'https://a.example/' } }
  const withTools = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1, tools: [] } }
  test.each([
    ['a form', elicit, {}, '{"elicitation":{"form":{}}}'],
    ['a form, of a client that opens URLs alone', elicit, { elicitation: { url: {} } }, '{"elicitation":{"form":{}}}'],
    ['a URL', byUrl, { elicitation: {} }, '{"elicitation":{"url":{}}}'],
    ['a sample', { ...withTools, params: {} }, {}, '{"sampling":{}}'],
    ['a sample with tools', withTools, { sampling: {} }, '{"sampling":{"tools":{}}}'],
  ])('[M20] for %s needs what it needs', async (_what, question, capabilities, missing) => {
    const { link, request } = await open(capabilities)
    link.answer = () => input({ q: question })
    expect((await request(tool('t')).done).result.content[0].text).toContain(missing)
  })

  test('for a URL gives the id that revision 2025-11-25 wants', async () => {
    const { link, client, request } = await open(all)
    link.answer = ({ params }) => (params.inputResponses === undefined ? input({ q: byUrl }) : { content: [] })
    const call = request(tool('t'))
    await settle()
    const [asked] = call.asked()
    expect(asked?.message.params).toEqual({ ...byUrl.params, elicitationId: expect.stringMatching(/^[\da-f-]{36}$/) })
    reply(client, asked?.question ?? 0, { action: 'accept' })
    expect((await call.done).result).toEqual({ content: [] })
  })

  test.each([
    ['what is no question', { q: { method: 'tools/call', params: {} } }],
    ['a question without a method', { q: {} }],
    ['params that are no object', { q: { method: 'roots/list', params: [] } }],
    ['nothing, by an empty list', {}],
    ['a list', []],
  ])('for %s is refused', async (_what, inputRequests) => {
    const { link, request } = await open(all)
    link.answer = () => input(inputRequests)
    expect((await request(tool('t')).done).result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('no question of this protocol') }],
    })
  })

  test('for more than it may at once is refused', async () => {
    const { link, request } = await open(all, '2025-11-25', { maxQuestions: 1 })
    link.answer = () => input({ a: elicit, b: elicit })
    expect((await request(tool('t')).done).result.content[0].text).toContain('more than 1 things')
  })

  test('that the client answers with an error fails, and takes its other questions back', async () => {
    const { link, client, request } = await open(all)
    link.answer = () => input({ a: elicit, b: elicit })
    const call = request(tool('t'))
    await settle()
    const [first, second] = call.asked().map(({ question }) => question) as [number, number]
    client.reply(first, bytes(`{"jsonrpc":"2.0","id":${first},"error":{"code":-1,"message":"No \\"thanks\\""}}`))
    expect((await call.done).result.content[0].text).toContain('"No \\"thanks\\""')
    expect(call.messages.filter(({ what }) => what === 'withdrawn').map(({ question }) => question)).toEqual([second])
    reply(client, second, {})
    expect(link.of('tools/call')).toHaveLength(1)
  })

  test.each(['null', '"yes"', '[1]'])('that is answered with %s fails', async (result) => {
    const { link, client, request } = await open(all)
    link.answer = () => input({ a: elicit })
    const call = request(tool('t'))
    await settle()
    const question = call.asked()[0]?.question ?? 0
    client.reply(question, bytes(`{"jsonrpc":"2.0","id":${question},"result":${result}}`))
    expect((await call.done).result.content[0].text).toContain('no object')
  })

  test('[L10] is answered by its question alone: others, strangers and second answers change nothing', async () => {
    const { link, client, request } = await open(all)
    link.answer = ({ params }) =>
      params.inputResponses === undefined ? input({ a: elicit }) : { content: [params.inputResponses] }
    const call = request(tool('t'))
    await settle()
    const question = call.asked()[0]?.question ?? 0
    reply(client, question + 1, { action: 'cancel' })
    reply(client, question, { action: 'accept' })
    reply(client, question, { action: 'decline' })
    expect((await call.done).result.content).toEqual([{ a: { action: 'accept' } }])
  })

  test('of a request that is cancelled is taken back', async () => {
    const { link, request } = await open(all)
    link.answer = () => input({ a: elicit })
    const call = request(tool('t'))
    await settle()
    call.cancel()
    await settle()
    expect(call.messages.map(({ what }) => what)).toEqual(['asked', 'withdrawn'])
    expect(link.of('tools/call')).toHaveLength(1)
  })

  test('of a client that leaves is over', async () => {
    const { link, client, request } = await open(all)
    link.answer = () => input({ a: elicit })
    const call = request(tool('t'))
    await settle()
    client.close()
    expect((await call.done).result.content[0].text).toContain('The client left')
    expect((await request(tool('u')).done).result.isError).toBe(true)
  })
})

describe('a subscription', () => {
  const subscribe = (uri: unknown, id = 1) => ({ id, method: 'resources/subscribe', params: { uri } })

  test('[M21] to the lists that the server tells of is opened with the session', async () => {
    const { link, heard } = await open()
    await settle()
    const listen = link.acknowledge()
    expect(listen.params.notifications).toEqual({
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
    })
    expect(listen.call.principal).toMatch(/^\0/)
    await settle()
    tell(listen, 'notifications/tools/list_changed', {})
    tell(listen, 'notifications/own', { n: 1 })
    expect(heard).toEqual([
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: {} },
      { jsonrpc: '2.0', method: 'notifications/own', params: { n: 1 } },
    ])
  })

  test('tells what is said in the moment in which it is accepted', async () => {
    const { link, heard } = await open()
    await settle()
    tell(link.acknowledge(), 'notifications/tools/list_changed', {})
    await settle()
    expect(heard).toHaveLength(1)
  })

  test('to a resource is opened anew with it, and tells nothing twice', async () => {
    const { link, heard, request } = await open()
    await settle()
    const old = link.acknowledge()
    const subscribed = request(subscribe('a://1'))
    await settle()
    expect(old.cancelled).toBeUndefined()
    const listen = link.acknowledge()
    expect(listen.params.notifications).toMatchObject({ toolsListChanged: true, resourceSubscriptions: ['a://1'] })
    expect((await subscribed.done).result).toEqual({})
    expect(old.cancelled).toBeDefined()
    tell(old, 'notifications/tools/list_changed', {})
    tell(listen, 'notifications/resources/updated', { uri: 'a://1' })
    expect(heard.map(({ method }) => method)).toEqual(['notifications/resources/updated'])
    const again = request(subscribe('a://1'))
    expect((await again.done).result).toEqual({})
    expect(link.of('subscriptions/listen')).toHaveLength(2)
    const over = request({ id: 2, method: 'resources/unsubscribe', params: { uri: 'a://1' } })
    await settle()
    expect(link.acknowledge().params.notifications).not.toHaveProperty('resourceSubscriptions')
    expect((await over.done).result).toEqual({})
  })

  test('that the server refuses is refused, and can be tried again', async () => {
    const { link, request } = await open()
    await settle()
    link.acknowledge()
    link.answer = ({ request }) =>
      request.method === 'subscriptions/listen' ? { error: { code: -32602, message: 'No such resource' } } : undefined
    expect((await request(subscribe('a://1')).done).error).toEqual({ code: -32602, message: 'No such resource' })
    link.answer = () => undefined
    const subscribed = request(subscribe('a://1'))
    await settle()
    link.acknowledge()
    expect((await subscribed.done).result).toEqual({})
  })

  test('that the server grants without the resource is refused', async () => {
    const { link, request } = await open()
    await settle()
    link.acknowledge()
    const subscribed = request(subscribe('a://1'))
    await settle()
    link.acknowledge({ toolsListChanged: true })
    expect((await subscribed.done).error?.code).toBe(-32602)
  })

  test('that ends by itself is opened again, with what is watched', async () => {
    const { link, heard, request } = await open()
    await settle()
    link.acknowledge()
    const subscribed = request(subscribe('a://1'))
    await settle()
    const listen = link.acknowledge()
    await subscribed.done
    listen.call.answered({ error: bytes('{"code":-32603,"message":"gone"}'), code: -32603 })
    while (link.of('subscriptions/listen').length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    const next = link.acknowledge()
    await settle()
    expect(next.params.notifications).toMatchObject({ resourceSubscriptions: ['a://1'] })
    tell(next, 'notifications/resources/updated', { uri: 'a://1' })
    expect(heard).toHaveLength(1)
  })

  test('is bounded', async () => {
    const { link, request } = await open()
    await settle()
    link.acknowledge()
    link.answer = (sent) => {
      if (sent.request.method === 'subscriptions/listen') {
        tell(sent, 'notifications/subscriptions/acknowledged', { notifications: sent.params.notifications })
      }
    }
    for (let n = 0; n < 1000; n++) expect((await request(subscribe(`a://${n}`)).done).result).toEqual({})
    expect((await request(subscribe('a://more')).done).error?.code).toBe(-31429)
    expect((await request(subscribe('a://7')).done).result).toEqual({})
  })

  test.each([
    ['no text', 7, -32602],
    ['too long', `a://${'x'.repeat(9000)}`, -31429],
  ])('to a URI that is %s is refused', async (_what, uri, code) => {
    const { link, request } = await open()
    await settle()
    link.acknowledge()
    expect((await request(subscribe(uri)).done).error?.code).toBe(code)
  })

  test('of a server that tells of nothing is refused, and none is opened', async () => {
    const link = new FakeLink()
    link.discovery = { supportedVersions: ['2026-07-28'], capabilities: { resources: {} } }
    const client = legacyClient(modernServer(link), { principal: '', notified: () => {} })
    await new Call(client, { id: 1, method: 'initialize', params: {} }).done
    expect((await new Call(client, subscribe('a://1')).done).error?.code).toBe(-32601)
    expect(link.of('subscriptions/listen')).toEqual([])
  })

  test('ends with the session, also one that is being opened', async () => {
    const { link, client, heard } = await open()
    await settle()
    client.close()
    const [listen] = link.of('subscriptions/listen') as [Sent]
    expect(listen.cancelled).toBeDefined()
    link.acknowledge()
    await settle()
    tell(listen, 'notifications/tools/list_changed', {})
    expect(heard).toEqual([])
  })

  test('is not opened for a client that has no session', async () => {
    const { link } = await open({}, '2025-11-25', { listens: false })
    await settle()
    expect(link.of('subscriptions/listen')).toEqual([])
  })
})
