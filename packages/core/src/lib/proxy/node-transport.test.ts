import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import type { Context } from '../contract/handler.js'
import { parseMessage } from '../message/parse-message.js'
import { nodeTransport } from './node-transport.js'
import { proxy } from './proxy.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** An upstream that answers every request with these bytes, and then does what it is told to its connection. */
async function raw(answer: string | Uint8Array, then: (socket: Socket) => void = () => {}): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.write(answer, () => then(socket)))
  })
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

const endpoint = 'https://mcp.example.com/mcp'
const ping = '{"jsonrpc":"2.0","id":7,"method":"ping"}'

async function post(url: string | string[], options: Parameters<typeof proxy>[1] = {}): Promise<Response> {
  const context: Context = { message: parseMessage(new TextEncoder().encode(ping)) }
  return proxy(url, options)(new Request(endpoint, { method: 'POST', body: ping }), context)
}

test.each(['constructor', 'toString', '__proto__', 'x-unknown'])(
  'answers 502 for an answer in the content coding %s, and lives on',
  async (coding) => {
    const response = await post(
      await raw(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: ${coding}\r\nContent-Length: 2\r\n\r\n{}`,
      ),
    )
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ id: 7, error: { message: expect.any(String) } })
  },
)

test('takes the name of a content coding in any case', async () => {
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Encoding: GZIP\r\n\r\n'
  const url = await raw(Buffer.concat([Buffer.from(head), gzipSync('{}')]), (socket) => socket.end())
  expect(await (await post(url)).text()).toBe('{}')
})

test('answers 502 at once to an upstream that switches protocols', async () => {
  const url = await raw('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  expect((await post(url, { firstByteTimeout: 600 })).status).toBe(502)
})

test.each([600, 999])('answers 502 for the status %i, which HTTP does not have', async (status) => {
  const response = await post(await raw(`HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\n\r\n`))
  expect(response.status).toBe(502)
  expect(await response.json()).toMatchObject({ id: 7 })
})

test.each(['application/json', 'text/event-stream'])(
  'notices that %s broke off while the session id was being signed',
  async (type) => {
    const url = await raw(
      `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nMcp-Session-Id: one\r\nContent-Length: 100\r\n\r\n{`,
      (socket) => socket.resetAndDestroy(),
    )
    const told = post(url, { idleTimeout: null }).then((response) => response.text())
    // No event came by whose id a legacy client could resume the stream
    expect(await told.catch(() => 'broken')).toMatch('"error"')
  },
)

test.each([
  ['data: {}\n\n', 'text that tells of the break', '"id":7,"error"'],
  ['id: 1\ndata: {}\n\n', 'a break, after which the client resumes', 'broken'],
])('[L6] ends a stream of %j that breaks off with %s', async (events, _what, end) => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100\r\n\r\n'
  const url = await raw(head + events, (socket) => setTimeout(() => socket.destroy(), 20))
  const told = post(url, { idleTimeout: null }).then((response) => response.text())
  expect(await told.catch(() => 'broken')).toContain(end)
})

test('does not promise a length to which the news of a break are added', async () => {
  const url = await raw(
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 20\r\n\r\ndata: {}\n',
    (socket) => socket.destroy(),
  )
  const modern =
    '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
  const message = parseMessage(new TextEncoder().encode(modern))
  const response = await proxy(url)(new Request(endpoint, { method: 'POST', body: modern }), { message })
  expect(message.era).toBe('modern')
  expect(response.headers.get('content-length')).toBeNull()
  expect(await response.text()).toContain('"id":7,"error"')
})

test.each([
  ['read', 1],
  ['connect', 2],
])('tries another upstream after ETIMEDOUT only where nothing can have arrived: %s', async (syscall, asked) => {
  const urls: string[] = []
  const fetch = async (url: string) => {
    urls.push(url)
    throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ETIMEDOUT', syscall }) })
  }
  const response = await post(['http://a.internal/mcp', 'http://b.internal/mcp'], { fetch })
  expect(response.status).toBe(502)
  expect(urls).toHaveLength(asked)
})

test('frames the body of any method, so that none becomes a request of its own', async () => {
  const seen: string[] = []
  const server = createHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => response.end())
  })
  closers.push(() => server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const send = nodeTransport(5)
  const body = new TextEncoder().encode('GET /admin HTTP/1.1\r\nHost: inside\r\n\r\n')
  for (const path of ['/one', '/two']) await send?.(url + path, { method: 'DELETE', headers: new Headers(), body })
  expect(seen).toEqual(['DELETE /one', 'DELETE /two'])
})

test('speaks TLS to a URL whose scheme was written in capitals', async () => {
  const sockets: Buffer[] = []
  const server = createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', (chunk) => {
        sockets.push(chunk)
        socket.destroy()
      })
  })
  closers.push(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `HTTPS://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  await expect(nodeTransport(5)?.(url, {})).rejects.toThrow()
  // A TLS record that holds a handshake (RFC 8446 section 5.1)
  expect(sockets[0]?.[0]).toBe(22)
})
