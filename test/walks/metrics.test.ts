import { createGateway } from '@mcp-gateway/core/gateway'
import { createMetrics } from '@mcp-gateway/core/prometheus'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import { expect, onTestFinished, test } from 'vitest'

const url = 'http://127.0.0.1:8787'
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

test('a real bridge is measured with its processes', async () => {
  const child = new URL('../../bench/eras/child.mjs', import.meta.url).pathname
  const bridge = createStdioBridge({ command: process.execPath, args: [child, 'legacy'], logger })
  const metrics = createMetrics({ bridges: { '/mcp': bridge }, processMetrics: false, logger })
  const gateway = createGateway({
    url,
    dangerouslyAllowAnonymous: true,
    servers: { '/mcp': bridge },
    observe: metrics,
    logger,
  })
  onTestFinished(() => gateway.close())
  const post = (body: object, headers = {}) =>
    gateway.fetch(
      new Request(`${url}/mcp`, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) }),
    )
  const clientInfo = { name: 'metrics', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const begun = await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  await begun.text()
  const session = { 'Mcp-Session-Id': String(begun.headers.get('mcp-session-id')) }
  await (await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)).text()
  const call = { name: 'x', arguments: { bytes: 10 } }
  await (await post({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: call }, session)).text()
  const text = await metrics.registry.metrics()
  expect(text).toContain('mcp_gateway_children{server="/mcp"} 1')
  expect(text).toContain('mcp_gateway_children_started_total{server="/mcp"} 1')
  expect(text).toMatch(/mcp_gateway_children_resident_memory_bytes\{server="\/mcp"\} [1-9]\d{6,}/)
  expect(text).toMatch(/mcp_tool_calls_total\{server="\/mcp",tool="\w+"\} 1/)
  expect(text).toContain('mcp_sessions_created_total{server="/mcp"} 1')
})

test('what happens at a real authorization server is counted', async () => {
  const metrics = createMetrics({ processMetrics: false, logger })
  const auth = createAuthorizationServer({
    issuer: url,
    storage: metrics.storage(memoryStorage()),
    identityProvider: devLogin(),
    onEvent: metrics.onEvent,
    logger,
  })
  const gateway = createGateway({ url, auth, servers: { '/mcp': () => new Response() }, observe: metrics, logger })
  onTestFinished(() => gateway.close())
  const registration = { redirect_uris: ['http://127.0.0.1:4000/callback'], token_endpoint_auth_method: 'none' }
  const registered = await gateway.fetch(
    new Request(`${url}/register`, { method: 'POST', headers: json, body: JSON.stringify(registration) }),
  )
  const { client_id } = (await registered.json()) as { client_id: string }
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'wrong', client_id })
  expect((await gateway.fetch(new Request(`${url}/token`, { method: 'POST', body: form }))).status).toBe(400)
  const text = await metrics.registry.metrics()
  expect(text).toContain('mcp_gateway_oauth_events_total{type="client_registered",grant_type="",error=""} 1')
  expect(text).toMatch(/mcp_gateway_oauth_events_total\{type="token_refused",[^}]*error="invalid_grant"\} 1/)
  expect(text).toContain('mcp_gateway_oauth_requests_total{endpoint="token",error="invalid_grant"} 1')
  expect(text).toMatch(/mcp_gateway_storage_operation_duration_seconds_count\{operation="\w+",outcome="ok"\} [1-9]/)
})
