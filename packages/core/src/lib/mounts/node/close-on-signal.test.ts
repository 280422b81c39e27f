import { once } from 'node:events'
import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { createGateway } from '../../gateway/create-gateway.js'
import { closeOnSignal } from './close-on-signal.js'
import { toNodeHandler } from './to-node-handler.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const before = signals.map((signal) => [signal, process.listeners(signal)] as const)
afterEach(() => {
  for (const [signal, kept] of before) {
    for (const listener of process.listeners(signal)) if (!kept.includes(listener)) process.off(signal, listener)
  }
})

/** Resolves to the code with which the process would have ended. */
function exitCode(): Promise<number> {
  return new Promise((resolve) => {
    vi.spyOn(process, 'exit').mockImplementation(((code: number) => resolve(code)) as never)
  })
}

const encoder = new TextEncoder()

async function start(options: Parameters<typeof closeOnSignal>[2] = {}) {
  let finish = () => {}
  const gateway = createGateway({
    url: 'http://127.0.0.1:8787',
    dangerouslyAllowAnonymous: true,
    allowedHosts: ['loopback'],
    servers: {
      '/mcp': (request, { message }) => {
        if (request.method === 'GET') {
          const body = new ReadableStream({ start: (controller) => controller.enqueue(encoder.encode(':open\n\n')) })
          return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
        }
        if (message?.method !== 'slow') return Response.json({ jsonrpc: '2.0', id: 1, result: {} })
        return new Promise((resolve) => {
          finish = () => resolve(Response.json({ jsonrpc: '2.0', id: 1, result: {} }))
        })
      },
    },
    logger: quiet,
  })
  const server = createServer(toNodeHandler(gateway, { logger: quiet }))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  closeOnSignal(server, gateway, { logger: quiet, ...options })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const post = (method: string) =>
    fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }),
    })
  return { url, server, post, finish: () => finish() }
}

const isOpen = (server: Server) => server.listening

test('on SIGTERM readiness ends first, then new connections, then what is under way, and the process with 0', async () => {
  const order: string[] = []
  const ended = exitCode()
  const { url, server, post, finish } = await start({
    readinessDelay: 0.4,
    onClosed: () => void order.push('closed'),
  })
  expect((await fetch(`${url}/ready`)).status).toBe(200)
  const slow = post('slow')
  await new Promise((resolve) => setTimeout(resolve, 100))
  process.emit('SIGTERM', 'SIGTERM')
  const unready = await fetch(`${url}/ready`)
  expect([unready.status, await unready.json()]).toEqual([503, { status: 'closing' }])
  const served = await post('quick')
  expect([served.status, served.headers.get('connection')]).toEqual([200, 'close'])
  await vi.waitFor(() => expect(isOpen(server)).toBe(false), { timeout: 5000 })
  await expect(post('quick')).rejects.toThrow()
  expect(order).toEqual([])
  finish()
  expect((await slow).status).toBe(200)
  expect(await ended).toBe(0)
  expect(order).toEqual(['closed'])
})

test('a GET stream that nobody ends does not keep the process, and ends as streams do', async () => {
  const ended = exitCode()
  const { url } = await start({ readinessDelay: 0 })
  const [response] = (await once(
    get(`${url}/mcp`, { headers: { Accept: 'text/event-stream' } }),
    'response',
  )) as unknown as [NodeJS.ReadableStream]
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const end = once(response, 'end')
  await vi.waitFor(() => expect(text).toBe(':open\n\n'))
  process.emit('SIGTERM', 'SIGTERM')
  await end
  expect(await ended).toBe(0)
})

test('what is under way for too long is cut, and told', async () => {
  const lines: unknown[] = []
  const ended = exitCode()
  const warn = (fields: unknown, message: string) => void lines.push([fields, message])
  const { server, post } = await start({ readinessDelay: 0, timeout: 0.2, logger: { ...quiet, warn } })
  // Work of the application, of which the gateway knows nothing
  server.removeAllListeners('request').on('request', () => {})
  const slow = post('slow').catch(() => 'cut')
  await new Promise((resolve) => setTimeout(resolve, 100))
  process.emit('SIGTERM', 'SIGTERM')
  expect(await slow).toBe('cut')
  expect(await ended).toBe(0)
  expect(lines).toEqual([[{ timeout: 0.2 }, 'requests are still under way; their connections are cut']])
})

test('SIGINT has no delay, a signal that comes twice at once counts once, and a later one stops at once', async () => {
  const { server, post } = await start({ readinessDelay: 60 })
  const ended = exitCode()
  void post('slow').catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 100))
  process.emit('SIGINT', 'SIGINT')
  process.emit('SIGINT', 'SIGINT')
  await vi.waitFor(() => expect(isOpen(server)).toBe(false), { timeout: 5000 })
  expect(process.exit).not.toHaveBeenCalled()
  await new Promise((resolve) => setTimeout(resolve, 350))
  process.emit('SIGINT', 'SIGINT')
  expect(await ended).toBe(130)
})

test('a process that cannot close cleanly ends with 1 and says why', async () => {
  const errors: unknown[] = []
  const ended = exitCode()
  const error = (fields: unknown) => void errors.push(fields)
  const onClosed = () => Promise.reject(new Error('Redis is away'))
  await start({ readinessDelay: 0, onClosed, logger: { ...quiet, error } })
  process.emit('SIGTERM', 'SIGTERM')
  expect(await ended).toBe(1)
  expect(errors).toEqual([{ err: expect.objectContaining({ message: 'Redis is away' }) }])
})

test.each([
  ['a server that is none', [{}, {}], 'The server of closeOnSignal'],
  ['a delay that is none', [createServer(), {}, { readinessDelay: -1 }], 'readinessDelay'],
  ['a signal that nobody can hear', [createServer(), {}, { signals: ['SIGKILL'] }], 'signals[0]'],
])('%s is refused at construction', (_what, given, message) => {
  expect(() => closeOnSignal(...(given as unknown as Parameters<typeof closeOnSignal>))).toThrow(message)
})
