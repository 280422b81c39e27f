import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { events, fixture, initialize, post, Session, until } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../index.js'

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: object
}

/** Sends a request as it is written, and gives back what comes up to the answer, the answers to questions sent on the way. */
type Exchange = (request: string, answer: (question: Message) => object) => Promise<string[]>

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } }
const version = '2026-07-28'
const key = (name: string) => `io.modelcontextprotocol/${name}`
const ends: (() => unknown)[] = []
afterAll(() => Promise.all(ends.map((end) => end())))

/** The server itself, spoken to over stdio, one request at a time; `write` sends what is not answered. */
function startDirect(): { readonly exchange: Exchange; readonly write: (message: string) => void } {
  const child: ChildProcess = spawn(process.execPath, [fixture('dual-server.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  ends.push(() => child.kill())
  const lines: string[] = []
  let more = () => {}
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    lines.push(line)
    more()
  })
  const write = (message: string) => void child.stdin?.write(`${message}\n`)
  const exchange: Exchange = async (request, answer) => {
    write(request)
    const heard: string[] = []
    for (;;) {
      while (lines.length === 0) await new Promise<void>((resolve) => (more = resolve))
      const line = lines.shift() as string
      heard.push(line)
      const message: Message = JSON.parse(line)
      if (message.method === undefined) return heard
      if (message.id === undefined) continue
      write(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: answer(message) }))
    }
  }
  return { exchange, write }
}

function startBridge(face: 'legacy' | 'modern'): StdioBridge {
  const args = [fixture('dual-server.mjs'), face]
  const bridge = createStdioBridge({ command: process.execPath, args, logger: quiet, drainTimeout: 0 })
  ends.push(() => bridge.close())
  return bridge
}

/** A legacy client of a bridge. */
function legacyThrough(session: Session): Exchange {
  return async (request, answer) => {
    const response = await session.post(request)
    if (response.headers.get('content-type') === 'application/json') return [await response.text()]
    const heard: string[] = []
    for await (const { data } of events(response)) {
      if (data === '') continue
      heard.push(data)
      const message: Message = JSON.parse(data)
      if (message.method === undefined || message.id === undefined) continue
      const answered = await session.post({ jsonrpc: '2.0', id: message.id, result: answer(message) })
      expect(answered.status).toBe(202)
    }
    return heard
  }
}

/** A modern client of a bridge. */
function modernThrough(bridge: StdioBridge): Exchange {
  return async (request) => {
    const { method = '', params } = JSON.parse(request) as Message
    const name = params?.name ?? params?.uri
    const headers = {
      'MCP-Protocol-Version': version,
      'Mcp-Method': method,
      ...(typeof name === 'string' ? { 'Mcp-Name': name } : {}),
    }
    const response = await post(bridge, request, { headers })
    if (response.headers.get('content-type') === 'application/json') return [await response.text()]
    const heard: string[] = []
    for await (const { data } of events(response)) heard.push(data)
    return heard
  }
}

/** What a client is asked says which question it is. */
function labelOf({ params }: Message): string {
  const { message, messages, _meta } = (params ?? {}) as {
    message?: string
    messages?: { content: { text: string } }[]
    _meta?: { label: string }
  }
  return message ?? messages?.[0]?.content.text ?? _meta?.label ?? ''
}

/** An answer that tells to which question it belongs. */
function answerTo(question: Message): object {
  const label = labelOf(question)
  if (question.method === 'roots/list') return { roots: [{ uri: `file:///${encodeURI(label)}` }] }
  if (question.method === 'elicitation/create') {
    if (label.startsWith('0'))
      return { action: 'accept', ...(label.includes('form') ? { content: { name: label } } : {}) }
    return { action: 'decline' }
  }
  return { role: 'assistant', content: { type: 'text', text: label }, model: 'm', stopReason: 'endTurn' }
}

/** What concerns no call: changed lists, and resources that somebody subscribed to. */
const isNews = (line: string) => /"method":"notifications\/(subscriptions|tools|prompts|resources)\//.test(line)

const asText = (message: unknown) => JSON.stringify(message)

/** A call that brings news. */
const bringing = (...news: string[]): Call => {
  const program = { steps: [{ news }], fails: false }
  return {
    method: 'tools/call',
    target: '"name":"run","arguments":{}',
    id: '1',
    payload: '0',
    withToken: false,
    program,
  }
}

/** What a client has seen of one call, of whichever era. */
interface Seen {
  /** In their order. */
  notifications: unknown[]
  /** By their labels: those of one step come in any order. */
  questions: unknown[]
  /** The bytes of the answer's payload. */
  payload: string | undefined
  answer: unknown
  news: unknown[]
}

function seen(lines: string[], questions: Message[], news: string[]): Seen {
  const messages = lines.map((line) => JSON.parse(line) as Message)
  const last = lines.at(-1) ?? ''
  const { result, error } = messages.at(-1) ?? {}
  return {
    notifications: messages.filter(({ method, id }) => method !== undefined && id === undefined),
    questions: questions
      .map(({ method, params }) => ({ label: labelOf({ params }), method, params }))
      .sort((a, b) => (a.label < b.label ? -1 : 1)),
    payload: /"payload":(.*),"end":0/s.exec(last)?.[1],
    answer: error ?? result,
    news: news.map((line) => JSON.parse(line)),
  }
}

interface Call {
  readonly method: string
  readonly target: string
  readonly id: string
  readonly payload: string
  readonly withToken: boolean
  readonly program: { readonly steps: object[]; readonly fails: boolean }
}

async function legacyCall(exchange: Exchange, call: Call): Promise<Seen> {
  const questions: Message[] = []
  const token = call.withToken ? `,"progressToken":${call.id}` : ''
  const meta = `{"x/y":[1e400],"payload":${call.payload},"program":${JSON.stringify(call.program)}${token}}`
  const request = `{"jsonrpc":"2.0","id":${call.id},"method":"${call.method}","params":{${call.target},"_meta":${meta}}}`
  const lines = await exchange(request, (question) => {
    questions.push(question)
    return answerTo(question)
  })
  return seen(
    lines.filter((line) => !isNews(line)),
    questions,
    lines.filter(isNews),
  )
}

async function modernCall(exchange: Exchange, call: Call): Promise<Seen> {
  const questions: Message[] = []
  const all: string[] = []
  const news: string[] = []
  let more = ''
  // As often as there are steps, and once
  for (let round = 0; round <= call.program.steps.length * 4; round++) {
    const token = call.withToken ? `,"progressToken":${call.id}` : ''
    const era = JSON.stringify({
      [key('protocolVersion')]: version,
      [key('clientCapabilities')]: capabilities,
      [key('clientInfo')]: { name: 'c', version: '1' },
      [key('logLevel')]: 'info',
    }).slice(1, -1)
    const meta = `{"x/y":[1e400],"payload":${call.payload},"program":${JSON.stringify(call.program)}${token},${era}}`
    const id = round === 0 ? call.id : `"retry ${round}"`
    const lines = await exchange(
      `{"jsonrpc":"2.0","id":${id},"method":"${call.method}","params":{${call.target}${more},"_meta":${meta}}}`,
      () => ({}),
    )
    const { result } = JSON.parse(lines.at(-1) ?? '') as Message
    const isOver = result?.resultType !== 'input_required'
    all.push(...lines.filter((line) => !isNews(line)).slice(0, isOver ? undefined : -1))
    news.push(...lines.filter(isNews))
    if (isOver) return seen(all, questions, news)
    const requests = Object.entries((result.inputRequests ?? {}) as Record<string, Message>)
    questions.push(...requests.map(([, question]) => question))
    const responses = Object.fromEntries(requests.map(([name, question]) => [name, answerTo(question)]))
    more = `,"inputResponses":${JSON.stringify(responses)},"requestState":${JSON.stringify(result.requestState)}`
  }
  throw new Error('The questions do not end')
}

const json: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(
      fc.constantFrom('9007199254740993', '-0', '1e400', '0.1000000000000000055511151231257827', '1E+2', 'null'),
      fc.constantFrom('"\\u0041\\/"', '"\\ud83d\\ude00"', '"é\\n\\u2028"', '"data: x\\n\\nid: 1"'),
      fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value)),
    ),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[ ${items.join(' ,')}]`),
    fc
      .array(tie('value'), { maxLength: 3 })
      .map((items) => `{${items.map((item, n) => `"${9 - n}" : ${item}`).join(',')}}`),
  ),
})).value

const step = fc.record({
  progress: fc.integer({ min: 0, max: 2 }),
  logs: fc.array(fc.constantFrom('debug', 'info', 'error'), { maxLength: 2 }),
  questions: fc.array(fc.constantFrom('form', 'url', 'sampling', 'roots'), { maxLength: 3 }),
})

const targets: Record<string, string> = {
  'tools/call': '"name":"run","arguments":{}',
  'prompts/get': '"name":"run"',
  'resources/read': '"uri":"run://it"',
}

const calls: fc.Arbitrary<Call> = fc
  .record({
    method: fc.constantFrom('tools/call', 'prompts/get', 'resources/read'),
    id: fc.oneof(fc.integer().map(String), fc.constantFrom('"a"', '"\\u00e9"', '9007199254740991')),
    payload: json,
    withToken: fc.boolean(),
    program: fc.record({ steps: fc.array(step, { maxLength: 3 }), fails: fc.boolean() }),
  })
  .map((call) => ({
    ...call,
    target: targets[call.method] ?? '',
  }))

/** Each is asked of the server and of the bridge, and the answers have to be the same. */
const plain = [
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'completion/complete',
  'x/none',
]

/** A request that names nothing to complete for is refused before the server sees it [finding 2]. */
const paramsOf = (method: string): object =>
  method === 'completion/complete'
    ? { ref: { type: 'ref/prompt', name: 'none' }, argument: { name: 'a', value: '' } }
    : {}

describe('what a legacy client sees of a server, and of the bridge in front of its modern face, is the same', () => {
  let direct: Exchange
  let bridged: Exchange
  const first = JSON.stringify(initialize('2025-11-25', capabilities))
  const setLevel = '{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}'
  let opened: [Message, Message]
  let session: Session

  beforeAll(async () => {
    direct = startDirect().exchange
    const bridge = startBridge('modern')
    const [line = ''] = await direct(first, answerTo)
    const response = await post(bridge, first)
    opened = [JSON.parse(line), await response.json()]
    session = new Session(bridge, response.headers.get('mcp-session-id') ?? '', {})
    await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    bridged = legacyThrough(session)
    for (const exchange of [direct, bridged]) expect(await exchange(setLevel, answerTo)).toHaveLength(1)
  })

  test('in initialize', () => {
    expect(opened[1]).toEqual(opened[0])
  })

  test.each([...plain, 'ping'])('in %s', async (method) => {
    const request = JSON.stringify({ jsonrpc: '2.0', id: method, method, params: paramsOf(method) })
    const [one, other] = [await direct(request, answerTo), await bridged(request, answerTo)]
    expect(other.map((line) => JSON.parse(line))).toEqual(one.map((line) => JSON.parse(line)))
  })

  test('in random calls with progress, log lines, questions and failures', async () => {
    let questions = 0
    await fc.assert(
      fc.asyncProperty(calls, async (call) => {
        const expected = await legacyCall(direct, call)
        expect(await legacyCall(bridged, call)).toEqual(expected)
        questions += expected.questions.length
      }),
      { numRuns: 100 },
    )
    expect(questions).toBeGreaterThan(30)
  }, 180_000)

  test('in the news of lists and resources', async () => {
    const told: unknown[] = []
    const stream = await session.request('GET')
    const ended = (async () => {
      for await (const { data } of events(stream)) if (data !== '') told.push(JSON.parse(data))
    })()
    const [one, other]: unknown[][] = [[], told]
    const ask = async (method: string, uri: string) => {
      const request = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { uri } })
      for (const exchange of [direct, bridged])
        expect(JSON.parse((await exchange(request, answerTo))[0] ?? '').result).toEqual({})
    }
    const bring = async (...news: string[]) => {
      one?.push(...(await legacyCall(direct, bringing(...news))).news)
      other?.push(...(await legacyCall(bridged, bringing(...news))).news)
    }
    await ask('resources/subscribe', 'a://kept')
    await ask('resources/subscribe', 'a://left')
    await bring('tools', 'a://kept', 'a://left', 'a://never', 'prompts')
    await ask('resources/unsubscribe', 'a://left')
    await bring('a://left', 'a://kept')
    await until(() => told.length >= (one?.length ?? 0), 'all is told')
    await session.request('DELETE')
    await ended
    expect(one).toHaveLength(5)
    expect(told.map(asText).sort()).toEqual(one?.map(asText).sort())
  })
})

describe('what a modern client sees of a server, and of the bridge in front of its legacy face, is the same', () => {
  let direct: Exchange
  let write: (message: string) => void
  let bridge: StdioBridge
  let bridged: Exchange

  beforeAll(() => {
    const server = startDirect()
    direct = server.exchange
    write = server.write
    bridge = startBridge('legacy')
    bridged = modernThrough(bridge)
  })

  const _meta = { [key('protocolVersion')]: version, [key('clientCapabilities')]: capabilities }

  test.each(['server/discover', ...plain])('in %s', async (method) => {
    const request = JSON.stringify({ jsonrpc: '2.0', id: method, method, params: { ...paramsOf(method), _meta } })
    const [one, other] = [await direct(request, answerTo), await bridged(request, answerTo)]
    expect(other.map((line) => JSON.parse(line))).toEqual(one.map((line) => JSON.parse(line)))
  })

  test('in random calls with progress, log lines, questions and failures', async () => {
    let questions = 0
    await fc.assert(
      fc.asyncProperty(calls, async (call) => {
        const expected = await modernCall(direct, call)
        expect(await modernCall(bridged, call)).toEqual(expected)
        questions += expected.questions.length
      }),
      { numRuns: 100 },
    )
    expect(questions).toBeGreaterThan(30)
  }, 180_000)

  test('in the news of lists and resources that it listens for', async () => {
    const notifications = { toolsListChanged: true, resourceSubscriptions: ['a://kept'] }
    const request = { jsonrpc: '2.0', id: 'news', method: 'subscriptions/listen', params: { notifications, _meta } }
    const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'subscriptions/listen' }
    const stream = events(await post(bridge, request, { headers }))
    const next = async () => JSON.parse((await stream.next()).value?.data ?? '')
    const told = [await next()]
    write(JSON.stringify(request))
    const call = bringing('tools', 'a://kept', 'a://never', 'prompts', 'tools')
    await modernCall(bridged, call)
    const { news } = await modernCall(direct, call)
    expect(news).toHaveLength(4)
    while (told.length < news.length) told.push(await next())
    expect(told).toEqual(news)
    await stream.return(undefined)
  })
})
