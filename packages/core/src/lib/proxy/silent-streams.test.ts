import type { ServerResponse } from 'node:http'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { expect, test, vi } from 'vitest'
import { httpServer } from '../../../../../test/fixtures/loopback.js'
import type { Context } from '../contract/handler.js'
import { compose } from '../http/compose.js'
import { mountable } from '../http/mountable.js'
import { message } from '../message/message-middleware.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { proxy } from './proxy.js'

const stream = { 'Content-Type': 'text/event-stream' }
const answer = '{"jsonrpc":"2.0","id":7,"result":{}}'
const same: Context['transforms'] = [(one) => one.with({ ...one.json() })]

/** What a client reads until the upstream ends its stream. */
async function read(say: (response: ServerResponse) => void, method = 'POST', context: Context = {}): Promise<string> {
  const { url } = await httpServer((request, response) => {
    request.resume()
    say(response.writeHead(200, stream))
    response.flushHeaders()
    setTimeout(() => response.end(`data: ${answer}\n\n`), 350)
  })
  const handler = compose([message()], proxy(url, { keepAlive: 0.1 }))
  const body = method === 'POST' ? '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}' : null
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
  return (await handler(new Request('https://mcp.example.com/mcp', { method, body, headers }), context)).text()
}

test.each([
  ['POST', undefined],
  ['GET', undefined],
  ['POST', same],
])('a silent stream of %s gets comments, and its events a name [M16]', async (method, transforms) => {
  const text = await read(() => {}, method, transforms === undefined ? {} : { transforms })
  expect(text).toMatch(/^(?:: keep-alive\n\n){2,4}event: message\ndata: \{.*\}\n\n$/)
})

test('a comment never ends an event that is under way', async () => {
  expect(await read((response) => response.write('id: 1\n'))).toMatch(
    /^id: 1\n(?:: keep-alive\n){2,4}event: message\ndata: .*\n\n$/,
  )
  const cut = await read((response) => response.write('data: {"jsonrpc":"2.0",\ndata: "method":'))
  expect(cut).toMatch(/^event: message\ndata: \{"jsonrpc":"2\.0",\ndata: "method":data: /)
})

test('comments are no sign of life of the upstream', async () => {
  const { url } = await httpServer((_request, response) => void response.writeHead(200, stream).flushHeaders())
  const handler = compose([message()], proxy(url, { keepAlive: 0.05, idleTimeout: 0.3 }))
  const body = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
  const headers = { 'Content-Type': 'application/json' }
  const response = await handler(new Request('https://mcp.example.com/mcp', { method: 'POST', body, headers }), {})
  expect(await response.text()).toMatch(/: keep-alive\n\n.*"id":7,"error".*silent/s)
})

test('who does not read gets no more comments', async () => {
  const { url } = await httpServer((_request, response) => void response.writeHead(200, stream).flushHeaders())
  const handler = compose([message()], proxy(url, { keepAlive: 0.02 }))
  const response = await handler(new Request('https://mcp.example.com/mcp'), {})
  const reader = response.body?.getReader()
  await reader?.read()
  await new Promise((resolve) => setTimeout(resolve, 300))
  const reads = vi.fn()
  void (async () => {
    while ((await reader?.read())?.done === false) reads()
  })().catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(reads.mock.calls.length).toBeLessThan(4)
  await reader?.cancel()
})

test('a client of the SDK hears its answer through the comments', async () => {
  const { url } = await httpServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method } = text === '' ? {} : JSON.parse(text)
    const result =
      method === 'initialize'
        ? { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
        : { content: [] }
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (id === undefined) response.writeHead(202).end()
    else {
      response.writeHead(200, stream).flushHeaders()
      setTimeout(() => response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`), 250)
    }
  })
  const handle = compose([message()], proxy(url, { keepAlive: 0.05 }))
  const gateway = await httpServer(toNodeHandler(mountable({ handle })))
  const client = new ClientV1({ name: 'c', version: '1' })
  await client.connect(new TransportV1(new URL(gateway.url)))
  expect(await client.callTool({ name: 'x' })).toMatchObject({ content: [] })
  await client.close()
})
