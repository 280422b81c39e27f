import { join } from 'node:path'
import { type Context, GatewayError } from '@mcp-gateway/core'
import { afterEach, expect, test } from 'vitest'
import { createStdioBridge, type StdioBridge } from '../create-stdio-bridge.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const bridges: StdioBridge[] = []
afterEach(async () => void (await Promise.all(bridges.splice(0).map((bridge) => bridge.close()))))

async function status(requested: string, context: Context = {}, path?: string, method = 'POST'): Promise<number> {
  const args = [join(import.meta.dirname, '../../../../../test/fixtures/fast-server.mjs')]
  const options = { command: process.execPath, args, logger: silent, httpSse: true }
  const bridge = createStdioBridge(path === undefined ? options : { ...options, path })
  bridges.push(bridge)
  const init: RequestInit = {
    method,
    headers: { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' },
  }
  // A session that nobody has, so that no process is started
  if (method !== 'GET') Object.assign(init.headers as object, { 'Mcp-Session-Id': 'none' })
  if (method === 'POST') init.body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
  const response = await bridge.handle(new Request(`https://a.example${requested}`, init), context)
  const { error } = (await response.json()) as { error: { message: string } }
  return error.message.includes('at this path') ? -response.status : response.status
}

test('alone, a bridge serves /mcp or the path that it was told, and nothing else [finding 5]', async () => {
  expect(await status('/mcp')).toBe(404)
  expect(await status('/mcp/?a=b')).toBe(404)
  for (const path of ['/', '/notes/mcp', '/mcp/x', '/MCP', '//mcp', '/mc%70', '/mcp;x', '/mcp%2f']) {
    for (const method of ['POST', 'GET', 'DELETE']) expect(await status(path, {}, undefined, method)).toBe(-404)
  }
  expect(await status('/notes/mcp', {}, '/notes/mcp')).toBe(404)
  expect(await status('/mcp', {}, '/notes/mcp')).toBe(-404)
  expect(await status('/', {}, '/')).toBe(404)
})

test('behind a guard it serves the path of the resource that was checked [finding 5]', async () => {
  const context: Context = { resource: 'https://a.example/notes/mcp' }
  expect(await status('/notes/mcp', context)).toBe(404)
  expect(await status('/mcp', context)).toBe(-404)
  // A host that takes a prefix off has to be told of
  expect(await status('/stripped', context, '/stripped')).toBe(404)
})

test.each(['', 'mcp', '/a b', '/a?b', '/a#b', '/a%2fb', '/a\\b', '/a;b', '/a/../b', '//a'])(
  'the path %j is refused at construction',
  (path) => {
    const create = () => createStdioBridge({ command: process.execPath, path })
    expect(create).toThrow(GatewayError)
  },
)
