import { describe, expect, test, vi } from 'vitest'
import { asked, Joined, LegacyLink } from '../../../../test/legacy-link.js'

const level = (logLevel: string) => ({ meta: { 'io.modelcontextprotocol/logLevel': logLevel } })
const log = (world: Joined, at: string, data: string) => world.link.say('notifications/message', { level: at, data })
const logged = (posted: { messages: { params?: Record<string, unknown> }[] }) =>
  posted.messages.map(({ params }) => params?.data)

describe('a legacy server', () => {
  test('is initialized once, at the first need, with what its clients can do', async () => {
    const world = new Joined(new LegacyLink(), {}, { elicitation: {} })
    await Promise.all([world.tool('a'), world.tool('b')])
    expect(world.link.of('initialize').map(({ params }) => params)).toEqual([
      {
        protocolVersion: '2025-11-25',
        capabilities: { elicitation: {} },
        clientInfo: { name: 'mcp-gateway', version: '0' },
      },
    ])
    expect(world.link.told).toEqual([{ method: 'notifications/initialized', params: undefined }])
  })

  test('gets requests without what the modern era writes into them, and all else', async () => {
    const world = new Joined()
    await world.tool('echo', { meta: { progressToken: 1, own: { x: 1 } } }, { arguments: { n: 1 }, task: {} })
    await world.tool('echo')
    expect(world.link.of('tools/call').map(({ params }) => params)).toEqual([
      { name: 'echo', arguments: { n: 1 }, task: {}, _meta: { progressToken: 1, own: { x: 1 } } },
      { name: 'echo', arguments: {} },
    ])
  })

  test('that is over when a call comes is told of at once', async () => {
    const link = new LegacyLink()
    const { auto } = link
    link.auto = (arrived) => {
      if (arrived.method !== 'tools/call') return auto(arrived)
      arrived.error(-32603, 'It ended')
      return true
    }
    const { answer } = await new Joined(link).tool('echo')
    expect(await answer).toMatchObject({ error: { code: -32603, message: 'It ended' } })
  })

  test('is answered its ping, and told that other requests are taken by nobody', async () => {
    const world = new Joined()
    await world.tool('echo')
    expect(await world.link.ask('ping').answer).toEqual({ result: {} })
    expect(await world.link.ask('x/y').answer).toMatchObject({ error: { code: -32601 } })
  })

  test('that asks while several calls are under way is refused: it cannot be told whose question it is', async () => {
    const world = new Joined()
    const options = { capabilities: { elicitation: {} } }
    const posted = [await world.tool('a', options), await world.tool('b', { ...options, user: 'bob' })]
    const { answer } = world.link.ask('elicitation/create', { message: 'Who?' })
    expect(await answer).toMatchObject({ error: { code: -32601 } })
    for (const call of world.link.of('tools/call')) call.result({ content: [] })
    for (const { answer } of posted) expect(await answer).toMatchObject({ result: { resultType: 'complete' } })
  })

  test('that asks for the roots at its start gets them with the first call, before the call', async () => {
    const link = new LegacyLink()
    const { auto } = link
    let question: ReturnType<LegacyLink['ask']> | undefined
    link.auto = (arrived) => {
      if (arrived.method === 'ping') question = link.ask('roots/list')
      return auto(arrived)
    }
    const world = new Joined(link, {}, { roots: {} })
    const options = { capabilities: { roots: {} } }
    await world.send('tools/list', {}, options)
    const posted = await world.tool('ls', options)
    const { requestState, keys } = asked(await posted.answer)
    expect(link.of('tools/call')).toEqual([])
    const roots = [{ uri: 'file:///home' }]
    const inputResponses = { [keys[0] ?? '']: { roots } }
    const retry = await world.tool('ls', options, { requestState, inputResponses })
    expect(await question?.answer).toEqual({ result: { roots } })
    await vi.waitFor(() => expect(link.of('tools/call').length).toBe(1))
    link.of('tools/call')[0]?.result({ content: [] })
    expect(await retry.answer).toMatchObject({ result: { resultType: 'complete' } })
  })
})

describe('log messages', () => {
  test('[M22] in the course of a request reach it only where it wants them, from its level on', async () => {
    const world = new Joined()
    const told: unknown[][] = []
    for (const options of [{}, level('warning')]) {
      const posted = await world.tool('echo', options)
      for (const at of ['info', 'error'])
        world.link.of('tools/call').at(-1)?.related('notifications/message', { level: at, data: at })
      told.push(logged(posted))
    }
    expect(told).toEqual([[], ['error']])
  })

  const logging = () => new Joined(new LegacyLink({ tools: {}, logging: {} }))

  test('[M22] reach only a request that wants them, from its level on', async () => {
    const world = logging()
    const silent = await world.tool('a')
    log(world, 'error', 'for nobody')
    const wanting = await world.tool('a', level('warning'))
    log(world, 'info', 'too small')
    log(world, 'error', 'for one')
    expect(logged(silent)).toEqual([])
    expect(logged(wanting)).toEqual(['for one'])
  })

  test('[M22] make the server log as much as the most talkative request wants', async () => {
    const world = logging()
    await world.tool('a')
    expect(world.link.of('logging/setLevel')).toEqual([])
    await world.tool('a', level('warning'))
    await world.tool('a', level('error'))
    await world.tool('a', level('debug'))
    await world.tool('a', level('nonsense'))
    expect(world.link.of('logging/setLevel').map(({ params }) => params?.level)).toEqual(['warning', 'debug'])
  })

  test('[M22] reach nobody while two users are served, or one whose call was cancelled may still be', async () => {
    const world = logging()
    const alice = await world.tool('a', { user: 'alice', ...level('debug') })
    const bob = await world.tool('b', { user: 'bob', ...level('debug') })
    log(world, 'info', 'whose?')
    alice.leave()
    log(world, 'info', 'of alice, maybe')
    expect(logged(alice)).toEqual([])
    expect(logged(bob)).toEqual([])
    world.link.of('tools/call')[1]?.result({ content: [] })
    const again = await world.tool('c', { user: 'alice', ...level('debug') })
    log(world, 'info', 'of alice')
    expect(logged(again)).toEqual(['of alice'])
  })
})
