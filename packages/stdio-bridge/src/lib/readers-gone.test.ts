import { afterAll, afterEach, expect, test } from 'vitest'
import { call, endSessions, fixture, post, Session, until } from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'
import { EventBody } from './http/event-body.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const flood = { count: 60, bytes: 100_000 }
const bridges: StdioBridge[] = []
afterEach(endSessions)
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

async function open(options: Partial<StdioBridgeOptions> = {}): Promise<Session> {
  const args = [fixture('awkward-server.mjs')]
  const bridge = createStdioBridge({ command: process.execPath, args, logger: quiet, drainTimeout: 0, ...options })
  bridges.push(bridge)
  return Session.open(bridge)
}

/** Until the child has been stopped for a reader that takes nothing. */
const stalled = () => new Promise((resolve) => setTimeout(resolve, 300))

test('a GET stream that is left with unread data does not stop its session', async () => {
  const session = await open()
  const stream = await session.request('GET')
  await session.answer(call(1, 'flood-later', flood))
  await stalled()
  await stream.body?.cancel()
  expect(await session.callText(2, 'echo')).toBe('echo')
})

test('a POST that is left with unread data does not stop its session', async () => {
  const session = await open()
  const response = await session.post(call(1, 'flood', flood))
  await stalled()
  await response.body?.cancel()
  expect(await session.callText(2, 'echo')).toBe('echo')
})

test('of two readers that do not read, the one that stays holds the child back, and the last that goes frees it', async () => {
  const session = await open()
  const streams = [await session.post(call(1, 'flood', flood)), await session.post(call(2, 'flood', flood))]
  await stalled()
  await streams[0]?.body?.cancel()
  await streams[1]?.body?.cancel()
  expect(await session.callText(3, 'echo')).toBe('echo')
})

test('an answer that nobody has read yet does not hold back the next ones', async () => {
  const session = await open()
  const large = await session.post(call(1, 'large', { bytes: 3_000_000 }))
  await stalled()
  expect(await session.callText(2, 'echo')).toBe('echo')
  expect((await large.text()).length).toBeGreaterThan(3_000_000)
})

test('a reader that is given up because it takes nothing does not stop its session', async () => {
  const body = new EventBody(10, { closed: () => undefined, drained: () => undefined })
  body.write(Buffer.alloc(20))
  expect(body.isFull).toBe(true)
  body.end()
  expect([body.isFull, body.queued]).toEqual([false, 0])
})

test('a client that breaks its connections off does not stop its session', async () => {
  const { url, bridge } = await serveBridge({ args: [fixture('awkward-server.mjs')] })
  const session = await Session.open(bridge)
  const headers = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' }
  const own = { ...headers, 'Mcp-Session-Id': session.id }
  const aborter = new AbortController()
  const init = { headers: own, signal: aborter.signal }
  const streams = [await fetch(url, init)]
  streams.push(await fetch(url, { ...init, method: 'POST', body: JSON.stringify(call(1, 'flood', flood)) }))
  await stalled()
  aborter.abort()
  expect(streams.map(({ status }) => status)).toEqual([200, 200])
  expect(await session.callText(3, 'echo')).toBe('echo')
})

test('over HTTP+SSE, what an unread stream holds goes with its session', async () => {
  const args = [fixture('awkward-server.mjs')]
  const bridge = createStdioBridge({ command: process.execPath, args, logger: quiet, httpSse: true, drainTimeout: 0 })
  bridges.push(bridge)
  const stream = await bridge.handle(
    new Request('http://127.0.0.1/mcp', { headers: { Accept: 'text/event-stream' } }),
    {},
  )
  const address = new TextDecoder()
    .decode((await stream.body?.getReader().read())?.value)
    .match(/sessionId=[\w-]+/)?.[0]
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(call(1, 'flood', flood)),
  }
  expect((await bridge.handle(new Request(`http://127.0.0.1/mcp?${address}`, init), {})).status).toBe(202)
  await stalled()
  expect(bridge.stats().sessions).toBe(1)
  await bridge.close()
  await until(() => bridge.stats().children === 0, 'its process is gone')
  expect(await post(bridge, call(2, 'echo'))).toMatchObject({ status: 503 })
})
