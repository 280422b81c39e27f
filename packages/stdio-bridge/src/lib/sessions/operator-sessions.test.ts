import { createHash } from 'node:crypto'
import type { Context } from '@mcp-gateway/core'
import { ownerOf } from '@mcp-gateway/core/internal'
import { afterAll, expect, test } from 'vitest'
import { call, fixture, post, Session, tokenOf, until } from '../../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
function create(file: string, options: Partial<StdioBridgeOptions> = {}): StdioBridge {
  const bridge = createStdioBridge({
    command: process.execPath,
    args: [fixture(file)],
    logger: quiet,
    stopGrace: [0.5, 0.5],
    drainTimeout: 0,
    ...options,
  })
  bridges.push(bridge)
  return bridge
}
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

const as = (subject: string): Context => ({ auth: tokenOf(subject), resource: 'https://a/mcp' })
const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
const now = () => Date.now() / 1000

test('an operator sees each session by a fingerprint, with its user, process, memory and requests under way', async () => {
  const bridge = create('hostile-server.mjs')
  expect(await bridge.sessions()).toEqual([])
  const alice = await Session.open(bridge, { context: as('alice') })
  const nobody = await Session.open(bridge)
  const pid = Number(await alice.callText(1, 'pid'))
  const waiting = alice.post(call(2, 'hang'))
  await until(() => bridge.stats().inFlight === 1, 'one waits')

  const listed = await bridge.sessions()
  const ofAlice = listed.find(({ id }) => id === digest(alice.id))
  expect(ofAlice).toEqual({
    id: digest(alice.id),
    principal: digest(ownerOf(as('alice')).principal),
    era: 'legacy',
    startedAt: expect.any(Number),
    usedAt: expect.any(Number),
    inFlight: 1,
    pid,
    ...(process.platform === 'linux' ? { memory: expect.any(Number) } : {}),
  })
  expect(Math.abs((ofAlice?.startedAt ?? 0) - now())).toBeLessThan(30)
  if (process.platform === 'linux') expect(ofAlice?.memory).toBeGreaterThan(10_000_000)
  expect(listed.find(({ id }) => id === digest(nobody.id))).not.toHaveProperty('principal')
  expect(JSON.stringify(listed)).not.toContain(alice.id)

  expect(await bridge.end('0000000000000000')).toBe(false)
  expect(await bridge.end(alice.id)).toBe(false)
  expect(await bridge.end(digest(alice.id))).toBe(true)
  await waiting
  expect((await alice.post(call(3, 'pid'))).status).toBe(404)
  expect((await bridge.sessions()).map(({ id }) => id)).toEqual([digest(nobody.id)])
  expect(await nobody.callText(1, 'echo')).toBe('{}')
  await until(() => bridge.stats().children === 1, "alice's process is gone")
})

test('a session of HTTP+SSE is seen and ended too', async () => {
  const bridge = create('hostile-server.mjs', { httpSse: true })
  const context = as('alice')
  const headers = { Accept: 'text/event-stream' }
  const response = await bridge.handle(new Request('http://127.0.0.1/mcp', { headers }), context)
  const [session] = await bridge.sessions()
  expect(session).toMatchObject({ era: 'legacy', inFlight: 0, pid: expect.any(Number) })
  expect(await bridge.end(session?.id ?? '')).toBe(true)
  expect(await response.text()).toMatch(/^event: endpoint/)
  await until(() => bridge.stats().children === 0, 'its process is gone')
})

const modern = (name: string) => ({
  ...call(
    1,
    name,
    {},
    {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  ),
})

test.each([
  ['modern-server.mjs', 'pid'],
  ['legacy-server.mjs', 'pid'],
])(
  'the processes of %s that serve modern clients are listed, each with its user, and can be ended',
  async (file, tool) => {
    const bridge = create(file, { isolation: 'principal' })
    const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': tool }
    await (await post(bridge, modern(tool), { headers, context: as('alice') })).text()
    const listed = await bridge.sessions()
    expect(listed).toEqual([
      expect.objectContaining({
        id: expect.stringMatching(/^child-\d+$/),
        principal: digest(ownerOf(as('alice')).principal),
        era: 'modern',
        inFlight: 0,
      }),
    ])
    expect(await bridge.end(listed[0]?.id ?? '')).toBe(true)
    expect(await bridge.sessions()).toEqual([])
  },
)
