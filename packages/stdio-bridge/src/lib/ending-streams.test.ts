import { bearerAuth, compose, type Mountable, mountable } from '@mcp-gateway/core'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture, initialize, post, until } from '../../../../test/fixtures/bridge-client.js'
import { EndingTokens, opened } from '../../../../test/fixtures/ending-tokens.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const url = 'http://127.0.0.1/mcp'
const bridges: StdioBridge[] = []
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

function start(server: string, options: Partial<StdioBridgeOptions> = {}) {
  const bridge = createStdioBridge({
    command: process.execPath,
    args: [fixture(server)],
    logger: quiet,
    stopGrace: [0.3, 0.3],
    drainTimeout: 0,
    ...options,
  })
  bridges.push(bridge)
  const tokens = new EndingTokens()
  const guard = bearerAuth({ verifier: tokens, resource: url, clockTolerance: 0, streamCheckInterval: 0.2 })
  return { bridge, tokens, guarded: mountable({ handle: compose([guard], bridge.handle) }) }
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const get = (app: Mountable, headers: Record<string, string>) =>
  app.handle(new Request(url, { headers: { Accept: 'text/event-stream', ...headers } }), {})

/** The GET stream of a session of the legacy era; the session is opened with another token of the user. */
async function legacyStream(app: Mountable, token: string, tokens: EndingTokens) {
  const headers = bearer(tokens.issue('alice'))
  const answer = await post(app, initialize(), { headers })
  const session = { 'Mcp-Session-Id': answer.headers.get('mcp-session-id') ?? '' }
  await post(app, { jsonrpc: '2.0', method: 'notifications/initialized' }, { headers: { ...headers, ...session } })
  return {
    stream: await get(app, { ...bearer(token), ...session }),
    // The session is the user's, who goes on with the next token.
    goesOn: async () => {
      const next = { ...bearer(tokens.issue('alice')), ...session }
      const ping = { jsonrpc: '2.0', id: 5, method: 'ping' }
      expect((await post(app, ping, { headers: next })).status).toBe(200)
      const again = await get(app, next)
      expect(again.status).toBe(200)
      await again.body?.cancel()
    },
  }
}

async function listener(app: Mountable, token: string) {
  const key = (name: string) => `io.modelcontextprotocol/${name}`
  const _meta = { [key('protocolVersion')]: '2026-07-28', [key('clientCapabilities')]: {} }
  const params = { notifications: { toolsListChanged: true }, _meta }
  const message = { jsonrpc: '2.0', id: 'l', method: 'subscriptions/listen', params }
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'subscriptions/listen', ...bearer(token) }
  return { stream: await post(app, message, { headers }), goesOn: async () => undefined }
}

async function oldStream(app: Mountable, token: string) {
  return { stream: await get(app, bearer(token)), goesOn: async () => undefined }
}

describe.each([
  ['the GET stream of a session', 'legacy-server.mjs', {}, legacyStream],
  ['the GET stream of a session that is translated', 'modern-only-server.mjs', {}, legacyStream],
  ['the GET stream of a session in a shared process', 'legacy-server.mjs', { isolation: 'pool' }, legacyStream],
  ['a listener of the modern era', 'modern-only-server.mjs', {}, listener],
  ['a listener of the modern era that is translated', 'legacy-server.mjs', {}, listener],
  ['the stream of HTTP+SSE', 'legacy-server.mjs', { httpSse: true }, oldStream],
] as const)('%s', (_, server, options, open) => {
  test.each(['expires', 'is revoked'] as const)(
    'ends when its token %s [finding 12]',
    async (how) => {
      const { bridge, tokens, guarded } = start(server, options)
      // Its own token is issued last: processes take a while to start.
      const lasting = tokens.issue('alice')
      const warm = await open(guarded, lasting, tokens)
      await warm.stream.body?.cancel()
      const token = tokens.issue('alice', how === 'expires' ? 3 : 3600)
      const { stream, goesOn } = await open(guarded, token, tokens)
      const { isOver, over } = await opened(stream)
      expect(isOver()).toBe(false)
      if (how === 'is revoked') tokens.revoke(token)
      await over
      await goesOn()
      if (open === oldStream) await until(() => bridge.stats().sessions === 0, 'no session of HTTP+SSE is left')
    },
    30_000,
  )
})

test('a call that streams progress ends with its token, and is cancelled', async () => {
  const { bridge, tokens, guarded } = start('hostile-server.mjs')
  const headers = bearer(tokens.issue('alice'))
  const session = (await post(guarded, initialize(), { headers })).headers.get('mcp-session-id') ?? ''
  const token = tokens.issue('alice')
  const params = { name: 'progress', arguments: { steps: 1000, ms: 20 }, _meta: { progressToken: 'p' } }
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  const answer = await post(guarded, message, { headers: { ...bearer(token), 'Mcp-Session-Id': session } })
  const { over } = await opened(answer)
  tokens.revoke(token)
  await over
  expect(bridge.stats().sessions).toBe(1)
}, 30_000)
