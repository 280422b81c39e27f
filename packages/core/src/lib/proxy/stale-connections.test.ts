import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { makeCertificates } from '../../../../../test/fixtures/certificates.js'
import { listenOnLoopback } from '../../../../../test/fixtures/loopback.js'
import { parseMessage } from '../message/parse-message.js'
import { proxy } from './proxy.js'

const answer = '{"jsonrpc":"2.0","id":7,"result":{}}'
const http = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`

afterEach(() => {
  vi.unstubAllGlobals()
})

/** A server that answers the first request of each connection, and does something else to the next one. */
async function upstream(next: (socket: Socket, bodies: string[]) => void, certificate?: object) {
  const sockets: Socket[] = []
  const bodies: string[] = []
  const serve = (socket: Socket) => {
    sockets.push(socket)
    let requests = 0
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const [, body] = chunk.toString().split('\r\n\r\n')
      bodies.push(body ?? '')
      if (++requests === 1) socket.write(http)
      else next(socket, bodies)
    })
  }
  const server = certificate === undefined ? createServer(serve) : createTlsServer(certificate, serve)
  const scheme = certificate === undefined ? 'http' : 'https'
  return { url: `${scheme}://127.0.0.1:${await listenOnLoopback(server)}/mcp`, sockets, bodies }
}

const request = (method: string) => `{"jsonrpc":"2.0","id":7,"method":"${method}","params":{"name":"x"}}`

async function send(handler: ReturnType<typeof proxy>, body: string): Promise<number> {
  const message = parseMessage(new TextEncoder().encode(body))
  const response = await handler(new Request('https://mcp.example.com/mcp', { method: 'POST', body }), { message })
  await response.text()
  return response.status
}

const turn = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms))

describe.each([
  ['closed', (socket: Socket) => void socket.destroy()],
  ['reset', (socket: Socket) => void socket.resetAndDestroy()],
])('a kept connection that is %s when a request comes', (_how, end) => {
  test.each(['ping', 'tools/list', 'initialize', 'resources/read', 'notifications/cancelled', 'server/discover'])(
    'is replaced by a new one, once: %s',
    async (method) => {
      const { url, sockets } = await upstream(end)
      const handler = proxy(url)
      const body = method.startsWith('notifications') ? request(method).replace('"id":7,', '') : request(method)
      await send(handler, body)
      await turn()
      expect(await send(handler, body)).toBeLessThan(300)
      expect(sockets).toHaveLength(2)
    },
  )

  test.each(['tools/call', 'tasks/update', 'vendor/pay'])(
    'may have had its effect, so it is not sent again: %s',
    async (method) => {
      const { url, sockets, bodies } = await upstream(end)
      const handler = proxy(url)
      await send(handler, request(method))
      await turn()
      expect(await send(handler, request(method))).toBe(502)
      expect([sockets.length, bodies.length]).toEqual([1, 2])
    },
  )

  test('GET and DELETE are sent again', async () => {
    const { url, sockets } = await upstream(end)
    const handler = proxy(url)
    for (const method of ['GET', 'DELETE']) {
      await send(handler, request('ping'))
      await turn()
      expect((await handler(new Request('https://mcp.example.com/mcp', { method }), {})).status).toBe(200)
    }
    expect(sockets.length).toBeGreaterThan(1)
  })
})

test.each(['tools/call', 'ping', 'vendor/pay'])(
  'a connection that was closed just before costs no request: %s',
  async (method) => {
    const { url, sockets } = await upstream((socket) => void socket.write(http))
    const handler = proxy(url)
    for (let round = 0; round < 20; round++) {
      expect(await send(handler, request(method))).toBe(200)
      await turn()
      // What it says has arrived, and nobody has read it
      sockets.at(-1)?.end()
    }
  },
)

test('is sent again once and not for ever', async () => {
  let connections = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const isFirst = connections++ === 0
    socket.once('data', () => {
      if (!isFirst) socket.destroy()
      else socket.write(http, () => socket.once('data', () => socket.destroy()))
    })
  })
  const handler = proxy(`http://127.0.0.1:${await listenOnLoopback(server)}/mcp`)
  await send(handler, request('ping'))
  await turn()
  expect(await send(handler, request('ping'))).toBe(502)
  expect(connections).toBe(2)
})

test('what has begun to answer is not asked again', async () => {
  const { url, sockets } = await upstream((socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-'))
  const handler = proxy(url)
  await send(handler, request('ping'))
  await turn()
  expect(await send(handler, request('ping'))).toBe(502)
  expect(sockets).toHaveLength(1)
})

test('a new connection that breaks is no kept one', async () => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {}).once('data', () => socket.destroy())
  })
  const port = await listenOnLoopback(server)
  expect(await send(proxy(`http://127.0.0.1:${port}/mcp`), request('ping'))).toBe(502)
  expect(connections).toBe(1)
})

test('holds for connections with TLS', async () => {
  const { server } = makeCertificates()
  const { url, sockets } = await upstream((socket) => void socket.destroy(), server)
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  try {
    const handler = proxy(url)
    await send(handler, request('ping'))
    await turn()
    expect(await send(handler, request('ping'))).toBe(200)
    expect(sockets).toHaveLength(2)
  } finally {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  }
})

test.each([
  ['ping', 200, 2],
  ['tools/call', 502, 1],
])('holds where another fetch is in charge: %s', async (method, status, times) => {
  const closed = new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'UND_ERR_SOCKET' }) })
  const fetch = vi
    .fn()
    .mockRejectedValueOnce(closed)
    .mockImplementation(async () => new Response(answer))
  vi.stubGlobal('fetch', fetch)
  expect(await send(proxy('http://a.internal/mcp'), request(method))).toBe(status)
  expect(fetch).toHaveBeenCalledTimes(times)
})
