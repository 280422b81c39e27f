import { expect, test } from 'vitest'
import type { Handler } from '../../contract/handler.js'
import { compose } from '../../http/compose.js'
import { message } from '../../message/message-middleware.js'
import { translateEras } from './translate-eras.js'

const url = 'http://127.0.0.1/mcp'
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
}

/** A legacy server that never answers a call. */
const silent: Handler = async (request, context) => {
  if (request.method === 'GET') return new Response(null, { status: 405 })
  const body = context.message === undefined ? await request.text() : new TextDecoder().decode(context.message.bytes)
  const { id, method } = JSON.parse(body || '{}')
  if (id === undefined) return new Response(null, { status: 202 })
  if (method === 'tools/call') return new Promise(() => undefined)
  const result = {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 't', version: '1' },
    tools: [],
  }
  if (method === 'server/discover') return Response.json({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } })
  return Response.json({ jsonrpc: '2.0', id, result })
}

test.each([
  ['tools/call', { name: 'slow' }, 'slow'],
  ['subscriptions/listen', { notifications: { toolsListChanged: true } }, undefined],
])(
  'a modern client that closes %s at a legacy server is not counted any more [finding 10]',
  async (method, params, name) => {
    const handler = compose([message({ maxConcurrent: 2 })], translateEras()(silent))
    const send = (
      signal?: AbortSignal,
      what = { method, params: params as object, name: name as string | undefined },
    ) =>
      Promise.resolve(
        handler(
          new Request(url, {
            method: 'POST',
            headers: {
              'Content-Type': 'application/json',
              Accept: 'application/json, text/event-stream',
              'MCP-Protocol-Version': '2026-07-28',
              'Mcp-Method': what.method,
              ...(what.name && { 'Mcp-Name': what.name }),
            },
            body: JSON.stringify({
              jsonrpc: '2.0',
              id: 1,
              method: what.method,
              params: { ...what.params, _meta: meta },
            }),
            signal,
          }),
          {},
        ),
      )
    for (let round = 0; round < 4; round++) {
      const controller = new AbortController()
      const pending = send(controller.signal)
      await new Promise((resolve) => setTimeout(resolve, 50))
      controller.abort()
      const response = await Promise.race([pending, new Promise<undefined>((resolve) => setTimeout(resolve, 1000))])
      await response?.body?.cancel()
      expect(response?.status).not.toBe(429)
    }
    const { status } = await send(undefined, { method: 'tools/list', params: {}, name: undefined })
    expect(status).toBe(200)
  },
)
