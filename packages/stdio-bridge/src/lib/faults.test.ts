import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { JsonRpcMessage } from '@mcp-gateway/core'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  call,
  endSessions,
  events,
  fixture,
  initialize,
  isAlive,
  post,
  readAll,
  Session,
  textOf,
  tokenOf,
  until,
} from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'

const lines: [string, Record<string, unknown>, string][] = []
const log = (level: string) => (fields: Record<string, unknown>, message: string) =>
  void lines.push([level, fields, message])
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
const bridges: StdioBridge[] = []
function create(options: Partial<StdioBridgeOptions> = {}, ...modes: string[]): StdioBridge {
  const args = [fixture('hostile-server.mjs'), ...modes]
  const bridge = createStdioBridge({
    command: process.execPath,
    args,
    logger,
    stopGrace: [0.1, 0.1],
    drainTimeout: 0,
    ...options,
  })
  bridges.push(bridge)
  return bridge
}
const shared = create()
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

describe('a server that cannot be had', () => {
  test.each<[string, StdioBridgeOptions, RegExp]>([
    ['is missing', { command: 'no-such-program' }, /no program "no-such-program"/],
    ['may not be executed', { command: '/etc/passwd' }, /may not be executed/],
    ['has a missing working directory', { command: 'sh', cwd: '/no/such' }, /working directory \/no\/such/],
    ['dies at start', { command: 'sh', args: ['-c', 'echo broken >&2; exit 3'] }, /ended by itself/],
    ['prints text and dies', { command: 'sh', args: ['-c', 'echo Usage: server; exit 1'] }, /not an MCP message/],
  ])('that %s is a 502 that tells nothing, and a log line that tells all', async (_, options, logged) => {
    lines.length = 0
    const bridge = createStdioBridge({ ...options, logger })
    const response = await post(bridge, initialize())
    expect(response.status).toBe(502)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({
      jsonrpc: '2.0',
      id: 0,
      error: { message: expect.stringContaining('operator') },
    })
    expect(text).not.toMatch(/no-such|passwd|broken|Usage|\/no\//)
    await until(() => lines.some(([, , message]) => logged.test(message)), 'it is logged')
    await bridge.close()
    expect(bridge.stats().children).toBe(0)
  })

  test('that never answers is a 504 in time', async () => {
    const bridge = create({ handshakeTimeout: 0.2 }, 'mute', 'stubborn')
    const response = await post(bridge, initialize())
    expect(response.status).toBe(504)
    expect(bridge.stats()).toMatchObject({ sessions: 0 })
    await until(() => bridge.stats().children === 0, 'it is gone')
    expect(bridge.stats().failedStarts).toBe(1)
  })
})

test('[S4, S5] what is started is logged, its arguments and its environment are not; a request chooses neither', async () => {
  lines.length = 0
  const bridge = create({ env: { SECRET: 's3cret' } }, 'private-argument')
  const context = { auth: { ...tokenOf('alice'), token: 'the-token' } }
  const session = await Session.open(bridge, {
    context,
    capabilities: { command: 'rm', args: ['-rf'], env: { PATH: '/evil' } },
  })
  await session.request('DELETE')
  await until(() => lines.some(([, , message]) => message.includes('stopped')), 'its end is logged')
  const logged = JSON.stringify(lines)
  expect(lines[0]).toEqual([
    'info',
    { service: 'stdio-bridge', command: process.execPath, pid: expect.any(Number) },
    'The MCP server was started',
  ])
  expect(logged).not.toMatch(/s3cret|private-argument|the-token/)
  const environment = await (await Session.open(bridge, { context })).callText(1, 'environment')
  expect(environment).toContain('s3cret')
  expect(environment).not.toContain('the-token')
})

describe('a server that misbehaves', () => {
  test('what is not a message on stdout is skipped and reported [S1]', async () => {
    const bridge = create({}, 'chatty')
    const session = await Session.open(bridge)
    expect(await session.callText(1, 'rubbish')).toBe('done')
    expect(bridge.stats().invalidLines).toBeGreaterThanOrEqual(6)
  })

  test('stderr is drained, however much of it there is, and is no failure [S1]', async () => {
    const bridge = create({}, 'noisy')
    const session = await Session.open(bridge)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await session.callText(1, 'echo')).toBe('{}')
  })

  test('a second answer, and answers to nobody, are dropped and counted', async () => {
    const bridge = create()
    const session = await Session.open(bridge)
    expect(await session.callText(1, 'twice')).toBe('first')
    const other = session.post(call(2, 'slow', { ms: 50 }))
    expect(await session.callText(3, 'unknown-id')).toBe('done')
    expect(await readAll(await other)).toHaveLength(1)
    expect(bridge.stats().unmatchedResponses).toBe(4)
  })

  test('an error without an id is the answer of the only request', async () => {
    const session = await Session.open(shared)
    expect(await session.answer(call('mine', 'no-id'))).toMatchObject({ id: 'mine', error: { code: -32600 } })
  })

  test('carriage returns do not break events, and a batch is taken apart', async () => {
    const session = await Session.open(shared)
    expect(await session.answer(call(1, 'crlf'))).toMatchObject({ id: 1, result: { content: [] } })
    const messages = await readAll(await session.post(call(2, 'batch')))
    expect(messages.map(({ method }) => method)).toEqual(['notifications/message', undefined])
  })

  test.each(['giant', 'giant-head'])('an answer that is too large fails that request alone (%s)', async (name) => {
    const bridge = create({ maxMessageBytes: 100_000 })
    const session = await Session.open(bridge)
    const small = session.post(call(7, 'slow', { ms: 30 }))
    expect(await session.answer(call(1, name, { bytes: 3_000_000 }))).toMatchObject({
      id: 1,
      error: { data: { reason: 'answer_too_large' } },
    })
    expect((await readAll(await small))[0]?.id).toBe(7)
    expect(await session.callText(2, 'echo')).toBe('{}')
  })

  test('a large answer passes byte for byte', async () => {
    const session = await Session.open(shared)
    const text = await session.callText(1, 'giant', { bytes: 8_000_000 })
    expect(text.length).toBe(8_000_000)
  })

  test.each<[string, string, object]>([
    ['exits', 'crash', { exitCode: 7 }],
    ['exits in the middle of a line', 'half-line', { exitCode: 1 }],
  ])('a crash that %s ends every waiting call at once, and the session', async (_, name, data) => {
    const session = await Session.open(shared)
    const other = await Session.open(shared)
    const waiting = session.answer(call(1, 'hang'))
    expect(await session.answer(call(2, name))).toMatchObject({
      id: 2,
      error: { code: -32603, data: { reason: 'exited', ...data } },
    })
    expect(await waiting).toMatchObject({ id: 1, error: { data: { reason: 'exited' } } })
    expect((await session.post(call(3, 'echo'))).status).toBe(404)
    expect(await other.callText(1, 'echo')).toBe('{}')
  })

  test('a flood is held back while its client does not read, and arrives whole when it does', async () => {
    const bridge = create()
    const session = await Session.open(bridge)
    const response = await session.post(call(1, 'flood', { count: 300, bytes: 50_000 }))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(process.memoryUsage().rss).toBeLessThan(2 ** 31)
    const before = bridge.stats().inFlight
    const messages = await readAll(response)
    // 15 MB do not fit into a queue of 1 MiB: the child was waiting
    expect(before).toBe(1)
    expect(messages).toHaveLength(301)
    expect(textOf(messages.at(-1) as JsonRpcMessage)).toBe('flooded')
  })

  test('a client that never sends DELETE costs nothing for long', async () => {
    const bridge = create({ idleTimeout: 0.2, maxSessionsPerPrincipal: 64 })
    const files = readdirSync('/proc/self/fd').length
    for (let round = 0; round < 3; round++)
      await Promise.all(Array.from({ length: 6 }, () => post(bridge, initialize())))
    await until(() => bridge.stats().children === 0 && bridge.stats().sessions === 0, 'all are gone')
    await until(() => readdirSync('/proc/self/fd').length <= files + 6, 'their descriptors are closed')
  })
})

describe('stopping', () => {
  test('[S3] what ignores the end of stdin and SIGTERM is killed, and so is all that it started', async () => {
    const bridge = create({}, 'stubborn', 'family')
    const session = await Session.open(bridge)
    const pids = [await session.callText(1, 'pid'), await session.callText(2, 'family')].map(Number)
    expect(pids.every(isAlive)).toBe(true)
    await session.request('DELETE')
    await until(() => bridge.stats().children === 0, 'it counts as gone')
    await until(() => !pids.some(isAlive), 'its processes are gone')
  })

  test('a grandchild that keeps the pipes open does not outlive a crash, nor hide it', async () => {
    const bridge = create()
    const session = await Session.open(bridge)
    const grandchild = Number(await session.callText(1, 'family'))
    expect(await session.answer(call(2, 'crash'))).toMatchObject({ error: { data: { reason: 'exited' } } })
    await until(() => !isAlive(grandchild), 'it is gone')
  })

  test('close leaves no process', async () => {
    const bridge = create({ prewarmed: 1 }, 'stubborn')
    const sessions = await Promise.all([Session.open(bridge), Session.open(bridge)])
    const pids = await Promise.all(sessions.map(async (session) => Number(await session.callText(1, 'pid'))))
    await bridge.close()
    expect(pids.some(isAlive)).toBe(false)
    expect(bridge.stats().children).toBe(0)
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)('no child outlives a bridge that gets %s under load', async (signal) => {
    const script = fileURLToPath(new URL('../../../../test/fixtures/killed-bridge.ts', import.meta.url))
    const bridge = spawn(process.execPath, ['--conditions=@mcp-gateway/source', '--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const pids: number[] = await new Promise((resolve) => {
        bridge.stdout.once('data', (data) => resolve(JSON.parse(String(data))))
      })
      expect(pids).toHaveLength(4)
      expect(pids.every(isAlive)).toBe(true)
      bridge.kill(signal)
      await until(() => !pids.some(isAlive), 'all are gone')
    } finally {
      bridge.kill('SIGKILL')
    }
  })
})

describe('chaos', () => {
  test('children killed at random under load: every caller is told, nothing hangs, nothing is left', async () => {
    const bridge = create({ maxSessionsPerPrincipal: 64 })
    const outcomes = new Map<string, number>()
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    const client = async (seed: number) => {
      for (let round = 0; round < 3; round++) {
        const session = await Session.open(bridge)
        const pid = Number(await session.callText(1, 'pid'))
        setTimeout(() => isAlive(pid) && process.kill(pid, 'SIGKILL'), (seed * 7 + round * 13) % 40)
        for (let n = 0; n < 30; n++) {
          const response = await session.post(call(n, 'progress', { steps: 2, ms: 2 }, { progressToken: 1 }))
          if (response.status === 404) {
            count('404')
            break
          }
          const last = (await readAll(response)).at(-1)
          count(last?.error === undefined ? 'answered' : 'told')
        }
        await session.request('DELETE')
      }
    }
    await Promise.all(Array.from({ length: 6 }, (_, seed) => client(seed)))
    expect(outcomes.get('404')).toBeGreaterThan(0)
    expect(outcomes.get('told')).toBeGreaterThan(0)
    await until(() => bridge.stats().children === 0, 'no process is left')
    expect(bridge.stats()).toMatchObject({ sessions: 0, inFlight: 0 })
    const session = await Session.open(bridge)
    const stream = events(await session.request('GET'))
    await stream.next()
    await stream.return(undefined)
  })
})
