import { beforeEach, expect, test, vi } from 'vitest'
import type { EraAnswer, EraLink, EraRequest } from '../era-server.js'
import { modernServer } from './modern-server.js'

// As it will be when there is a second modern revision
vi.mock('../../protocol/revisions.js', async (importOriginal) => {
  const modernVersions = ['2099-01-01', '2026-07-28']
  const newestShared = (supported: unknown) =>
    Array.isArray(supported) ? modernVersions.find((version) => supported.includes(version)) : undefined
  return { ...(await importOriginal<object>()), modernVersions, newestModern: modernVersions[0], newestShared }
})

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const caller = {
  ...{ principal: 'alice', protocolVersion: '2025-11-25', capabilities: encode({}) },
  ...{ signal: new AbortController().signal, notify: () => undefined, ask: () => new Promise<EraAnswer>(() => {}) },
}
let asked: string[]
beforeEach(() => {
  asked = []
})

/** A server that refuses all revisions but one, and says which it speaks. */
function server(spoken: string, supported: unknown = [spoken]): EraLink {
  return {
    listener: { notified: () => undefined, asked: () => () => undefined, ended: () => undefined },
    notify: () => undefined,
    request: ({ method, params }: EraRequest, call) => {
      const { _meta: meta } = JSON.parse(new TextDecoder().decode(params))
      const version = meta['io.modelcontextprotocol/protocolVersion']
      asked.push(`${method} ${version}`)
      if (version !== spoken) {
        const error = { code: -32022, message: 'Unsupported', data: { supported, requested: version } }
        call.answered({ error: encode(error), code: -32022 })
      } else if (method === 'subscriptions/listen') {
        call.related({
          method: 'notifications/subscriptions/acknowledged',
          params: encode({ notifications: { toolsListChanged: true } }),
        })
      } else if (method === 'server/discover') {
        call.answered({ result: encode({ resultType: 'complete', supportedVersions: [spoken], capabilities: {} }) })
      } else {
        call.answered({ result: encode({ resultType: 'complete', tools: [] }) })
      }
      return () => undefined
    },
  }
}

test('speaks the newest revision that it has in common with the server, in all that it asks [M7]', async () => {
  const older = modernServer(server('2026-07-28'))
  expect(await older.discover()).toMatchObject({ versions: ['2026-07-28'] })
  expect(await older.call({ method: 'tools/list' }, caller)).toHaveProperty('result')
  const subscription = await older.subscribe({ toolsListChanged: true }, () => undefined, caller.signal)
  expect(subscription).toMatchObject({ granted: { toolsListChanged: true } })
  expect(asked).toEqual([
    'server/discover 2099-01-01',
    'server/discover 2026-07-28',
    'tools/list 2026-07-28',
    'subscriptions/listen 2026-07-28',
  ])
})

test('a server that was replaced by one of another revision is asked once more [M7]', async () => {
  const older = modernServer(server('2026-07-28'))
  expect(await older.call({ method: 'tools/list' }, caller)).toHaveProperty('result')
  expect(await older.subscribe({}, () => undefined, caller.signal)).toHaveProperty('granted')
  expect(asked).toEqual(['tools/list 2099-01-01', 'tools/list 2026-07-28', 'subscriptions/listen 2026-07-28'])
})

test.each([
  ['revisions that nobody here knows', ['2999-01-01']],
  ['the one that it refused', ['2099-01-01']],
  ['no list', 'all of them'],
  ['nothing', null],
])('a server that says it speaks %s is asked once, and its error is the answer [M7]', async (_what, supported) => {
  const newer = modernServer(server('2999-01-01', supported))
  expect(await newer.call({ method: 'tools/list' }, caller)).toMatchObject({ code: -32022 })
  expect(await newer.subscribe({}, () => undefined, caller.signal)).toMatchObject({ code: -32022 })
  expect(asked).toEqual(['tools/list 2099-01-01', 'subscriptions/listen 2099-01-01'])
})

test('a server that says by turns that it speaks another one is asked twice, and not for ever [M7]', async () => {
  const fickle = modernServer(server('none', ['2026-07-28', '2099-01-01']))
  expect(await fickle.call({ method: 'tools/list' }, caller)).toMatchObject({ code: -32022 })
  expect(asked.length).toBeLessThanOrEqual(2)
})
