import type { ServerResponse } from 'node:http'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { describe, expect, test, vi } from 'vitest'
import { httpServer } from '../../../../../../test/fixtures/loopback.js'
import { compose } from '../../http/compose.js'
import { mountable } from '../../http/mountable.js'
import { message } from '../../message/message-middleware.js'
import { toNodeHandler } from '../../mounts/node/to-node-handler.js'
import { proxy } from '../../proxy/proxy.js'
import { type TranslateErasOptions, translateEras } from './translate-eras.js'

const json = { 'Content-Type': 'application/json' }
const stream = { 'Content-Type': 'text/event-stream' }
type Stall = (
  response: ServerResponse,
  request: { id: unknown; params: { _meta?: { progressToken?: unknown } } },
) => void

/** A server of one era that does what it is told with `tools/call`. */
async function stalling(era: 'legacy' | 'modern', stall: Stall) {
  const seen: { method?: string; params?: { requestId?: unknown } }[] = []
  const closed: string[] = []
  const { url } = await httpServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const body = text === '' ? {} : JSON.parse(text)
    seen.push(body)
    response.once('close', () => void (response.writableFinished || closed.push(body.method)))
    const answer = (result: object) =>
      response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
    const tools = [{ name: 'stall', inputSchema: { type: 'object' } }]
    const capabilities = { tools: {} }
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (body.id === undefined) response.writeHead(202).end()
    else if (body.method === 'tools/call') stall(response, body)
    else if (era === 'legacy' && body.method === 'initialize')
      answer({ protocolVersion: '2025-06-18', capabilities, serverInfo: { name: 's', version: '1' } })
    else if (era === 'modern' && body.method === 'server/discover')
      answer({
        supportedVersions: ['2026-07-28'],
        capabilities,
        resultType: 'complete',
        ttlMs: 1000,
        cacheScope: 'public',
      })
    else if (body.method === 'tools/list')
      answer({ tools, ...(era === 'modern' && { resultType: 'complete', ttlMs: 1000, cacheScope: 'public' }) })
    else {
      const error = { code: -32601, message: 'Method not found' }
      response.writeHead(404, json).end(JSON.stringify({ jsonrpc: '2.0', id: body.id, error }))
    }
  })
  return { url, seen, closed }
}

async function gatewayTo(url: string, options: TranslateErasOptions) {
  const handle = compose([message()], proxy(url, { eras: translateEras(options) }))
  return new URL((await httpServer(toNodeHandler(mountable({ handle })))).url)
}

const timers = new Set<ReturnType<typeof setInterval>>()
const repeat = (response: ServerResponse, write: () => void) => {
  response.writeHead(200, stream)
  const timer = setInterval(write, 50)
  timers.add(timer)
  response.once('close', () => clearInterval(timer))
}

const silences: [string, Stall][] = [
  ['says nothing', () => {}],
  ['says nothing on a stream', (response) => void response.writeHead(200, stream).flushHeaders()],
  ['says comments alone', (response) => repeat(response, () => response.write(': keep-alive\n\n'))],
  [
    'answers something else',
    (response) => void response.writeHead(200, stream).write('data: {"jsonrpc":"2.0","id":"other","result":{}}\n\n'),
  ],
]

describe('a legacy client', () => {
  test.each(silences)('hears after requestTimeout that a modern server %s', async (_what, stall) => {
    const { url, closed } = await stalling('modern', stall)
    const gateway = await gatewayTo(url, { requestTimeout: 0.4 })
    const client = new ClientV1({ name: 'c', version: '1' })
    await client.connect(new TransportV1(gateway))
    await expect(client.callTool({ name: 'stall' })).rejects.toMatchObject({
      code: -31504,
      message: expect.stringContaining('did not answer within 0.4 s'),
    })
    // [M17]
    await vi.waitFor(() => expect(closed).toEqual(['tools/call']))
    expect((await client.listTools()).tools).toHaveLength(1)
    await client.close()
  })
})

describe('a modern client', () => {
  test.each(silences)('hears after requestTimeout that a legacy server %s', async (_what, stall) => {
    const { url, seen } = await stalling('legacy', stall)
    const gateway = await gatewayTo(url, { requestTimeout: 0.4 })
    const client = new Client({ name: 'c', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
    await client.connect(new StreamableHTTPClientTransport(gateway))
    await expect(client.callTool({ name: 'stall' })).rejects.toMatchObject({
      code: -31504,
      message: expect.stringContaining('did not answer within 0.4 s'),
    })
    // [L3]
    await vi.waitFor(() => expect(seen.map(({ method }) => method)).toContain('notifications/cancelled'))
    expect((await client.listTools()).tools).toHaveLength(1)
    await client.close()
  })
})

const progresses: Stall = (response, { params }) => {
  let progress = 0
  const progressToken = params._meta?.progressToken
  repeat(response, () => {
    const told = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: ++progress } }
    response.write(`data: ${JSON.stringify(told)}\n\n`)
  })
}

test('progress begins the time anew, up to maxRequestTime', async () => {
  const { url } = await stalling('modern', progresses)
  const gateway = await gatewayTo(url, { requestTimeout: 0.3, maxRequestTime: 1.2 })
  const client = new ClientV1({ name: 'c', version: '1' })
  await client.connect(new TransportV1(gateway))
  const steps = vi.fn()
  await expect(client.callTool({ name: 'stall' }, undefined, { onprogress: steps })).rejects.toMatchObject({
    code: -31504,
    message: expect.stringContaining('within 1.2 s'),
  })
  expect(steps.mock.calls.length).toBeGreaterThan(8)
  await client.close()
})

test.each(['requestTimeout', 'maxRequestTime'])('%s must be positive', (name) => {
  expect(() => translateEras({ [name]: 0 })).toThrow(`${name} must not be 0`)
})
