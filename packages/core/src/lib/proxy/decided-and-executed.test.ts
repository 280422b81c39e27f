import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, expect, test } from 'vitest'
import type { Middleware } from '../contract/handler.js'
import { translateEras } from '../eras/http/translate-eras.js'
import { compose } from '../http/compose.js'
import { mountable } from '../http/mountable.js'
import { message } from '../message/message-middleware.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { requireScopes } from '../resource-server/require-scopes.js'
import { proxy } from './proxy.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An Express server, which reads a body in the charset that its type names, and what it was called with. */
async function upstream(): Promise<{ url: string; called: unknown[]; types: unknown[] }> {
  const called: unknown[] = []
  const types: unknown[] = []
  const app = express()
  app.use(express.json())
  app.post('/mcp', (request, response) => {
    types.push(request.headers['content-type'])
    called.push(request.body.params?.name ?? request.body.method)
    if (request.body.id === undefined) response.status(202).end()
    else response.json({ jsonrpc: '2.0', id: request.body.id, result: {} })
  })
  return { url: `${await listen(app)}/mcp`, called, types }
}

/** Whose token has the scope to read notes and no other. */
const reader: Middleware = (request, context, next) =>
  next(request, {
    ...context,
    auth: { token: 'x', clientId: 'app', scopes: ['notes:read'], expiresAt: 9e9 },
    refuse: () => new Response('refused', { status: 403 }),
  })
const rules = requireScopes({
  operations: {
    'tools/call': { delete_note: ['notes:delete'], '*': ['notes:read'] },
    'resources/subscribe': { 'note://secret': ['notes:secret'] },
  },
})

async function gatewayFor(url: string, isTranslated = false): Promise<string> {
  const server = proxy(url, {
    forwardHeaders: ['content-type', 'content-encoding'],
    ...(isTranslated ? { eras: translateEras() } : {}),
  })
  return `${await listen(toNodeHandler(mountable({ handle: compose([message(), reader, rules], server) })))}/mcp`
}

const call = (params: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`
const post = (url: string, body: BodyInit, type = 'application/json', headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers: { 'Content-Type': type, ...headers }, body })

test.each([false, true])(
  'a server that reads a body by its charset runs nothing else than was decided on; translated: %s [finding 2]',
  async (isTranslated) => {
    const { url, called, types } = await upstream()
    const gateway = await gatewayFor(url, isTranslated)
    // In UTF-7, +ACI- is a quote: what is one text to us is another name to Express
    const hidden = call('{"name":"read_note","x":"+ACI-,+ACI-name+ACI-:+ACI-delete_note"}')
    expect((await post(url, hidden, 'application/json; charset=utf-7')).status).toBe(200)
    expect(called.splice(0)).toEqual(['delete_note'])
    types.splice(0)
    for (const charset of ['utf-7', '"UTF-7"', 'utf-8; charset=utf-7', 'utf-16', 'utf-32']) {
      expect((await post(gateway, hidden, `application/json; charset=${charset}`)).status).toBe(415)
    }
    const utf16 = new Uint8Array(Buffer.from(`\ufeff${call('{"name":"delete_note"}')}`, 'utf16le'))
    expect((await post(gateway, utf16)).status).toBe(400)
    expect(called).toEqual([])
    expect((await post(gateway, hidden, 'application/json;charset="UTF-8";x=y')).status).toBe(200)
    expect(called).toEqual(['read_note'])
    expect(types).toEqual(['application/json'])
  },
)

test.each([
  call('{"Name":"delete_note"}'),
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"delete_note"}}',
  call('{"name":"read_note","name\\u0000":"delete_note"}'),
  call('{"name":"delete_note\\u0000"}'),
  '{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"delete_note"}}',
  '{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"NOTE://secret"}}',
  '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["note://secret"]}}}',
])('no server sees %s, as a single message, in a batch, or translated [finding 2]', async (body) => {
  const { url, called } = await upstream()
  for (const isTranslated of [false, true]) {
    const gateway = await gatewayFor(url, isTranslated)
    await post(gateway, body)
    await post(gateway, `[${body}]`)
    await post(gateway, body, 'application/json', { 'MCP-Protocol-Version': '2025-11-25' })
  }
  expect(called).toEqual([])
})
