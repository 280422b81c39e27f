import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { OutboundFetch } from './bounded-fetch.js'
import { createOutboundFetch } from './create-outbound-fetch.js'

let origin: string
let requests: string[]
let answer: (request: IncomingMessage, response: ServerResponse) => void
let server: ReturnType<typeof createServer>

beforeEach(async () => {
  requests = []
  answer = (_, response) => response.end('{}')
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

describe('configured', () => {
  test('reaches private addresses and hands over the whole answer', async () => {
    answer = (_, response) =>
      response.writeHead(201, { 'X-One': '1', 'Content-Encoding': 'gzip' }).end(gzipSync('hello'))
    const response = await createOutboundFetch({ destinations: 'configured' })(`${origin}/a`)
    expect([response.status, response.headers.get('X-One'), await response.text()]).toEqual([201, '1', 'hello'])
  })

  test('a caller that has given up before it asks leaves no rejection that nobody hears', async () => {
    const unheard = vi.fn()
    process.on('unhandledRejection', unheard)
    const transport = () => Promise.reject(new TypeError('fetch failed'))
    const fetch = createOutboundFetch({ destinations: 'configured', transport })
    await expect(fetch(`${origin}/a`, { signal: AbortSignal.abort() })).rejects.toThrow()
    await expect(fetch(`${origin}/a`, { method: 'POST', signal: AbortSignal.abort() })).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 5))
    process.off('unhandledRejection', unheard)
    expect(unheard).not.toHaveBeenCalled()
  })

  test('follows a redirect within the origin, and none to another', async () => {
    answer = (request, response) => {
      if (request.url === '/here') response.writeHead(302, { Location: '/there' }).end()
      else if (request.url === '/away') response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end()
      else if (request.url === '/loop') response.writeHead(302, { Location: '/loop' }).end()
      else response.end('arrived')
    }
    const fetchFrom = createOutboundFetch({ destinations: 'configured' })
    expect(await (await fetchFrom(`${origin}/here`)).text()).toBe('arrived')
    await expect(fetchFrom(`${origin}/away`)).rejects.toMatchObject({ code: 'outbound_refused' })
    requests = []
    await expect(fetchFrom(`${origin}/loop`)).rejects.toMatchObject({ code: 'outbound_refused' })
    expect(requests).toHaveLength(4)
  })

  test('sends a body once and to one place only', async () => {
    answer = (_, response) => response.writeHead(307, { Location: '/elsewhere' }).end()
    const fetchFrom = createOutboundFetch({ destinations: 'configured' })
    const post = fetchFrom(`${origin}/token`, { method: 'POST', body: 'secret=1' })
    await expect(post).rejects.toMatchObject({ code: 'outbound_refused' })
    expect(requests).toEqual(['POST /token'])
  })

  test.each([
    [
      'announced',
      (response: ServerResponse) => response.writeHead(200, { 'Content-Length': 101 }).end('x'.repeat(101)),
    ],
    ['chunked', (response: ServerResponse) => response.write('x'.repeat(60)) && response.end('x'.repeat(60))],
    [
      'compressed',
      (response: ServerResponse) =>
        response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('x'.repeat(1e6))),
    ],
  ])('[attack 91] refuses an answer that is too large: %s', async (_, write) => {
    answer = (__, response) => void write(response)
    const fetchFrom = createOutboundFetch({ destinations: 'configured', maxBytes: 100 })
    await expect(fetchFrom(origin)).rejects.toMatchObject({ code: 'outbound_refused' })
  })

  test('[attack 91] gives up on silence, and on an answer that trickles', async () => {
    const fetchFrom = createOutboundFetch({ destinations: 'configured', timeout: 0.2 })
    answer = () => {}
    await expect(fetchFrom(origin)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    answer = (_, response) => void response.write('{')
    await expect(fetchFrom(origin)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  test('[attack 91] gives up on a transport that heeds no signal', async () => {
    const silent = createOutboundFetch({
      destinations: 'configured',
      timeout: 0.05,
      transport: () => new Promise(() => {}),
    })
    await expect(silent(origin)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    const body = () => new ReadableStream({ cancel: () => new Promise(() => {}) })
    const endless = createOutboundFetch({
      destinations: 'configured',
      timeout: 0.05,
      transport: async () => new Response(body()),
    })
    await expect(endless(origin)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  test('callers that ask for the same at the same time share one request, others do not', async () => {
    answer = (request, response) => setTimeout(() => response.end(request.headers.accept), 20)
    const fetchFrom = createOutboundFetch({ destinations: 'configured' })
    const same = Array.from({ length: 20 }, () => fetchFrom(`${origin}/a`, { headers: { Accept: 'a' } }))
    const other = fetchFrom(`${origin}/a`, { headers: { Accept: 'b' } })
    const post = [1, 2].map(() => fetchFrom(`${origin}/a`, { method: 'POST', body: '' }))
    for (const response of await Promise.all(same)) expect(await response.text()).toBe('a')
    expect(await (await other).text()).toBe('b')
    await Promise.all(post)
    expect(requests).toHaveLength(4)
  })

  test('on Workers no request waits for what another one began', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    const fetchFrom = createOutboundFetch({ destinations: 'configured' })
    await Promise.all([fetchFrom(origin), fetchFrom(origin)])
    expect(requests).toHaveLength(2)
  })

  test("one caller's abort leaves the request of the others alone", async () => {
    answer = (_, response) => setTimeout(() => response.end('done'), 50)
    const fetchFrom = createOutboundFetch({ destinations: 'configured' })
    const abort = new AbortController()
    const given = fetchFrom(origin, { signal: abort.signal })
    const kept = fetchFrom(origin)
    abort.abort(new Error('changed my mind'))
    await expect(given).rejects.toThrow('changed my mind')
    expect(await (await kept).text()).toBe('done')
    expect(requests).toHaveLength(1)
  })

  test.each(['ftp://x.example/', 'file:///etc/passwd', 'data:,x'])('asks nothing of %s', async (url) => {
    await expect(createOutboundFetch({ destinations: 'configured' })(url)).rejects.toMatchObject({
      code: 'outbound_refused',
    })
  })
})

describe('public', () => {
  const reply: OutboundFetch = async () => new Response('{}')

  test('asks an IPv4 host on the public Internet through NAT64 [RFC 6052]', async () => {
    const fetchFrom = createOutboundFetch({ destinations: 'public', transport: reply })
    expect(await (await fetchFrom('https://[64:ff9b::8.8.8.8]/')).text()).toBe('{}')
  })

  test.each([
    'http://example.com/',
    'https://127.0.0.1/',
    'https://10.1.2.3/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b::10.1.2.3]/',
    'https://[64:ff9b:1::8.8.8.8]/',
    'https://[fe80::1]/',
    'https://user:secret@example.com/',
    'ftp://example.com/',
  ])('[attack 88] asks nothing of %s, with any transport', async (url) => {
    const transport = vi.fn(reply)
    await expect(createOutboundFetch({ destinations: 'public', transport })(url)).rejects.toMatchObject({
      code: 'outbound_refused',
    })
    expect(transport).not.toHaveBeenCalled()
  })

  test('[attack 88] the default transport refuses names that resolve to this machine', async () => {
    const port = new URL(origin).port
    await expect(createOutboundFetch({ destinations: 'public' })(`https://localhost:${port}/`)).rejects.toMatchObject({
      code: 'outbound_refused',
    })
    expect(requests).toEqual([])
  })

  test.each([301, 302, 303, 307, 308])('[attack 90] refuses a redirect, %i, within the origin too', async (status) => {
    const transport = vi.fn(async () => new Response(null, { status, headers: { Location: '/there' } }))
    const fetchFrom = createOutboundFetch({ destinations: 'public', transport })
    await expect(fetchFrom('https://example.com/here')).rejects.toMatchObject({ code: 'outbound_refused' })
    expect(transport).toHaveBeenCalledTimes(1)
  })

  test('[attack 90] a redirect without an address is no answer either, and 304 is one', async () => {
    let status = 302
    const fetchFrom = createOutboundFetch({
      destinations: 'public',
      transport: async () => new Response(null, { status }),
    })
    await expect(fetchFrom('https://example.com/')).rejects.toMatchObject({ code: 'outbound_refused' })
    status = 304
    expect((await fetchFrom('https://example.com/')).status).toBe(304)
  })

  test('[attack 95] refuses at once what exceeds the budget of an origin, and goes on with others', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 })
    try {
      const transport = vi.fn(reply)
      const fetchFrom = createOutboundFetch({
        destinations: 'public',
        transport,
        maxPerMinutePerOrigin: 2,
        maxPerMinute: 4,
      })
      for (const path of ['a', 'b']) await fetchFrom(`https://one.example/${path}`)
      await expect(fetchFrom('https://one.example/c')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
      for (const path of ['a', 'b']) await fetchFrom(`https://two.example/${path}`)
      await expect(fetchFrom('https://three.example/')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
      expect(transport).toHaveBeenCalledTimes(4)
      vi.setSystemTime(60_000)
      expect((await fetchFrom('https://one.example/c')).status).toBe(200)
    } finally {
      vi.useRealTimers()
    }
  })

  test('[attack 95] refuses at once what exceeds the requests under way, and shares one for one address', async () => {
    const waiting: (() => void)[] = []
    const transport = vi.fn(async () => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return new Response('{}')
    })
    const fetchFrom = createOutboundFetch({ destinations: 'public', transport, maxConcurrentPerOrigin: 2 })
    const first = [1, 2, 3].map(() => fetchFrom('https://one.example/a'))
    const second = fetchFrom('https://one.example/b')
    await expect(fetchFrom('https://one.example/c')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    expect(transport).toHaveBeenCalledTimes(2)
    for (const resolve of waiting) resolve()
    for (const response of await Promise.all([...first, second])) expect(response.status).toBe(200)
    const again = fetchFrom('https://one.example/c')
    waiting[2]?.()
    expect((await again).status).toBe(200)
  })

  test('a runtime that cannot pin addresses needs a transport, and says so at construction', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    expect(() => createOutboundFetch({ destinations: 'public' })).toThrow(/give a transport/)
    expect(() => createOutboundFetch({ destinations: 'public', transport: reply })).not.toThrow()
  })

  test('knows its two classes', () => {
    const options = { destinations: 'private' } as unknown as Parameters<typeof createOutboundFetch>[0]
    expect(() => createOutboundFetch(options)).toThrow(/destinations/)
  })
})
