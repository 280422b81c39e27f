import { bearerAuth, compose, mountable, type TokenVerifier } from '@mcp-gateway/core'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture, initialize, post } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from './create-stdio-bridge.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const verifier: TokenVerifier = {
  verifyAccessToken: async (token) => ({
    token,
    clientId: 'shared-app',
    scopes: [],
    expiresAt: 4_102_444_800,
    extra: { uid: token },
  }),
}
const bridges: StdioBridge[] = []
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

const modern = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/list',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
}
const modernHeaders = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' }

describe.each(['session', 'principal', 'pool', 'request'] as const)('with isolation %s', (isolation) => {
  test('a token that names no user gets no process, session or answer in either era [finding 4]', async () => {
    const bridge = createStdioBridge({
      command: process.execPath,
      args: [fixture('dual-server.mjs')],
      logger: quiet,
      isolation,
      drainTimeout: 0,
    })
    bridges.push(bridge)
    const guarded = (subject?: string) => {
      const guard = bearerAuth({ verifier, resource: 'http://127.0.0.1/mcp', subject })
      return mountable({ handle: compose([guard], bridge.handle) })
    }
    const as = (user: string, more: Record<string, string> = {}) => ({
      headers: { Authorization: `Bearer ${user}`, ...more },
    })
    expect((await post(guarded(), initialize(), as('alice'))).status).toBe(403)
    expect((await post(guarded(), modern, as('alice', modernHeaders))).status).toBe(403)
    expect(bridge.stats().spawned).toBe(0)
    const opened = await post(guarded('uid'), initialize(), as('alice'))
    expect(opened.status).toBe(200)
    const id = opened.headers.get('mcp-session-id')
    if (id === null) return
    const ping = { jsonrpc: '2.0', id: 2, method: 'ping' }
    expect((await post(guarded('uid'), ping, as('alice', { 'Mcp-Session-Id': id }))).status).toBe(200)
    expect((await post(guarded('uid'), ping, as('bob', { 'Mcp-Session-Id': id }))).status).toBe(404)
  })
})
