import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import type { Handler } from '../../contract/handler.js'
import { mountable } from '../../http/mountable.js'
import { respond } from '../../http/respond.js'
import { createLogger } from '../../logging/create-logger.js'
import { message } from '../../message/message-middleware.js'
import { type NodeHandlerOptions, toNodeHandler } from './to-node-handler.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface Host {
  readonly url: string
  readonly port: number
  readonly lines: string[]
}

async function host(handle: Handler, options: NodeHandlerOptions = {}): Promise<Host> {
  const lines: string[] = []
  const logger = createLogger({ write: (line) => lines.push(line) })
  const server = createServer(toNodeHandler(mountable({ handle }), { logger, ...options }))
  return { ...(await listen(server)), lines }
}

async function listen(server: Server): Promise<{ url: string; port: number }> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port }
}

/** Sends bytes as they are and returns everything that comes back. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk
  })
  socket.write(text)
  await once(socket, 'close')
  return answer
}

const encoder = new TextEncoder()
const until = (condition: () => boolean) =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5000, interval: 2 })

test('method, URL, headers and a large body arrive; status, headers and cookies go back', async () => {
  const { url } = await host(async (request) => {
    const headers = new Headers({
      'X-Method': request.method,
      'X-Url': request.url,
      'X-Got': `${request.headers.get('x-a')}`,
    })
    headers.append('Set-Cookie', 'a=1')
    headers.append('Set-Cookie', 'b=2')
    return new Response(await request.text(), { status: 201, headers })
  })
  const body = 'é'.repeat(150_000)
  const response = await fetch(`${url}/a/b?c=d`, { method: 'POST', body, headers: { 'X-A': 'x' } })
  expect(response.status).toBe(201)
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(response.headers.get('x-method')).toBe('POST')
  expect(response.headers.get('x-url')).toBe(`${url}/a/b?c=d`)
  expect(response.headers.get('x-got')).toBe('x')
  expect(await response.text()).toBe(body)
})

test('a known body is sent with its length in one piece', async () => {
  const { port } = await host(() => respond('{"é":1}', { headers: { 'Content-Type': 'application/json' } }))
  const answer = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  expect(answer).toContain('content-length: 8')
  expect(answer.endsWith('\r\n\r\n{"é":1}')).toBe(true)
})

test('the request can be copied the way the documentation says', async () => {
  const { url } = await host(async (request) => {
    const copy = new Request(request.url, request)
    return Response.json([copy.method, copy.headers.get('x-a'), await copy.text()])
  })
  const response = await fetch(url, { method: 'POST', body: 'hello', headers: { 'X-A': 'x' } })
  expect(await response.json()).toEqual(['POST', 'x', 'hello'])
})

test.each([
  [
    'synchronously',
    () => {
      throw new Error('secret at /srv/app.js')
    },
  ],
  ['later', async () => Promise.reject(new Error('secret at /srv/app.js'))],
  ['without an error', () => Promise.reject(undefined)],
  ['by answering nothing', () => undefined as unknown as Response],
] satisfies [string, Handler][])(
  'a handler that throws %s is a 500 that tells nothing, and is logged',
  async (_how, handle) => {
    const { url, lines } = await host(handle)
    const response = await fetch(url)
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ error: 'server_error', error_description: 'Internal error' })
    expect(lines).toHaveLength(1)
  },
)

test('a stream that fails half-way resets the connection', async () => {
  let sent = 0
  const { url } = await host(
    () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            if (sent++ === 0) return controller.enqueue(encoder.encode('half'))
            await new Promise((resolve) => setTimeout(resolve, 20))
            controller.error(new Error('half-way'))
          },
        }),
      ),
  )
  const response = await fetch(url)
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow()
})

test.each([0, 50])(
  'a stream with a header that Node does not write, and its first chunk after %i ms, is a 500 and is cancelled [finding 9]',
  async (wait) => {
    let cancelled = 0
    const { url, lines } = await host(() => {
      const body = new ReadableStream({
        async pull(controller) {
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
          controller.enqueue(encoder.encode('x'))
        },
        cancel: () => void cancelled++,
      })
      return new Response(body, { headers: { 'X-Reflected': 'a\u0001b' } })
    })
    const response = await fetch(url)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ error: 'server_error' })
    await until(() => cancelled === 1)
    expect(lines).toHaveLength(1)
  },
)

test('a stream that fails at its start is a 500', async () => {
  const { url } = await host(
    () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error('x')) })),
  )
  expect((await fetch(url)).status).toBe(500)
})

test.each(['a/b@c', 'a b', 'a:b', '<x>', 'a,b', '[::1'])(
  'a Host of %j is 400 and reaches nobody [attack 142]',
  async (name) => {
    const handle = vi.fn(() => new Response())
    const { port } = await host(handle)
    expect(await raw(port, `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
    expect(handle).not.toHaveBeenCalled()
  },
)

test('an absolute target of another host is 400, of the same host it is taken apart', async () => {
  const { port } = await host((request) => new Response(request.url))
  const evil = await raw(port, 'GET http://evil.com/x HTTP/1.1\r\nHost: good.com\r\nConnection: close\r\n\r\n')
  expect(evil).toMatch(/^HTTP\/1\.1 400 /)
  const good = await raw(port, 'GET http://GOOD.com?x HTTP/1.1\r\nHost: good.com\r\nConnection: close\r\n\r\n')
  expect(good).toContain('http://good.com/?x')
})

test.each([
  ['//evil.com/x', '//evil.com/x'],
  ['/a%2fb', '/a%2fb'],
  ['/a;b=c/d', '/a;b=c/d'],
  ['/a"b', '/a%22b'],
  ['/x?y=/../z', '/x?y=/../z'],
])('the target %s is read as the platform reads it: %s [attack 143]', async (target, path) => {
  const { port } = await host((request) => new Response(`[${request.url}]`))
  const answer = await raw(port, `GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
  expect(answer).toContain(`[http://a.example${path}]`)
  expect(new URL(`http://a.example${target}`).href).toBe(`http://a.example${path}`)
})

test.each([
  '/a/../b/%2e%2e/c',
  '/a/./b',
  '/a%2f..%2fb',
  '/a\\..\\b',
  '/public/..\\admin/mcp',
  '/public\\x',
  '/public/%2e%2e/admin',
  '/public/%252e%252e/admin',
  '/public/..;/admin',
  '/a#b',
  '/%00',
  '/%0d%0a',
  '/a%',
  '/a?b#c',
  '/a?b\\c',
  'http://a.example/a/../b',
  'http://a.example\\..\\b',
])('the target %s is 400 and reaches nobody [finding 13, attack 143]', async (target) => {
  const handle = vi.fn(() => new Response())
  const { port } = await host(handle)
  const answer = await raw(port, `GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  expect(handle).not.toHaveBeenCalled()
})

test('a handler gets the target as it came beside the URL [finding 13]', async () => {
  const { port } = await host((request, { target }) => Response.json([request.url, target]))
  const answer = await raw(port, 'GET /a"b?c HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
  expect(answer).toContain(JSON.stringify(['http://a.example/a%22b?c', '/a"b?c']))
})

test('a query of another layer is none of our business, but its path is [finding 13]', async () => {
  const app = {
    ...mountable({ handle: () => new Response('ours') }),
    match: ({ url }: Request) => url.includes('/ours'),
  }
  const handler = toNodeHandler(app)
  const { port } = await listen(
    createServer((incoming, outgoing) => handler(incoming, outgoing, () => outgoing.end('[next]'))),
  )
  const answer = (target: string) => raw(port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  expect(await answer('/x?q=C:\\d')).toContain('[next]')
  expect(await answer('/x%2fy')).toContain('[next]')
  expect(await answer('/ours?q=C:\\d')).toMatch(/^HTTP\/1\.1 400 /)
  expect(await answer('/x/..\\ours')).toMatch(/^HTTP\/1\.1 400 /)
})

test('forwarding headers of a stranger change nothing [attack 142]', async () => {
  const { url } = await host((request, { client }) => Response.json([request.url, client?.address]))
  const response = await fetch(`${url}/x`, {
    headers: {
      'X-Forwarded-Host': 'evil.com',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-For': '6.6.6.6',
      Forwarded: 'for=6.6.6.6',
    },
  })
  expect(await response.json()).toEqual([`${url}/x`, '127.0.0.1'])
})

test('a trusted proxy tells the address; what stands left of it is ignored [attack 142]', async () => {
  const { url } = await host((_request, { client }) => new Response(client?.address), {
    trustedProxies: ['127.0.0.0/8', '10.0.0.1'],
  })
  const address = async (forwarded: string) => (await fetch(url, { headers: { 'X-Forwarded-For': forwarded } })).text()
  expect(await address('6.6.6.6, 203.0.113.9')).toBe('203.0.113.9')
  expect(await address('6.6.6.6, 203.0.113.9, 10.0.0.1')).toBe('203.0.113.9')
  expect(await address('203.0.113.9:4711')).toBe('203.0.113.9')
  expect(await address('[2001:db8::1]:80')).toBe('2001:db8::1')
  expect(await address('nonsense')).toBe('127.0.0.1')
  expect(await address('')).toBe('127.0.0.1')
})

test.each(['10.0.0.0/33', 'proxy.local', '10.0.0.0/8/8', '1.2.3.4/', ''])('trustedProxies refuses %j', (entry) => {
  expect(() => toNodeHandler(mountable({ handle: () => new Response() }), { trustedProxies: [entry] })).toThrow(
    'trustedProxies',
  )
})

test('HEAD gets the headers, and the stream behind it is cancelled [attack 156]', async () => {
  const cancel = vi.fn()
  const { url } = await host(() => new Response(new ReadableStream({ cancel }), { headers: { 'X-A': 'x' } }))
  const response = await fetch(url, { method: 'HEAD' })
  expect(response.headers.get('x-a')).toBe('x')
  expect(await response.text()).toBe('')
  expect(cancel).toHaveBeenCalled()
})

test('the first event of a stream arrives at once, and so do the headers of one that is silent', async () => {
  const { url } = await host(
    (request) =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            if (request.url.endsWith('/event')) controller.enqueue(encoder.encode('data: 1\n\n'))
          },
        }),
        { headers: { 'Content-Type': 'text/event-stream' } },
      ),
  )
  const silent = await fetch(url)
  expect(silent.headers.get('content-type')).toBe('text/event-stream')
  await silent.body?.cancel()
  const reader = (await fetch(`${url}/event`)).body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 1\n\n')
  await reader?.cancel()
})

test('a client that goes away cancels the stream and aborts the signal [M17]', async () => {
  const cancel = vi.fn()
  let signal: AbortSignal | undefined
  const { url } = await host((request) => {
    signal = request.signal
    return new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(encoder.encode(':\n\n')), cancel }),
    )
  })
  const response = await fetch(url)
  await response.body?.cancel()
  await until(() => cancel.mock.calls.length === 1 && signal?.aborted === true)
})

test('a client that goes away before the answer aborts the signal [M17]', async () => {
  let signal: AbortSignal | undefined
  const { url, lines } = await host((request) => {
    signal = request.signal
    return new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason)))
  })
  const abort = new AbortController()
  const pending = fetch(url, { signal: abort.signal }).catch(() => 'gone')
  await until(() => signal !== undefined)
  abort.abort()
  expect(await pending).toBe('gone')
  await until(() => signal?.aborted === true)
  expect(lines).toEqual([])
})

test('the signal is not aborted by an answer that went out whole', async () => {
  let signal: AbortSignal | undefined
  const { url } = await host((request) => {
    signal = request.signal
    return new Response('done')
  })
  await (await fetch(url)).text()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(signal?.aborted).toBe(false)
})

test('a slow reader holds an endless stream back', async () => {
  let pulled = 0
  const cancel = vi.fn()
  const { port } = await host(
    () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            pulled++
            controller.enqueue(new Uint8Array(65_536))
          },
          cancel,
        }),
      ),
  )
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  let before = -1
  await vi.waitFor(
    () => {
      const steady = pulled > 0 && pulled === before
      before = pulled
      expect(steady).toBe(true)
    },
    { timeout: 5000, interval: 100 },
  )
  expect(pulled * 65_536).toBeLessThan(32 * 1_048_576)
  socket.destroy()
  await until(() => cancel.mock.calls.length === 1)
})

test('HTTP/2 works: pseudo headers, no connection headers', async () => {
  const handle: Handler = (request) =>
    new Response(
      `${request.method} ${request.url} ${[...request.headers.keys()].filter((name) => name.startsWith(':'))}`,
      {
        headers: { Connection: 'keep-alive', 'Keep-Alive': 'timeout=5', 'X-A': 'x' },
      },
    )
  const server = createHttp2Server(toNodeHandler(mountable({ handle })) as never)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = connectHttp2(`http://${authority}`)
  closers.push(() => {
    client.destroy()
    server.close()
  })
  const stream = client.request({ ':path': '/a?b', ':method': 'POST' })
  stream.end('x')
  const [headers] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  expect(headers).toMatchObject({ ':status': 200, 'x-a': 'x' })
  expect(headers).not.toHaveProperty('connection')
  expect(text).toBe(`POST http://${authority}/a?b `)
})

test('a body that was refused for its size is not read to its end [attack 157]', async () => {
  const { port } = await host((request, context) => message({ maxBytes: 1000 })(request, context, () => new Response()))
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  // Without an end, so the connection only ends if the server ends it
  expect(await raw(port, `${head}7d0\r\n${'x'.repeat(2000)}\r\n`)).toMatch(/^HTTP\/1\.1 413 /)
})

test('a body that is cut off fails the handler, and is no 500 in the log', async () => {
  let failure: unknown
  const { port, lines } = await host(async (request) => {
    try {
      return new Response(await request.text())
    } catch (error) {
      failure = error
      throw error
    }
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf')
  await new Promise((resolve) => setTimeout(resolve, 20))
  socket.destroy()
  await until(() => failure !== undefined)
  expect(lines).toEqual([])
})
