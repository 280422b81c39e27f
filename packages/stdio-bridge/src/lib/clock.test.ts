import { afterEach, describe, expect, test, vi } from 'vitest'
import { call, fixture, post, readAll, Session, until } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const day = 24 * 3_600_000
let bridge: StdioBridge
afterEach(() => bridge.close())

function create(options: object, ...modes: string[]): void {
  const args = [fixture('hostile-server.mjs'), ...modes]
  bridge = createStdioBridge({ command: process.execPath, args, logger: quiet, drainTimeout: 0, ...options })
}

/** Sets the clock of the machine, as far as this process can see it. */
function jump(ms: number): void {
  const real = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => real() + ms)
}

describe.each([
  ['forward', day],
  ['back', -day],
])('when the clock is set %s', (_, ms) => {
  test('a session, its stream and a call that waits go on as if nothing had happened', async () => {
    create({ keepAlive: 0.05, maxSessionAge: 3600 })
    const session = await Session.open(bridge)
    const reader = (await session.request('GET')).body?.getReader()
    const waiting = session.post(call(1, 'elicit'))
    await until(() => bridge.stats().inFlight === 1, 'the call waits')
    jump(ms)
    // Each sign of life comes from a look at every time limit
    for (let signs = 0; signs < 3; ) {
      const text = new TextDecoder().decode((await reader?.read())?.value)
      signs += text.split('\n\n').filter((event) => event.startsWith(':')).length
    }
    expect(bridge.stats()).toMatchObject({ sessions: 1, children: 1, inFlight: 1 })
    expect(await session.callText(2, 'echo')).toBe('{}')
    await session.request('DELETE')
    await readAll(await waiting)
  })

  test('what has a time limit still ends at it: calls, idle sessions and closing', async () => {
    create({ requestTimeout: 0.3, idleTimeout: 0.3, drainTimeout: 0.3 })
    const session = await Session.open(bridge)
    const waiting = session.answer(call(1, 'hang'))
    jump(ms)
    expect(await waiting).toMatchObject({ id: 1, error: { data: { reason: 'timeout' } } })
    await until(() => bridge.stats().sessions === 0, 'the session is over')
    const hanging = (await Session.open(bridge)).answer(call(1, 'hang'))
    await until(() => bridge.stats().inFlight === 1, 'it waits')
    await bridge.close()
    expect(await hanging).toMatchObject({ error: { data: { reason: expect.stringMatching(/closed|timeout/) } } })
  })

  test('a modern call is served, and one without an answer ends at its time', async () => {
    create({ keepAlive: 0.05, requestTimeout: 0.5 }, 'modern')
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const send = (name: string) => {
      const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name }
      return post(bridge, call(name, name, {}, meta), { headers })
    }
    const waiting = send('hang')
    await until(() => bridge.stats().inFlight === 1, 'it waits')
    jump(ms)
    expect(await (await send('echo')).json()).toMatchObject({ id: 'echo', result: { content: [{ text: '{}' }] } })
    const [last] = (await readAll(await waiting)).slice(-1)
    expect(last).toMatchObject({ id: 'hang', error: { data: { reason: 'timeout' } } })
    expect(bridge.stats()).toMatchObject({ children: 1, inFlight: 0, spawned: 1 })
  })
})
