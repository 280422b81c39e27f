import { createLogger } from '@mcp-gateway/core/logging'
import { afterEach, expect, test } from 'vitest'
import { createStdioBridge, type StdioBridge } from './create-stdio-bridge.js'

const bridges: StdioBridge[] = []
afterEach(() => Promise.all(bridges.splice(0).map((bridge) => bridge.close())))

const server = new URL('../../../../test/fixtures/fast-server.mjs', import.meta.url).pathname

function make(): { bridge: StdioBridge; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({ level: 'debug', write: (line) => lines.push(JSON.parse(line)) })
  const bridge = createStdioBridge({ command: process.execPath, args: [server], logger })
  bridges.push(bridge)
  return { bridge, lines }
}

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
})

function post(path = '/mcp'): Request {
  return new Request(`http://127.0.0.1${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: initialize,
  })
}

test('mounted alone, a bridge writes the line of a request as a gateway does', async () => {
  const { bridge, lines } = make()
  const answer = await bridge.handle(post(), { client: { address: '192.0.2.1' } })
  expect(answer.status).toBe(200)
  const session = answer.headers.get('mcp-session-id') as string
  await bridge.fetch(post('/other'))
  await bridge.fetch(new Request('http://127.0.0.1/health'))
  const requests = lines.filter(({ message }) => message === 'request')
  expect(requests).toEqual([
    expect.objectContaining({
      service: 'stdio-bridge',
      request_id: answer.headers.get('x-request-id'),
      http_method: 'POST',
      path: '/mcp',
      status: 200,
      decision: 'allow',
      method: 'initialize',
      client_address: '192.0.2.1',
      session: expect.stringMatching(/^[\da-f]{16}$/),
    }),
    expect.objectContaining({ path: '/other', status: 404 }),
  ])
  expect(JSON.stringify(lines)).not.toContain(session)
})

test('every line of a bridge says which piece it is of', async () => {
  const { bridge, lines } = make()
  await bridge.fetch(post())
  await bridge.close()
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) expect(line.service).toBe('stdio-bridge')
})

test('behind a gateway, which writes the line, a bridge writes none', async () => {
  const { bridge, lines } = make()
  const record = { onEnd() {} } as never
  await bridge.handle(post(), { record })
  expect(lines.filter(({ message }) => message === 'request')).toEqual([])
})
