import { describe, expect, test, vi } from 'vitest'
import { asked, Joined, LegacyLink } from '../../../test/legacy-link.js'
import type { EraAnswer, EraLink, EraLinkCall, EraNotification, EraRequest } from './era-server.js'
import { legacyClient } from './legacy-client/legacy-client.js'
import { modernServer } from './modern-server/modern-server.js'

const key = (name: string) => `io.modelcontextprotocol/${name}`
const form = { message: 'Who?', requestedSchema: { type: 'object', properties: {} } }
const eliciting = { capabilities: { elicitation: {} } }

describe('a legacy server that is odd', () => {
  // An object with such a member cannot be made a text
  const texts: unknown[] = [{ toString: 1 }, { toString: null, valueOf: {} }, [{ toString: 1 }], null, 5]

  test.each(texts)('may say %o where a text belongs', async (odd) => {
    const world = new Joined(new LegacyLink({ tools: {}, logging: {}, resources: { subscribe: true } }))
    const listening = await world.send('subscriptions/listen', {
      notifications: { resourceSubscriptions: ['test://a'] },
    })
    const call = await world.tool('a', { meta: { [key('logLevel')]: 'debug' } })
    world.link.say('notifications/message', { level: odd, data: 'x' })
    world.link.say('notifications/resources/updated', { uri: odd })
    world.link.say('notifications/resources/updated', { uri: 'test://a' })
    expect(call.messages).toEqual([])
    expect(listening.messages.map(({ params }) => params?.uri)).toEqual([undefined, 'test://a'])
  })

  test('that needs what the client lacks while the call is parked says so to the retry, and frees the place [M15]', async () => {
    const world = new Joined(new LegacyLink(), {}, { elicitation: {}, sampling: {} })
    const first = await world.tool('greet', eliciting)
    world.link.ask('elicitation/create', form)
    const { requestState, keys } = asked(await first.answer)
    const { answer } = world.link.ask('sampling/createMessage', { messages: [], maxTokens: 1 })
    expect(await answer).toMatchObject({ error: { code: -32601 } })
    const inputResponses = { [keys[0] ?? '']: { action: 'decline' } }
    const retry = await world.tool('greet', { id: 2, ...eliciting }, { requestState, inputResponses })
    expect((await retry.answer).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { sampling: {} } },
    })
    expect([retry.code, world.client.parkedCalls, world.over]).toEqual([-32021, 0, 1])
    expect(world.link.of('tools/call')[0]?.cancelled).toBeDefined()
  })

  test('that takes the question of its start back lets the call go on', async () => {
    const link = new LegacyLink()
    const { auto } = link
    let question: ReturnType<LegacyLink['ask']> | undefined
    link.auto = (arrived) => {
      if (arrived.method === 'ping') question = link.ask('roots/list')
      return auto(arrived)
    }
    const world = new Joined(link, {}, { roots: {} })
    const options = { capabilities: { roots: {} } }
    const first = await world.tool('ls', options)
    const { requestState } = asked(await first.answer)
    question?.withdraw()
    const retry = await world.tool('ls', options, { requestState, inputResponses: {} })
    await vi.waitFor(() => expect(link.of('tools/call').length).toBe(1))
    link.of('tools/call')[0]?.result({ content: [] })
    expect(await retry.answer).toMatchObject({ result: { resultType: 'complete' } })
  })

  test('[M22] that was given up for one user may still log for that one: others do not see it', async () => {
    const world = new Joined(new LegacyLink({ tools: {}, logging: {} }))
    const wanting = { meta: { [key('logLevel')]: 'debug' } }
    await world.tool('a', { user: 'alice', ...wanting })
    world.link.of('tools/call')[0]?.giveUp()
    const bob = await world.tool('b', { user: 'bob', ...wanting })
    world.link.say('notifications/message', { level: 'info', data: 'of alice, maybe' })
    expect(bob.messages).toEqual([])
  })

  test('that asks after a call was cancelled does not ask another user [L10]', async () => {
    const world = new Joined(new LegacyLink(), {}, { elicitation: {} })
    const alice = await world.tool('a', { user: 'alice', ...eliciting })
    alice.leave()
    const bob = await world.tool('b', { user: 'bob', ...eliciting })
    expect(await world.link.ask('elicitation/create', form).answer).toMatchObject({ error: { code: -32601 } })
    world.link.of('tools/call')[1]?.result({ content: [] })
    expect(await bob.answer).toMatchObject({ result: { resultType: 'complete' } })
  })

  test('that asks for roots which nobody has declared does not ask the next client for them', async () => {
    const world = new Joined()
    await world.send('tools/list')
    expect(await world.link.ask('roots/list').answer).toMatchObject({ error: { code: -32601 } })
    const call = await world.tool('a')
    world.link.of('tools/call')[0]?.result({ content: [] })
    expect(await call.answer).toMatchObject({ result: { resultType: 'complete' } })
  })

  test('[M21] that is gone ends a listener that comes too late', async () => {
    const world = new Joined()
    await world.tool('a')
    world.link.listener.ended()
    const posted = await world.send('subscriptions/listen', { notifications: {} })
    await vi.waitFor(() => expect(posted.isLost).toBe(true))
  })
})

test('a retry with a token of fewer scopes does not find the call; one with more does [M20]', async () => {
  const world = new Joined(new LegacyLink(), {}, { elicitation: {} })
  const call = (scopes: string[], more = {}) => world.tool('greet', { ...eliciting, scopes }, more)
  const first = await call(['read', 'write'])
  world.link.ask('elicitation/create', form)
  const { requestState, keys } = asked(await first.answer)
  const inputResponses = { [keys[0] ?? '']: { action: 'decline' } }
  const refused = await call(['read'], { requestState, inputResponses })
  expect((await refused.answer).error).toMatchObject({ code: -32602 })
  const found = await call(['admin', 'write', 'read'], { requestState, inputResponses })
  world.link.of('tools/call')[0]?.result({ content: [] })
  expect(await found.answer).toMatchObject({ result: { resultType: 'complete' } })
})

test('only the exact keys of the era tell who asks [M11]', async () => {
  const world = new Joined(new LegacyLink(), {}, { elicitation: {} })
  await world.tool('greet', { meta: { [key('x/clientCapabilities')]: { elicitation: {} } } })
  const { answer } = world.link.ask('elicitation/create', form)
  expect(await answer).toMatchObject({ error: { code: -32601 } })
})

/** A modern server without a process. */
class Modern implements EraLink {
  listener = { notified: () => {}, asked: () => () => {}, ended: () => {} } as EraLink['listener']
  readonly sent: { method: string; text: string; call: EraLinkCall }[] = []
  refusesToListen = false

  request({ method, params }: EraRequest, call: EraLinkCall): () => void {
    this.sent.push({ method, text: new TextDecoder().decode(params), call })
    if (method === 'server/discover') call.answered(discovered)
    if (method === 'subscriptions/listen') {
      if (this.refusesToListen) call.answered({ error: encode({ code: -31503, message: 'later' }), code: -31503 })
      else
        call.related({ method: 'notifications/subscriptions/acknowledged', params: encode({ notifications: lists }) })
    }
    return () => {}
  }

  notify(_notification: EraNotification): void {}

  of(method: string) {
    return this.sent.filter((one) => one.method === method)
  }
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const lists = { toolsListChanged: true }
const discovered: EraAnswer = {
  result: encode({ supportedVersions: ['2026-07-28'], capabilities: { tools: { listChanged: true } } }),
}

/** A legacy client that has sent this as the `params` of its `initialize`. */
async function client(link: Modern, params: object) {
  const made = legacyClient(modernServer(link), { principal: 'alice', notified: () => {} })
  const request = (message: object) =>
    new Promise<Uint8Array>((answered) => {
      const call = { related: () => {}, asked: () => {}, withdrawn: () => {}, answered }
      made.request(encode({ jsonrpc: '2.0', ...message }), call)
    })
  await request({ id: 0, method: 'initialize', params })
  return { request, close: () => made.close() }
}

describe('a legacy client in front of a modern server', () => {
  test.each([
    { _meta: { [key('logLevel')]: 'debug' } },
    { _meta: { [key('logLevel')]: 'debug' }, inputResponses: {}, requestState: 'x' },
    { inputResponses: {}, requestState: 'x' },
    { _meta: { [key('clientInfo')]: {}, own: 1 } },
    { _meta: {} },
    { _meta: null },
    {},
  ])('[M11] whose params are %o sends JSON, in which only the gateway says who asks', async (params) => {
    const link = new Modern()
    const { request, close } = await client(link, { protocolVersion: '2025-11-25', capabilities: {} })
    void request({ id: 1, method: 'tools/list', params })
    await vi.waitFor(() => expect(link.of('tools/list').length).toBe(1))
    const seen = JSON.parse(link.of('tools/list')[0]?.text ?? '')
    expect(seen._meta[key('protocolVersion')]).toBe('2026-07-28')
    expect([seen._meta[key('logLevel')], seen._meta[key('clientInfo')]]).toEqual([undefined, undefined])
    expect(Object.keys(seen)).toEqual(['_meta'])
    close()
  })

  test('that declares nothing is not taken for another one that does not [L10]', async () => {
    for (const name of ['one', 'two']) {
      const link = new Modern()
      const { request, close } = await client(link, { clientInfo: { name, version: '1' } })
      void request({ id: 1, method: 'tools/list' })
      await vi.waitFor(() => expect(link.of('tools/list').length).toBe(1))
      const { _meta } = JSON.parse(link.of('tools/list')[0]?.text ?? '')
      expect(_meta[key('clientInfo')]).toEqual({ name, version: '1' })
      close()
    }
  })

  test('[S3] is listened for again until the server takes it', async () => {
    vi.useFakeTimers()
    try {
      const link = new Modern()
      const { close } = await client(link, { protocolVersion: '2025-11-25', capabilities: {} })
      await vi.advanceTimersByTimeAsync(0)
      link.refusesToListen = true
      link.of('subscriptions/listen')[0]?.call.answered({ error: encode({ code: -32603 }), code: -32603 })
      await vi.advanceTimersByTimeAsync(10_000)
      expect(link.of('subscriptions/listen').length).toBeGreaterThan(3)
      link.refusesToListen = false
      await vi.advanceTimersByTimeAsync(60_000)
      const count = link.of('subscriptions/listen').length
      await vi.advanceTimersByTimeAsync(600_000)
      expect(link.of('subscriptions/listen').length).toBe(count)
      close()
    } finally {
      vi.useRealTimers()
    }
  })
})
