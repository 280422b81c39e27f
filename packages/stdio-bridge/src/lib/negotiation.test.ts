import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { endSessions, fixture, initialize, post, Session, tokenOf } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

function create(options: Partial<StdioBridgeOptions> = {}, server = 'awkward-server.mjs'): StdioBridge {
  const args = [fixture(server)]
  const bridge = createStdioBridge({ command: process.execPath, args, logger: quiet, drainTimeout: 0, ...options })
  bridges.push(bridge)
  return bridge
}

const versions = ['2026-07-28', '2027-01-01', '2099-12-31', 'DRAFT-2026-v1', 'next']

describe.each(['session', 'principal', 'pool', 'request'] as const)('isolation %s', (isolation) => {
  test.each(versions)('initialize that names %s is negotiated by the server', async (version) => {
    const response = await post(create({ isolation }), initialize(version))
    expect(response.status).toBe(200)
    expect(response.headers.has('mcp-session-id')).toBe(isolation !== 'request')
    expect(await response.json()).toMatchObject({
      id: 0,
      result: { protocolVersion: '2025-11-25', _meta: { asked: version } },
    })
  })

  test('so it is in front of a server of the modern era alone', async () => {
    const response = await post(create({ isolation }, 'modern-only-server.mjs'), initialize('2026-07-28'))
    expect(await response.json()).toMatchObject({ id: 0, result: { protocolVersion: '2025-11-25' } })
  })
})

test('a header of a later revision beside initialize changes nothing', async () => {
  const headers = { 'MCP-Protocol-Version': '2026-07-28' }
  const response = await post(create(), initialize('2026-07-28'), { headers })
  expect([response.status, response.headers.has('mcp-session-id')]).toEqual([200, true])
})

test('a session that was opened so is used in the revision that was agreed on', async () => {
  const session = await Session.open(create(), { protocolVersion: '2026-07-28' })
  expect(await session.callText(1, 'echo')).toBe('echo')
})

describe.each([
  ['a session', {}, 'awkward-server.mjs'],
  ['a session of a shared server', { isolation: 'pool' }, 'awkward-server.mjs'],
  ['a session in front of a modern server', {}, 'modern-only-server.mjs'],
] as const)('%s', (_who, options, server) => {
  test('that has ended is not initialized again: 404, so that its client begins anew [L7]', async () => {
    const bridge = create(options, server)
    const session = await Session.open(bridge)
    const again = (message: object) => session.post({ ...message, id: 5 })
    const live = await again(initialize())
    expect([live.status, await live.json()]).toMatchObject([400, { id: 5, error: { code: -32600 } }])
    await session.request('DELETE')
    const over = await again(initialize())
    expect([over.status, await over.json()]).toMatchObject([404, { id: 5 }])
    const renewed = await again(initialize('2026-07-28'))
    expect(renewed.status).toBe(404)
    expect((await post(bridge, initialize(), { headers: { 'Mcp-Session-Id': 'never-there' } })).status).toBe(404)
  })
})

test('initialize with the id of somebody else’s session is 404', async () => {
  const bridge = create()
  const session = await Session.open(bridge, { context: { auth: tokenOf('alice') } })
  const headers = { 'Mcp-Session-Id': session.id }
  const response = await post(bridge, initialize(), { headers, context: { auth: tokenOf('mallory') } })
  expect(response.status).toBe(404)
})
