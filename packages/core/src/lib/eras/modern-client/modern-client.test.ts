import { describe, expect, test, vi } from 'vitest'
import { asked, Joined, LegacyLink, type Posted } from '../../../../test/legacy-link.js'

const all = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }
const form = { message: 'Who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } }
const accept = { action: 'accept', content: { name: 'Ann' } }
const sampled = { role: 'assistant', model: 'm', content: { type: 'text', text: 'hi' } }
const joined = (...options: ConstructorParameters<typeof Joined>) => new Joined(...options)

/** A call that has asked for a name, and its question at the server. */
async function parked(world: Joined, options: Parameters<Joined['tool']>[1] = { capabilities: all }) {
  const first = await world.tool('greet', options)
  const question = world.link.ask('elicitation/create', form)
  const { requestState, keys, inputRequests } = asked(await first.answer)
  const [question_ = ''] = keys
  const retry = (inputResponses: unknown, more = options, params: Record<string, unknown> = {}) =>
    world.tool('greet', { id: 2, ...more }, { inputResponses, requestState, ...params })
  return { first, question, retry, key: question_, requestState, inputRequests, call: world.link.of('tools/call')[0] }
}

const errorOf = async (posted: Posted) => (await posted.answer).error

describe('what every answer says', () => {
  test('[M18] server/discover is answered from what the server said to initialize', async () => {
    const capabilities = { tools: { listChanged: true }, completions: {} }
    const world = joined(new LegacyLink(capabilities))
    expect((await (await world.send('server/discover', {}, { id: 'd' })).answer).result).toEqual({
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      supportedVersions: ['2026-07-28'],
      capabilities,
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'fake', version: '1' } },
    })
    expect(world.over).toBe(1)
  })

  test.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'])(
    '[M19] %s may be kept by nobody, unless the server says otherwise',
    async (method) => {
      const world = joined()
      const lists = await Promise.all([world.send(method), world.send(method)])
      const [one, two] = world.link.of(method)
      one?.result({})
      two?.result({ ttlMs: 5, cacheScope: 'public', resultType: 'complete', _meta: { own: 1 } })
      const serverInfo = { 'io.modelcontextprotocol/serverInfo': { name: 'fake', version: '1' } }
      const [plain, said] = await Promise.all(lists.map(async ({ answer }) => (await answer).result))
      expect(plain).toEqual({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', _meta: serverInfo })
      const _meta = { own: 1, ...serverInfo }
      expect(said).toEqual({ resultType: 'complete', ttlMs: 5, cacheScope: 'public', _meta })
    },
  )

  test('[M19] other results say only that they are complete', async () => {
    const world = joined()
    const posted = await world.tool('echo')
    world.link.of('tools/call')[0]?.result({ content: [] })
    const { _meta, ...result } = (await posted.answer).result as Record<string, unknown>
    expect(result).toEqual({ resultType: 'complete', content: [] })
  })

  test('a result that is no object is an error', async () => {
    const world = joined()
    const posted = await world.tool('echo')
    world.link.of('tools/call')[0]?.result([1])
    expect(await errorOf(posted)).toMatchObject({ code: -32603 })
  })

  test.each([
    [-32002, -32602],
    [-32042, -32603],
    [-32601, -32601],
    [-31999, -31999],
  ])('an error %i becomes %i, with its text and data', async (from, to) => {
    const world = joined()
    const posted = await world.send('resources/read', { uri: 'test://x' })
    world.link.of('resources/read')[0]?.error(from, 'not here', { uri: 'test://x' })
    expect(await posted.answer).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: to, message: 'not here', data: { uri: 'test://x' } },
    })
    expect(posted.code).toBe(to)
  })

  test.each(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'])(
    '[M14] %s is no method of the era and does not reach the server',
    async (method) => {
      const world = joined()
      const posted = await world.send(method)
      expect(await errorOf(posted)).toMatchObject({ code: -32601 })
      expect(posted.code).toBe(-32601)
      expect(world.link.of(method).length).toBe(method === 'initialize' ? 1 : 0)
    },
  )
})

describe('a question of the server', () => {
  test('[M20] ends the request, and the retry goes on with the same call', async () => {
    const world = joined()
    const { question, retry, key, inputRequests, call } = await parked(world)
    expect(inputRequests).toEqual({ [key]: { method: 'elicitation/create', params: form } })
    expect([world.client.parkedCalls, world.over]).toEqual([1, 0])
    const second = await retry({ [key]: accept })
    expect(await question.answer).toEqual({ result: accept })
    call?.result({ content: [] })
    expect(await second.answer).toMatchObject({ id: 2, result: { resultType: 'complete' } })
    expect(world.link.of('tools/call').length).toBe(1)
    expect([world.client.parkedCalls, world.over]).toEqual([0, 1])
  })

  test('[M20] several at once make one round, several in a row one after the other', async () => {
    const world = joined()
    const first = await world.tool('greet', { capabilities: all })
    const one = world.link.ask('elicitation/create', form)
    const two = world.link.ask('sampling/createMessage', { messages: [], maxTokens: 1 })
    const three = world.link.ask('roots/list')
    const round = asked(await first.answer)
    expect(round.keys).toEqual(['elicitation-1', 'sampling-2', 'roots-3'])
    const inputResponses = { 'elicitation-1': accept, 'sampling-2': sampled, 'roots-3': { roots: [] } }
    const { requestState } = round
    const second = await world.tool('greet', { capabilities: all }, { inputResponses, requestState })
    expect(await Promise.all([one.answer, two.answer, three.answer])).toEqual([
      { result: accept },
      { result: sampled },
      { result: { roots: [] } },
    ])
    const four = world.link.ask('elicitation/create', { ...form, message: 'And?' })
    const next = asked(await second.answer)
    expect(next.keys).toEqual(['elicitation-4'])
    expect(next.requestState).not.toBe(requestState)
    const third = await world.tool(
      'greet',
      { capabilities: all },
      { inputResponses: { 'elicitation-4': { action: 'decline' } }, requestState: next.requestState },
    )
    expect(await four.answer).toEqual({ result: { action: 'decline' } })
    world.link.of('tools/call')[0]?.result({ content: [] })
    expect(await third.answer).toMatchObject({ result: { resultType: 'complete' } })
  })

  test('[M20] numbers and escapes of questions and answers pass as they were written', async () => {
    const world = joined()
    const { question, retry, key } = await parked(world)
    await retry({ [key]: { action: 'accept', content: { name: '\u00e9"\\' } } })
    expect(await question.answer).toEqual({ result: { action: 'accept', content: { name: 'é"\\' } } })
  })

  test('[M20] what is missing is asked again, what is too much is ignored', async () => {
    const world = joined()
    const first = await world.tool('greet', { capabilities: all })
    const one = world.link.ask('elicitation/create', form)
    const two = world.link.ask('roots/list')
    const { requestState } = asked(await first.answer)
    const inputResponses = { 'elicitation-1': accept, 'elicitation-9': { action: 'nonsense' }, other: 1 }
    const second = await world.tool('greet', { capabilities: all }, { inputResponses, requestState })
    expect(await one.answer).toEqual({ result: accept })
    const again = asked(await second.answer)
    expect(again.keys).toEqual(['roots-2'])
    const third = await world.tool('greet', { capabilities: all }, { requestState: again.requestState })
    const last = asked(await third.answer)
    expect(last.keys).toEqual(['roots-2'])
    await world.tool(
      'greet',
      { capabilities: all },
      { requestState: last.requestState, inputResponses: { 'roots-2': { roots: [] } } },
    )
    expect(await two.answer).toEqual({ result: { roots: [] } })
  })

  test.each([
    ['a list', []],
    ['a text', 'accept'],
    ['an answer that is no object', { 'elicitation-1': 'accept' }],
    ['an action that is none', { 'elicitation-1': { action: 'yes' } }],
    ['content that is a text', { 'elicitation-1': { action: 'accept', content: 'Ann' } }],
  ])('[M20] %s is refused with what is wrong, and the client may try again', async (_, wrong) => {
    const world = joined()
    const { question, retry, key } = await parked(world)
    const refused = await retry(wrong)
    expect(await errorOf(refused)).toMatchObject({
      code: -32602,
      message: expect.stringContaining('"inputResponses"'),
    })
    await retry({ [key]: accept })
    expect(await question.answer).toEqual({ result: accept })
  })

  test.each([
    ['sampling/createMessage', { role: 'assistant', content: { type: 'text', text: 'x' } }],
    ['sampling/createMessage', { role: 'assistant', model: 'm' }],
    ['roots/list', { roots: {} }],
  ])('[M20] %s is not answered by %j', async (method, wrong) => {
    const world = joined()
    const first = await world.tool('greet', { capabilities: all })
    world.link.ask(method, {})
    const { requestState, keys } = asked(await first.answer)
    const inputResponses = { [keys[0] ?? '']: wrong }
    const refused = await world.tool('greet', { capabilities: all }, { requestState, inputResponses })
    expect(await errorOf(refused)).toMatchObject({ code: -32602 })
  })

  test.each<[string, object, string, object, object]>([
    ['no capability', {}, 'elicitation/create', form, { elicitation: { form: {} } }],
    ['forms alone', { elicitation: {} }, 'elicitation/create', { mode: 'url', url: 'x' }, { elicitation: { url: {} } }],
    ['no sampling', { elicitation: {} }, 'sampling/createMessage', {}, { sampling: {} }],
    ['no roots', { sampling: {} }, 'roots/list', {}, { roots: {} }],
  ])('[M15] with %s declared the call ends and names what it needs', async (_, capabilities, method, params, needs) => {
    const world = joined()
    const posted = await world.tool('greet', { capabilities })
    const question = world.link.ask(method, params)
    expect(await errorOf(posted)).toMatchObject({ code: -32021, data: { requiredCapabilities: needs } })
    expect(posted.code).toBe(-32021)
    expect(await question.answer).toMatchObject({ error: { code: -32601 } })
    expect(world.link.of('tools/call')[0]?.cancelled).toBeDefined()
    expect(world.over).toBe(1)
  })

  test('[M20] in the course of another method is refused', async () => {
    const world = joined()
    await world.send('tools/list', {}, { capabilities: all })
    expect(await world.link.ask('elicitation/create', form).answer).toMatchObject({ error: { code: -32603 } })
  })

  test('that the server takes back is not asked', async () => {
    const world = joined()
    const posted = await world.tool('greet', { capabilities: all })
    const one = world.link.ask('elicitation/create', form)
    world.link.ask('roots/list')
    one.withdraw()
    expect(asked(await posted.answer).keys).toEqual(['roots-2'])
  })

  test('after the call ended is refused, and so is one before any call', async () => {
    const world = joined()
    const posted = await world.tool('greet', { capabilities: all })
    world.link.of('tools/call')[0]?.result({ content: [] })
    await posted.answer
    expect(await world.link.ask('elicitation/create', form).answer).toMatchObject({ error: { code: -32603 } })
  })

  test('that the server no longer waits for is answered from what the call came to', async () => {
    const world = joined()
    const { question, retry, key, call } = await parked(world)
    call?.result({ content: [{ type: 'text', text: 'I did not wait' }] })
    expect(await question.answer).toMatchObject({ error: { code: -32603 } })
    const second = await retry({ [key]: accept })
    expect(await second.answer).toMatchObject({ result: { content: [{ text: 'I did not wait' }] } })
    expect(world.over).toBe(1)
  })

  test('of a server that ended while the call was parked is told to the retry', async () => {
    const world = joined()
    const { retry, key, call } = await parked(world)
    call?.error(-32603, 'The process ended', { reason: 'exited' })
    const second = await retry({ [key]: accept })
    expect(await errorOf(second)).toMatchObject({ code: -32603, data: { reason: 'exited' } })
    expect(world.client.parkedCalls).toBe(0)
  })

  test('that needs a page to be visited makes a round, and the server is called again', async () => {
    const world = joined()
    const posted = await world.tool('pay', { capabilities: all })
    const elicitations = [{ mode: 'url', elicitationId: 'e', url: 'https://pay.example', message: 'Pay' }]
    world.link.of('tools/call')[0]?.error(-32042, 'Visit', { elicitations })
    const { requestState, inputRequests, keys } = asked(await posted.answer)
    expect(Object.values(inputRequests)).toEqual([{ method: 'elicitation/create', params: elicitations[0] }])
    const inputResponses = { [keys[0] ?? '']: { action: 'accept' } }
    const retry = await world.tool('pay', { capabilities: all }, { requestState, inputResponses })
    await vi.waitFor(() => expect(world.link.of('tools/call').length).toBe(2))
    world.link.of('tools/call')[1]?.result({ content: [] })
    expect(await retry.answer).toMatchObject({ result: { resultType: 'complete' } })
  })

  test('progress after a retry has the token of the retry', async () => {
    const world = joined()
    const { retry, key, call } = await parked(world, { capabilities: all, meta: { progressToken: 'a' } })
    const second = await retry({ [key]: accept }, { capabilities: all, meta: { progressToken: 'b' } })
    call?.related('notifications/progress', { progressToken: 'a', progress: 1 })
    expect(second.messages).toMatchObject([{ params: { progressToken: 'b', progress: 1 } }])
  })
})

describe('requestState', () => {
  const flip = (text: string, at: number) => {
    const other = text[at] === 'A' ? 'B' : 'A'
    return text.slice(0, at) + other + text.slice(at + 1)
  }

  test.each<[string, (state: string) => unknown]>([
    ['forged', () => btoa('{"call":1}')],
    ['changed at the front', (state) => flip(state, 3)],
    ['changed in the middle', (state) => flip(state, state.length >> 1)],
    ['truncated', (state) => state.slice(0, -4)],
    ['empty', () => ''],
    ['very long', (state) => state.repeat(1000)],
    ['no text', () => 7],
    ['an object', () => ({})],
    ['of other characters', (state) => `${state}=`],
  ])('[M20] that is %s is refused, and its call still waits', async (_, change) => {
    const world = joined()
    const { question, retry, key, requestState } = await parked(world)
    const refused = await retry({ [key]: accept }, undefined, { requestState: change(requestState) })
    expect(await errorOf(refused)).toMatchObject({
      code: -32602,
      message: expect.stringContaining('send the request again'),
    })
    expect(world.client.parkedCalls).toBe(1)
    await retry({ [key]: accept })
    expect(await question.answer).toEqual({ result: accept })
  })

  test.each<[string, Parameters<Joined['tool']>[1], Record<string, unknown>]>([
    ['another user', { capabilities: all, user: 'mallory' }, {}],
    ['another audience', { capabilities: all, audience: 'https://other.example' }, {}],
    ['another tool', { capabilities: all }, { name: 'delete' }],
    ['other arguments', { capabilities: all }, { arguments: { all: true } }],
  ])('[M20] does not open for %s', async (_, options, params) => {
    const world = joined()
    const { retry, key } = await parked(world)
    const refused = await retry({ [key]: accept }, options, params)
    expect(await errorOf(refused)).toMatchObject({ code: -32602 })
    expect(world.client.parkedCalls).toBe(1)
  })

  test('[M20] opens for the same arguments in another order', async () => {
    const world = joined()
    const options = { capabilities: all }
    const first = await world.tool('greet', options, { arguments: { a: 1, b: { c: 2, d: [3, { e: 4, f: 5 }] } } })
    const question = world.link.ask('elicitation/create', form)
    const { requestState } = asked(await first.answer)
    const args = { b: { d: [3, { f: 5, e: 4 }], c: 2 }, a: 1 }
    await world.tool('greet', options, {
      arguments: args,
      requestState,
      inputResponses: { 'elicitation-1': accept },
    })
    expect(await question.answer).toEqual({ result: accept })
  })

  test('[M20] opens once, also for two at the same time', async () => {
    const world = joined()
    const { retry, key, call } = await parked(world)
    const both = await Promise.all([retry({ [key]: accept }), retry({ [key]: accept })])
    call?.result({ content: [] })
    const codes = await Promise.all(both.map(async ({ answer }) => (await answer).error?.code))
    expect(codes.sort()).toEqual([-32602, undefined])
    expect(await errorOf(await retry({ [key]: accept }))).toMatchObject({ code: -32602 })
  })

  test('[M20] of another process is refused', async () => {
    const { requestState, key } = await parked(joined())
    const refused = await joined().tool(
      'greet',
      { capabilities: all },
      { requestState, inputResponses: { [key]: accept } },
    )
    expect(await errorOf(refused)).toMatchObject({ code: -32602, message: expect.stringContaining('another process') })
  })

  test('[M20] expires: the server is told, and the retry that comes too late', async () => {
    const world = joined(undefined, { parkedCallTimeout: 0.05 })
    const { question, retry, key, call } = await parked(world)
    expect(await question.answer).toMatchObject({ error: { code: -32603 } })
    expect(call?.cancelled).toContain('did not come back')
    expect([world.client.parkedCalls, world.over]).toEqual([0, 1])
    expect(await errorOf(await retry({ [key]: accept }))).toMatchObject({ code: -32602 })
  })
})

describe('limits', () => {
  test.each([
    ['of one user', { maxParkedCallsPerPrincipal: 1 }, 'alice', 'too_many_of_yours'],
    ['of all', { maxParkedCalls: 1 }, 'bob', 'too_many'],
  ])('on parked calls %s refuse the call, which is cancelled', async (_, options, user, why) => {
    const world = joined(undefined, options)
    const { call } = await parked(world)
    // One child serves one such call at a time: the second has another server
    const other = joined(new LegacyLink(), options)
    const answers = Object.assign(other, { client: world.client })
    const posted = await answers.tool('greet', { capabilities: all, user })
    const question = other.link.ask('elicitation/create', form)
    await posted.answer
    expect(posted.refusedFor).toBe(why)
    expect(await question.answer).toMatchObject({ error: { code: -32603 } })
    expect(other.link.of('tools/call')[0]?.cancelled).toBeDefined()
    expect(call?.cancelled).toBeUndefined()
    world.client.close()
    expect(call?.cancelled).toBeDefined()
    expect(world.client.parkedCalls).toBe(0)
  })

  test('on the questions of one call end in errors for the server', async () => {
    const world = joined()
    await world.tool('greet', { capabilities: all })
    const questions = Array.from({ length: 70 }, () => world.link.ask('elicitation/create', form))
    const refused = await Promise.race(questions.slice(64).map(({ answer }) => answer))
    expect(refused).toMatchObject({ error: { code: -32603 } })
  })
})

describe('cancellation', () => {
  test('[M17] a client that leaves cancels the call, once it is parked no more', async () => {
    const world = joined()
    const posted = await world.tool('slow')
    posted.leave()
    expect(world.link.of('tools/call')[0]?.cancelled).toContain('closed')
    expect(world.over).toBe(1)
    const { first, retry, key } = await parked(joined())
    first.leave()
    const second = await retry({ [key]: accept })
    second.leave()
    expect((second.exchange as { signal?: AbortSignal }).signal?.aborted).toBe(true)
  })
})

describe('subscriptions/listen', () => {
  const offers = { tools: { listChanged: true }, resources: { subscribe: true } }
  const listen = (world: Joined, id: number | string, notifications: object) =>
    world.send('subscriptions/listen', { notifications }, { id })

  test('[M21] is acknowledged first, with what the server offers, and tags what it tells', async () => {
    const world = joined(new LegacyLink(offers))
    const all = { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['a://1'] }
    const posted = await listen(world, 'sub', all)
    world.link.say('notifications/tools/list_changed')
    world.link.say('notifications/prompts/list_changed')
    world.link.say('notifications/resources/updated', { uri: 'a://1', _meta: { own: 1 } })
    world.link.say('notifications/resources/updated', { uri: 'a://2' })
    const tag = { 'io.modelcontextprotocol/subscriptionId': 'sub' }
    const granted = { toolsListChanged: true, resourceSubscriptions: ['a://1'] }
    expect(posted.messages.map(({ method, params }) => [method, params])).toEqual([
      ['notifications/subscriptions/acknowledged', { _meta: tag, notifications: granted }],
      ['notifications/tools/list_changed', { _meta: tag }],
      ['notifications/resources/updated', { uri: 'a://1', _meta: { ...tag, own: 1 } }],
    ])
  })

  test('[M21] several listeners of a resource are one subscription at the server', async () => {
    const world = joined(new LegacyLink(offers))
    const one = await listen(world, 1, { resourceSubscriptions: ['a://1'] })
    const two = await listen(world, 2, { resourceSubscriptions: ['a://1'] })
    expect(world.link.of('resources/subscribe').map(({ params }) => params)).toEqual([{ uri: 'a://1' }])
    one.leave()
    expect(world.link.of('resources/unsubscribe')).toEqual([])
    world.link.say('notifications/resources/updated', { uri: 'a://1' })
    expect([one.messages.length, two.messages.length]).toEqual([1, 2])
    two.leave()
    expect(world.link.of('resources/unsubscribe').length).toBe(1)
    expect(world.over).toBe(2)
  })

  test('a resource that the server does not let be watched is not granted', async () => {
    const link = new LegacyLink(offers)
    const { auto } = link
    link.auto = (arrived) => {
      if (arrived.method !== 'resources/subscribe') return auto(arrived)
      arrived.error(-32002, 'no such thing')
      return true
    }
    const posted = await listen(joined(link), 1, { resourceSubscriptions: ['a://1'] })
    expect(posted.messages[0]?.params).toMatchObject({ notifications: { resourceSubscriptions: [] } })
  })

  test('tells when the server is gone', async () => {
    const world = joined(new LegacyLink(offers))
    const posted = await listen(world, 1, { toolsListChanged: true })
    world.link.listener.ended()
    await posted.answer
    expect(posted.isLost).toBe(true)
  })
})
