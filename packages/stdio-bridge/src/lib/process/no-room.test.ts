import { EventEmitter } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fixture, initialize, post, Session } from '../../../../../test/fixtures/bridge-client.js'
import { createStdioBridge } from '../../index.js'

type Processes = typeof import('node:child_process')

/** What the system says to each attempt to start a process; nothing when it starts one. */
const system = vi.hoisted(() => ({ says: undefined as string | undefined, throws: false, shells: false }))

// As Node reports it: a process without a number, which emits its error later, or an exception at once
vi.mock('node:child_process', async (original) => {
  const real = await original<Processes>()
  const spawn = (command: string, ...rest: [string[], object]) => {
    if (system.says === undefined || (command === '/bin/sh') !== system.shells) return real.spawn(command, ...rest)
    const error = Object.assign(new Error(`spawn ${command} ${system.says}`), { code: system.says })
    if (system.throws) throw error
    const process = Object.assign(new EventEmitter(), { unref: () => undefined })
    queueMicrotask(() => process.emit('error', error))
    return process
  }
  return { ...real, spawn }
})

afterEach(() => void Object.assign(system, { says: undefined, throws: false, shells: false }))

const lines: string[] = []
const log = (_: object, text: string) => void (text !== 'request' && lines.push(text))
const logger = { debug: () => {}, info: () => {}, warn: log, error: log }
const create = (...modes: string[]) =>
  createStdioBridge({
    command: process.execPath,
    args: [fixture('hostile-server.mjs'), ...modes],
    startConcurrency: 1,
    drainTimeout: 0,
    stopGrace: [0.1, 0.1],
    logger,
  })

const key = (name: string) => `io.modelcontextprotocol/${name}`
const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' }
const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
const list = { jsonrpc: '2.0', id: 0, method: 'tools/list', params: { _meta } }

describe.each([
  ['EAGAIN', false],
  ['EMFILE', false],
  ['ENOMEM', true],
])('while the system answers %s', (code, throws) => {
  test.each([
    ['legacy', () => post(create(), initialize())],
    ['modern', () => post(create('modern'), list, { headers })],
  ])('a %s client is told to come back later, at once', async (_, ask) => {
    lines.length = 0
    Object.assign(system, { says: code, throws })
    const refused = await ask()
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await refused.json()).toMatchObject({ jsonrpc: '2.0', id: 0, error: { message: /no room/ } })
    expect(lines).toEqual([expect.stringContaining(`no room for another process (${code})`)])
  })
})

test('nothing is left of what was refused, and the next one is served when there is room', async () => {
  const bridge = create()
  system.says = 'EAGAIN'
  for (let n = 0; n < 3; n++) expect((await post(bridge, initialize())).status).toBe(503)
  expect(bridge.stats()).toMatchObject({
    children: 0,
    sessions: 0,
    inFlight: 0,
    spawned: 0,
    failedStarts: 3,
    crashed: 0,
  })
  system.says = undefined
  expect(await (await Session.open(bridge)).callText(1, 'echo')).toBe('{}')
  await bridge.close()
})

test.each([false, true])('a child is served though its watchdog cannot be started (at once: %s)', async (throws) => {
  lines.length = 0
  const bridge = create()
  Object.assign(system, { says: 'EAGAIN', throws, shells: true })
  const session = await Session.open(bridge)
  expect(await session.callText(1, 'echo')).toBe('{}')
  expect(lines).toEqual([expect.stringContaining('The watchdog of the children ended')])
  await bridge.close()
  expect(bridge.stats().children).toBe(0)
})
