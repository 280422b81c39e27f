import { compose } from '@mcp-gateway/core'
import { originCheck } from '@mcp-gateway/core/gateway'
import { afterAll, describe, expect, test } from 'vitest'
import { call, fixture, initialize, tokenOf } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

function create(isolation: 'session' | 'principal' | 'pool' | 'request'): StdioBridge {
  const bridge = createStdioBridge({
    command: process.execPath,
    args: [fixture('legacy-server.mjs')],
    logger: quiet,
    httpSse: true,
    isolation,
    drainTimeout: 0,
    stopGrace: [0.5, 0.5],
  })
  bridges.push(bridge)
  return bridge
}

const url = 'http://127.0.0.1/mcp'
const image = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image', Accept: '*/*' }

describe.each(['session', 'principal', 'pool', 'request'] as const)(
  'where isolation is %s, a page of another site',
  (isolation) => {
    test.each([
      ['an image', image],
      ['an image of another port', { ...image, 'Sec-Fetch-Site': 'same-site' }],
      ['a link', { ...image, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }],
    ])('starts no process and no session by %s, whatever the method [finding 20]', async (_what, headers) => {
      const bridge = create(isolation)
      for (const address of [url, `${url}?sessionId=x`, `${url}/`]) {
        for (const method of ['GET', 'HEAD', 'DELETE', 'PUT']) {
          const { status } = await bridge.fetch(new Request(address, { method, headers }))
          expect(status).toBe(403)
        }
      }
      for (const message of [initialize(), call(1, 'echo')]) {
        for (const type of ['application/json', 'text/plain']) {
          const body = JSON.stringify(message)
          const init = { method: 'POST', headers: { ...headers, 'Content-Type': type }, body }
          expect((await bridge.fetch(new Request(url, init))).status).toBe(403)
        }
      }
      expect(bridge.stats()).toMatchObject({ spawned: 0, sessions: 0, children: 0 })
    })
  },
)

test.each<Record<string, string>>([{}, { 'Sec-Fetch-Site': 'same-origin' }, { 'Sec-Fetch-Site': 'none' }])(
  'a client that sends %j opens a stream [finding 20]',
  async (headers) => {
    const bridge = create('session')
    const opened = await bridge.fetch(new Request(url, { headers: { ...headers, Accept: 'text/event-stream' } }))
    expect(opened.status).toBe(200)
    expect(bridge.stats().sessions).toBe(1)
    await opened.body?.cancel()
  },
)

const eventSource = {
  Origin: 'https://app.example.com',
  'Sec-Fetch-Site': 'cross-site',
  'Sec-Fetch-Mode': 'cors',
  Accept: 'text/event-stream',
}

test('a page of another site starts no process by EventSource where nobody has checked its Origin [finding 20]', async () => {
  const bridge = create('session')
  for (const site of ['cross-site', 'same-site']) {
    const opened = await bridge.fetch(new Request(url, { headers: { ...eventSource, 'Sec-Fetch-Site': site } }))
    expect(opened.status).toBe(403)
  }
  expect(bridge.stats()).toMatchObject({ spawned: 0, sessions: 0 })
})

test('a page whose Origin an outer check let pass opens a stream [finding 20]', async () => {
  const bridge = create('session')
  const checked = compose([originCheck({ allowedOrigins: [eventSource.Origin] })], bridge.handle)
  const opened = await checked(new Request(url, { headers: eventSource }), {})
  expect(opened.status).toBe(200)
  await opened.body?.cancel()
  const refused = await checked(new Request(url, { headers: { ...eventSource, Origin: 'https://evil.example' } }), {})
  expect(refused.status).toBe(403)
})

test('a page of its own origin, and one with a token, open a stream without such a check [finding 20]', async () => {
  const bridge = create('session')
  const own = { ...eventSource, 'Sec-Fetch-Site': 'same-origin' }
  const answers = [
    await bridge.handle(new Request(url, { headers: own }), {}),
    await bridge.handle(new Request(url, { headers: eventSource }), { auth: tokenOf('alice') }),
  ]
  for (const opened of answers) {
    expect(opened.status).toBe(200)
    await opened.body?.cancel()
  }
})
