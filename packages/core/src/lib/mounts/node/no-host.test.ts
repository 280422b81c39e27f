import { once } from 'node:events'
import { createServer, type ServerOptions } from 'node:http'
import { type AddressInfo, connect, type ListenOptions, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createGateway } from '../../gateway/create-gateway.js'
import type { GatewayOptions } from '../../gateway/gateway-options.js'
import { mountable } from '../../http/mountable.js'
import { memoryStorage } from '../../storage/memory-storage.js'
import { issuerAuthority } from '../../tokens/issuer-authority.js'
import { toNodeHandler } from './to-node-handler.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A gateway on `node:http`; tells how to reach it. */
async function start(options: Partial<GatewayOptions> = {}, server: ServerOptions = {}, place: ListenOptions = {}) {
  const gateway = createGateway({
    url: 'http://127.0.0.1:8787',
    auth: issuerAuthority({ issuer: 'http://127.0.0.1:9999', jwks: { keys: [] } }),
    storage: memoryStorage(),
    servers: { '/mcp': () => new Response() },
    logger: quiet,
    ...options,
  })
  return listen(createServer(server, toNodeHandler(gateway, { logger: quiet })), place)
}

async function listen(server: ReturnType<typeof createServer>, place: ListenOptions = {}) {
  await once(server.listen({ port: 0, host: '127.0.0.1', ...place }), 'listening')
  closers.push(() => server.close().closeAllConnections())
  const address = server.address()
  return () => (typeof address === 'string' ? connect(address) : connect((address as AddressInfo).port, '127.0.0.1'))
}

/** Sends bytes as they are and returns everything that comes back. */
async function raw(socket: Socket, text: string): Promise<string> {
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk
  })
  socket.write(text)
  await once(socket, 'close')
  return answer
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

const paths = [
  '/health',
  '/ready',
  '/.well-known/oauth-protected-resource/mcp',
  '/.well-known/oauth-protected-resource',
]
const heads = {
  'HTTP/1.0 without Host': (path: string) => `GET ${path} HTTP/1.0\r\n\r\n`,
  'HTTP/1.0 with an empty Host': (path: string) => `GET ${path} HTTP/1.0\r\nHost:\r\n\r\n`,
  'HTTP/1.1 with an empty Host': (path: string) => `GET ${path} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n`,
  'HTTP/1.1 with blanks for a Host': (path: string) => `GET ${path} HTTP/1.1\r\nHost:   \r\nConnection: close\r\n\r\n`,
  'HTTP/1.0 with a whole URL and no Host': (path: string) => `GET http://127.0.0.1:8787${path} HTTP/1.0\r\n\r\n`,
}
const gateways: Record<string, Partial<GatewayOptions>> = {
  'on loopback': {},
  'with a public URL': {
    url: 'https://mcp.example.com',
    auth: issuerAuthority({ issuer: 'https://login.example.com', jwks: { keys: [] } }),
  },
}

test.each(Object.entries(heads).flatMap(([how, head]) => Object.keys(gateways).map((where) => [how, where, head])))(
  '%s: a gateway %s tells health, readiness and metadata',
  async (_how, where, head) => {
    const open = await start(gateways[where as string])
    for (const path of paths) {
      expect([path, statusOf(await raw(open(), (head as (path: string) => string)(path)))]).toEqual([path, 200])
    }
  },
)

test('a server that listens on a Unix socket answers without Host too', async () => {
  const path = join(tmpdir(), `no-host-${process.pid}.sock`)
  const open = await start({}, {}, { path, port: undefined, host: undefined })
  for (const at of paths) expect(statusOf(await raw(open(), `GET ${at} HTTP/1.0\r\n\r\n`))).toBe(200)
})

test('without Host the URL of the request has the address that the connection came to', async () => {
  const handle = (request: Request) => new Response(request.url)
  const server = createServer(toNodeHandler(mountable({ handle })))
  const open = await listen(server)
  const { port } = server.address() as AddressInfo
  expect(await raw(open(), 'GET /a?b HTTP/1.0\r\n\r\n')).toContain(`http://127.0.0.1:${port}/a?b`)
  const six = createServer(toNodeHandler(mountable({ handle })))
  await listen(six, { host: '::', ipv6Only: false })
  const at6 = (six.address() as AddressInfo).port
  expect(await raw(connect(at6, '::1'), 'GET /a HTTP/1.0\r\n\r\n')).toContain(`http://[::1]:${at6}/a`)
  expect(await raw(connect(at6, '127.0.0.1'), 'GET /a HTTP/1.0\r\n\r\n')).toContain(`http://127.0.0.1:${at6}/a`)
})

test('without Host an absolute target says where the request is for [RFC 9112 section 3.2.2]', async () => {
  const open = await listen(createServer(toNodeHandler(mountable({ handle: (request) => new Response(request.url) }))))
  expect(await raw(open(), 'GET http://a.example:81/x HTTP/1.0\r\n\r\n')).toContain('http://a.example:81/x')
  for (const target of ['http://a@b/x', 'http://<x>/', 'http:///x', 'ftp://a.example/x']) {
    expect([target, statusOf(await raw(open(), `GET ${target} HTTP/1.0\r\n\r\n`))]).toEqual([target, 400])
  }
})

test('HTTP/1.1 without any Host stays 400, also where Node is told not to ask for it [RFC 9112 section 3.2]', async () => {
  for (const options of [{}, { requireHostHeader: false }]) {
    const open = await start({}, options)
    expect(statusOf(await raw(open(), 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'))).toBe(400)
  }
})

test('HTTP/1.0 with a Host that names another site gets no metadata on loopback [finding 19]', async () => {
  const open = await start()
  const answer = await raw(open(), `GET ${paths[2]} HTTP/1.0\r\nHost: evil.example.com\r\n\r\n`)
  expect(statusOf(answer)).toBe(403)
})

test('a request that names no host passes no allowedHosts without the address that it came to', async () => {
  const strict = await start({ url: 'https://mcp.example.com', allowedHosts: ['mcp.example.com'] })
  expect(statusOf(await raw(strict(), `GET ${paths[2]} HTTP/1.0\r\n\r\n`))).toBe(403)
  expect(statusOf(await raw(strict(), 'GET /health HTTP/1.0\r\n\r\n'))).toBe(200)
})

test("the application's own routes behind the gateway get such requests too", async () => {
  const handler = toNodeHandler(
    Object.assign(mountable({ handle: () => new Response('gateway') }), { match: () => false }),
  )
  const open = await listen(createServer((request, response) => handler(request, response, () => response.end('own'))))
  expect(await raw(open(), 'GET /own HTTP/1.0\r\n\r\n')).toMatch(/own$/)
})

test.each(['/health', '/ready'])('OPTIONS %s says what GET says, as load balancers ask it', async (path) => {
  const open = await start()
  const answer = await raw(open(), `OPTIONS ${path} HTTP/1.0\r\n\r\n`)
  expect(statusOf(answer)).toBe(200)
  expect(answer.toLowerCase()).toContain('allow: get, head, options')
  const failing = await start({ readiness: { upstream: () => Promise.reject(new Error('down')) } })
  expect(statusOf(await raw(failing(), `OPTIONS ${path} HTTP/1.0\r\n\r\n`))).toBe(path === '/ready' ? 503 : 200)
})
