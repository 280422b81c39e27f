import { afterEach, expect, test, vi } from 'vitest'
import { proxy } from './proxy.js'
import { Upstreams } from './upstreams.js'

const urls = ['http://a.example/', 'http://b.example/', 'http://c.example/']
const health = { retryAfter: 5, checkInterval: 10 }
const order = (upstreams: Upstreams) => upstreams.inOrder().map(({ url }) => url)

afterEach(() => {
  vi.useRealTimers()
})

test('the least busy upstream is first, whose turn it is or not', () => {
  const upstreams = new Upstreams(urls, health)
  const [a, b, c] = upstreams.all as [(typeof upstreams.all)[0], (typeof upstreams.all)[0], (typeof upstreams.all)[0]]
  a.load = 2
  b.load = 0
  c.load = 1
  for (let turn = 0; turn < 4; turn++) expect(order(upstreams)).toEqual([b.url, c.url, a.url])
  b.load = 3
  for (let turn = 0; turn < 4; turn++) expect(order(upstreams)).toEqual([c.url, a.url, b.url])
})

test('of upstreams that are as busy each has its turn', () => {
  const upstreams = new Upstreams(urls, health)
  const first = Array.from({ length: 6 }, () => order(upstreams)[0])
  expect(new Set(first.slice(0, 3))).toEqual(new Set(urls))
  expect(first.slice(3)).toEqual(first.slice(0, 3))
})

test('one that is down is last, however little it has to do, until its time is over', () => {
  vi.useFakeTimers()
  const upstreams = new Upstreams(urls, health)
  const [a, b, c] = upstreams.all as [(typeof upstreams.all)[0], (typeof upstreams.all)[0], (typeof upstreams.all)[0]]
  b.load = c.load = 9
  upstreams.markDown(a)
  for (let turn = 0; turn < 3; turn++) expect(order(upstreams)[2]).toBe(a.url)
  vi.advanceTimersByTime(5001)
  expect(order(upstreams)[0]).toBe(a.url)
})

/** An error of a connection that never stood. */
const refused = () => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
const streamed = (text: string) =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })

test.each(['POST', 'PUT', 'DELETE'])('a streamed body is sent to one upstream alone: %s', async (method) => {
  const send = vi.fn(async () => {
    throw refused()
  })
  const request = new Request('https://mcp.example.com/mcp', {
    method,
    body: streamed('{}'),
    duplex: 'half',
  } as RequestInit)
  expect((await proxy(urls, { fetch: send })(request, {})).status).toBe(502)
  expect(send).toHaveBeenCalledOnce()
})

test('what has no body, or one that was read, is sent to the next upstream', async () => {
  const send = vi.fn(async (url: string) => {
    if (send.mock.calls.length < 3) throw refused()
    return new Response(url)
  })
  for (const init of [{ method: 'GET' }, { method: 'DELETE' }]) {
    send.mockClear()
    expect((await proxy(urls, { fetch: send })(new Request('https://mcp.example.com/mcp', init), {})).status).toBe(200)
    expect(new Set(send.mock.calls.map(([url]) => url))).toEqual(new Set(urls))
  }
})
