import type { ServerResponse } from 'node:http'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { describe, expect, test, vi } from 'vitest'
import { httpServer } from '../../../../../test/fixtures/loopback.js'
import type { Context } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { mountable } from '../http/mountable.js'
import { message } from '../message/message-middleware.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { proxy } from './proxy.js'

const json = { 'Content-Type': 'application/json' }
const stream = { 'Content-Type': 'text/event-stream' }
const initialized = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
const reply = '{"jsonrpc":"2.0","id":5,"result":{}}'
const modern =
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'

type Say = (response: ServerResponse) => void

/** What servers answer to a notification although they should say 202 and nothing more. */
const answers: [string, Say][] = [
  ['200 null', (response) => response.writeHead(200, json).end('null')],
  ['200 and nothing', (response) => response.writeHead(200).end()],
  ['200 and an empty object', (response) => response.writeHead(200, json).end('{}')],
  ['200 and a result', (response) => response.writeHead(200, json).end('{"jsonrpc":"2.0","id":null,"result":{}}')],
  ['200 and a text', (response) => response.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok')],
  ['201 and a page', (response) => response.writeHead(201, { 'Content-Type': 'text/html' }).end('<html>')],
  ['202 and a text', (response) => response.writeHead(202, { 'Content-Type': 'text/plain' }).end('Accepted')],
  ['204', (response) => response.writeHead(204).end()],
  ['205', (response) => response.writeHead(205).end()],
  ['an empty stream', (response) => response.writeHead(200, stream).end()],
  ['a stream that stays open', (response) => response.writeHead(200, stream).write(': hello\n\n')],
  ['a stream with a message', (response) => response.writeHead(200, stream).end('data: {}\n\n')],
]

describe.each([
  ['a notification', initialized],
  ['a reply', reply],
  ['a modern notification', modern],
])('%s', (_what, body) => {
  test.each(answers)('is answered 202 without a body where the upstream answers %s [L2, M13]', async (_how, say) => {
    const { url } = await httpServer((request, response) => void request.resume().on('end', () => say(response)))
    const response = await post(url, body)
    expect([response.status, response.body, response.headers.get('content-type')]).toEqual([202, null, null])
    expect(response.headers.get('content-length')).toBeNull()
  })
})

test.each([400, 404, 500, 503])('what the upstream refuses stays refused: %i [L7]', async (status) => {
  const { url } = await httpServer((_request, response) => void response.writeHead(status, json).end('{"error":1}'))
  const response = await post(url, initialized)
  expect([response.status, await response.text()]).toEqual([status, '{"error":1}'])
})

test('a connection whose answer nobody reads is used again', async () => {
  const { url, server } = await httpServer((_request, response) => void response.writeHead(200, json).end('null'))
  const sockets = vi.fn()
  server.on('connection', sockets)
  const handler = compose([message()], proxy(url))
  for (let n = 0; n < 5; n++) {
    await handler(request(initialized), {})
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(sockets).toHaveBeenCalledOnce()
})

test('a client of the SDK connects to a server that answers notifications with 200 and a body', async () => {
  const { url } = await httpServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id } = text === '' ? {} : JSON.parse(text)
    const result = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } }
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (id === undefined) response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': none\n\n')
    else response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  const gateway = await httpServer(toNodeHandler(mountable({ handle: compose([message()], proxy(url)) })))
  const client = new ClientV1({ name: 'c', version: '1' })
  await client.connect(new TransportV1(new URL(gateway.url)))
  expect(client.getServerVersion()?.name).toBe('s')
  await client.close()
})

function request(body: string): Request {
  const isModern = body === modern
  return new Request('https://mcp.example.com/mcp', {
    method: 'POST',
    headers: {
      ...json,
      ...(isModern ? { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'notifications/cancelled' } : {}),
    },
    body,
  })
}

function post(url: string, body: string, context: Context = {}): Promise<Response> | Response {
  return compose([message()], proxy(url))(request(body), context)
}
