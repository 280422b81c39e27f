import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import type { Handler } from '../contract/handler.js'
import { createGateway } from '../gateway/create-gateway.js'
import type { GatewayOptions } from '../gateway/gateway-options.js'
import { addressCheck } from '../http/address-check.js'
import { respond } from '../http/respond.js'
import { transformResponse } from '../message/transform-response.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { proxy } from '../proxy/proxy.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createMetrics, type Metrics } from './create-metrics.js'
import type { MetricsOptions } from './metrics-options.js'

const url = 'https://mcp.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const guard = addressCheck({ allowedAddresses: ['10.0.0.0/8', '::1', '127.0.0.1'] })

const authority: Authority = {
  issuer: 'https://login.example.com',
  protect: () => ({
    verifyAccessToken: async (token): Promise<AuthInfo> => ({
      token,
      clientId: 'app',
      scopes: [],
      expiresAt: Date.now() / 1000 + 60,
      extra: { subject: 'ada', issuer: 'https://login.example.com' },
    }),
  }),
}

const results: Record<string, unknown> = {
  initialize: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } },
  'tools/list': {
    tools: [
      { name: 'add', inputSchema: {} },
      { name: 'fail', inputSchema: {} },
    ],
  },
}

/** An MCP server: `add` works, `fail` has an error of its own, and there is no other tool. */
const server: Handler = (request, context) => {
  if (request.method === 'DELETE') return new Response(null, { status: 204 })
  const { id, method = '', name } = context.message ?? {}
  const isKnown = method === 'tools/call' ? name === 'add' || name === 'fail' : method in results
  const result = results[method] ?? { content: [], isError: name === 'fail' }
  const body = isKnown ? { jsonrpc: '2.0', id, result } : { jsonrpc: '2.0', id, error: { code: -32602, message: 'no' } }
  const headers: Record<string, string> = { 'Content-Type': 'application/json' }
  if (method === 'initialize') headers['Mcp-Session-Id'] = 'session-0123456789'
  return transformResponse(context, respond(JSON.stringify(body), { headers }))
}

function measured(options: MetricsOptions = {}, more: Partial<GatewayOptions> = {}) {
  const metrics = createMetrics({ logger: quiet, ...options })
  const gateway = createGateway({
    url,
    auth: authority,
    servers: { '/notes/mcp': server },
    logger: quiet,
    observe: metrics,
    routes: { '/metrics': { handle: metrics, guard } },
    ...more,
  })
  return { metrics, gateway }
}

function post(method: string, name?: string, headers: Record<string, string> = {}, id: number | string = 7): Request {
  return new Request(`${url}/notes/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: name === undefined ? {} : { name, arguments: {} } }),
  })
}

const textOf = async ({ fetch }: Metrics) => (await fetch(new Request(`${url}/metrics`))).text()
const linesOf = async (metrics: Metrics, start: string) =>
  (await textOf(metrics)).split('\n').filter((line) => line.startsWith(start))

test('the nine names of the third system are there, and tell of requests, sessions and tools', async () => {
  const { metrics, gateway } = measured()
  const session = { 'Mcp-Session-Id': 'session-0123456789' }
  await gateway.fetch(post('initialize'))
  await gateway.fetch(post('tools/call', 'add', session))
  await gateway.fetch(post('tools/call', 'fail', session))
  await gateway.fetch(post('tools/list', undefined, session))
  await gateway.fetch(post('tools/call', 'fail', session))
  const text = await textOf(metrics)
  expect(text).toContain('http_requests_total{method="POST",route="/notes/mcp",status="200"} 5')
  expect(text).toContain('http_request_duration_seconds_count{method="POST",route="/notes/mcp",status="200"} 5')
  expect(text).toContain('http_requests_in_progress 0')
  expect(text).toContain('mcp_sessions_active{server="/notes/mcp"} 1')
  expect(text).toContain('mcp_sessions_created_total{server="/notes/mcp"} 1')
  expect(text).toContain('mcp_tool_calls_total{server="/notes/mcp",tool="add"} 1')
  expect(text).toContain('mcp_tool_call_duration_seconds_count{server="/notes/mcp",tool="add"} 1')
  expect(text).toContain('mcp_tool_errors_total{server="/notes/mcp",tool="fail",error_type="tool_error"} 1')
  // Nothing had listed it when it was called first
  expect(text).toContain('mcp_tool_errors_total{server="/notes/mcp",tool="_unknown",error_type="tool_error"} 1')
  await gateway.fetch(
    new Request(`${url}/notes/mcp`, { method: 'DELETE', headers: { Authorization: 'Bearer good', ...session } }),
  )
  const after = await textOf(metrics)
  expect(after).toContain('mcp_sessions_closed_total{server="/notes/mcp",reason="deleted"} 1')
  expect(after).not.toContain('mcp_sessions_active{server="/notes/mcp"} 1')
  expect(after).toContain('mcp_server_session_duration_seconds_count{server="/notes/mcp"} 1')
})

test('messages are measured by the convention, with its fourteen bounds', async () => {
  const { metrics, gateway } = measured()
  await gateway.fetch(post('tools/list'))
  const name = 'mcp_server_operation_duration_seconds'
  const labels = 'mcp_method_name="tools/list",error_type="",server="/notes/mcp"'
  const buckets = await linesOf(metrics, `${name}_bucket`)
  expect(buckets.map((line) => /le="([^"]+)"/.exec(line)?.[1])).toEqual(
    '0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10 30 60 120 300 +Inf'.split(' '),
  )
  expect(await linesOf(metrics, `${name}_count`)).toEqual([`${name}_count{${labels}} 1`])
})

test('each message of a batch is counted by its own method and outcome', async () => {
  const { metrics, gateway } = measured()
  const body = ['add', 'invented'].map((name, id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } }))
  const headers = {
    'Content-Type': 'application/json',
    Authorization: 'Bearer good',
    'MCP-Protocol-Version': '2025-03-26',
  }
  const request = new Request(`${url}/notes/mcp`, { method: 'POST', headers, body: JSON.stringify(body) })
  // It is over when its last byte has gone
  await (await gateway.fetch(request)).text()
  expect(await linesOf(metrics, 'mcp_tool_calls_total')).toEqual([
    'mcp_tool_calls_total{server="/notes/mcp",tool="add"} 1',
    'mcp_tool_calls_total{server="/notes/mcp",tool="_unknown"} 1',
  ])
  expect(await linesOf(metrics, 'http_requests_total')).toHaveLength(1)
})

test('a client that invents thousands of methods, tools, paths and sessions makes no new series', async () => {
  const { metrics, gateway } = measured()
  const once = async (index: number) => {
    await gateway.fetch(post('tools/call', `invented-${index}`, { 'Mcp-Session-Id': `s${index}` }))
    await gateway.fetch(post(`invented/${index}`))
    await gateway.fetch(new Request(`${url}/invented/${index}`, { method: `X${index}` }))
  }
  await once(-1)
  const before = (await textOf(metrics)).split('\n').filter((line) => /^(?:http|mcp)_/.test(line)).length
  for (let index = 0; index < 2000; index++) await once(index)
  const text = await textOf(metrics)
  expect(text.split('\n').filter((line) => /^(?:http|mcp)_/.test(line))).toHaveLength(before)
  expect(text).not.toContain('nvented')
  expect(text).toContain('mcp_tool_calls_total{server="/notes/mcp",tool="_unknown"} 2001')
  expect(text).toContain(
    'mcp_server_operation_duration_seconds_count{mcp_method_name="_OTHER",error_type="-32602",server="/notes/mcp"} 2001',
  )
})

test('of a server with more tools than are kept the others stand as one, and series have a limit', async () => {
  const warned: string[] = []
  const logger = { ...quiet, warn: (_fields: unknown, text: string) => void warned.push(text) }
  const tools = Array.from({ length: 50 }, (_, index) => ({ name: `tool-${index}`, inputSchema: {} }))
  const many: Handler = (_request, context) => {
    const result = context.message?.method === 'tools/list' ? { tools } : { content: [] }
    return transformResponse(
      context,
      respond(JSON.stringify({ jsonrpc: '2.0', id: context.message?.id, result }), {
        headers: { 'Content-Type': 'application/json' },
      }),
    )
  }
  const { metrics, gateway } = measured({ maxTools: 20, maxSeries: 10, logger }, { servers: { '/notes/mcp': many } })
  await gateway.fetch(post('tools/list'))
  for (const { name } of tools) await gateway.fetch(post('tools/call', name))
  const lines = await linesOf(metrics, 'mcp_tool_calls_total')
  expect(lines).toHaveLength(11)
  expect(lines.at(-1)).toBe('mcp_tool_calls_total{server="_overflow",tool="_overflow"} 40')
  expect(warned.length).toBeGreaterThan(0)
  expect(new Set(warned).size).toBe(1)
})

test('refusals are told by who refused and why, and a stranger is counted too', async () => {
  const { metrics, gateway } = measured()
  await gateway.fetch(post('ping', undefined, { Authorization: '' }))
  await gateway.fetch(post('ping', undefined, { Origin: 'https://evil.example' }))
  const lines = await linesOf(metrics, 'mcp_gateway_refusals_total')
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(/route="\/notes\/mcp",refused_by="bearerAuth",code="\w+",decision="deny"\} 1/)
  expect(lines[1]).toMatch(/refused_by="originCheck"/)
})

test('the time of the server behind stands beside the own, by its address', async () => {
  const upstream = proxy('http://notes.internal:3000/mcp', {
    fetch: async () => Response.json({ jsonrpc: '2.0', id: 7, result: {} }),
  })
  const { metrics, gateway } = measured({}, { servers: { '/notes/mcp': upstream } })
  await gateway.fetch(post('ping'))
  expect(await linesOf(metrics, 'mcp_client_operation_duration_seconds_count')).toEqual([
    expect.stringMatching(
      /mcp_method_name="ping",error_type="",server="\/notes\/mcp",server_address="[^"]*notes\.internal/,
    ),
  ])
})

test('a sampled trace is an exemplar, one that is not sampled or malformed is none', async () => {
  const { metrics, gateway } = measured()
  const trace = 'a'.repeat(32)
  const of = (flags: string) => ({ traceparent: `00-${trace}-${'b'.repeat(16)}-${flags}` })
  await gateway.fetch(post('ping', undefined, of('00')))
  await gateway.fetch(post('ping', undefined, { traceparent: `00-"}1-${'b'.repeat(16)}-01` }))
  expect(await textOf(metrics)).not.toContain('trace_id')
  await gateway.fetch(post('ping', undefined, of('01')))
  expect(await textOf(metrics)).toContain(`# {trace_id="${trace}"}`)
})

test('requests of the authorization server are told by endpoint and error, and what happened there', async () => {
  const refusing: Handler = (_request, { record }) => {
    if (record !== undefined) record.refusal = { by: 'oauth-server', code: 'invalid_grant' }
    return respond('{}', { status: 400 })
  }
  const { metrics, gateway } = measured({}, { auth: { ...authority, handle: refusing, match: () => true } })
  await gateway.fetch(new Request(`${url}/token`, { method: 'POST' }))
  metrics.onEvent({
    type: 'replay_found',
    grantType: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    error: 'invalid_grant',
  })
  expect(await linesOf(metrics, 'mcp_gateway_oauth')).toEqual([
    'mcp_gateway_oauth_requests_total{endpoint="token",error="invalid_grant"} 1',
    'mcp_gateway_oauth_events_total{type="replay_found",grant_type="jwt-bearer",error="invalid_grant"} 1',
  ])
})

test('bridges, audit, parts and a storage are measured where they are given', async () => {
  const stats = { children: 2, inFlight: 1, spawned: 5, failedStarts: 1, crashed: 1 }
  const bridge = {
    stats: () => stats,
    sessions: async () => [
      { pid: process.pid, memory: 1000 },
      { pid: process.pid, memory: 1000 },
    ],
  }
  const audit = { stats: () => [{ sink: 'postgres', queued: 3, written: 10, lost: 2, isFailing: true }] }
  const parts = {
    storage: { check: async () => undefined },
    opa: { check: async () => Promise.reject(new Error('down')) },
  }
  const { metrics } = measured({ bridges: { '/files/mcp': bridge }, audit, parts })
  const storage = metrics.storage(memoryStorage())
  await storage.set('key', 'value', { ttl: null })
  expect((await storage.get('key'))?.value).toBe('value')
  const text = await textOf(metrics)
  expect(text).toContain('mcp_gateway_children{server="/files/mcp"} 2')
  expect(text).toContain('mcp_gateway_children_crashed_total{server="/files/mcp"} 1')
  expect(text).toContain('mcp_gateway_children_resident_memory_bytes{server="/files/mcp"} 1000')
  if (process.platform === 'linux') {
    expect(text).toMatch(/mcp_gateway_children_cpu_seconds_total\{server="\/files\/mcp"\} (?!0$)[\d.]+$/m)
  }
  expect(text).toContain('mcp_gateway_audit_queue_events{sink="postgres"} 3')
  expect(text).toContain('mcp_gateway_audit_lost_total{sink="postgres"} 2')
  expect(text).toContain('mcp_gateway_audit_sink_up{sink="postgres"} 0')
  expect(text).toContain('mcp_gateway_part_up{part="storage"} 1')
  expect(text).toContain('mcp_gateway_part_up{part="opa"} 0')
  expect(text).toContain('mcp_gateway_storage_operation_duration_seconds_count{operation="set",outcome="ok"} 1')
})

test('a registry of the application holds them beside its own, and its content type stays', async () => {
  const registry = new Registry()
  const { metrics, gateway } = measured({ registry })
  await gateway.fetch(post('ping', undefined, { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }))
  const response = await metrics.fetch(new Request(`${url}/metrics`))
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(await registry.metrics()).toContain('http_requests_total')
  expect(await registry.metrics()).not.toContain('process_cpu')
})

test('/metrics answers allowed addresses alone, and GET alone', async () => {
  const { gateway } = measured()
  const from = (address?: string, method = 'GET') =>
    gateway.handle(new Request(`${url}/metrics`, { method }), address === undefined ? {} : { client: { address } })
  expect((await from('10.1.2.3')).status).toBe(200)
  expect((await from('192.0.2.1')).status).toBe(403)
  expect((await from()).status).toBe(403)
  expect((await from('10.1.2.3', 'POST')).status).toBe(405)
})

test('/metrics without a guard needs a token', async () => {
  const metrics = createMetrics({ logger: quiet })
  const { gateway } = measured({}, { routes: { '/metrics': metrics } })
  expect((await gateway.fetch(new Request(`${url}/metrics`))).status).toBe(401)
})

test.each([
  [{ registry: {} }, 'registry'],
  [{ bridges: { a: {} } }, 'bridges'],
  [{ parts: { a: {} } }, 'parts'],
  [{ maxTools: 0 }, 'maxTools'],
  [{ sessionTimeout: 'long' }, 'sessionTimeout'],
])('refuses the options %j and names %s', (options, name) => {
  expect(() => createMetrics(options as never)).toThrow(
    expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining(name) }),
  )
})

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0
if (!hasPrometheus) console.warn('SKIPPED: prometheus is not installed; nothing scrapes the metrics for real')

test.skipIf(!hasPrometheus)('a real Prometheus scrapes them, with exemplars', { timeout: 40_000 }, async () => {
  const { gateway } = measured()
  await gateway.fetch(post('tools/list', undefined, { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }))
  const web = createServer(toNodeHandler(gateway)).listen(0, '127.0.0.1')
  const free = createServer().listen(0, '127.0.0.1')
  await Promise.all([once(web, 'listening'), once(free, 'listening')])
  const own = (free.address() as AddressInfo).port
  free.close()
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'))
  const target = `127.0.0.1:${(web.address() as AddressInfo).port}`
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [{ job_name: 'gateway', static_configs: [{ targets: [target] }] }],
  }
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${own}`,
      '--enable-feature=exemplar-storage',
    ],
    { stdio: 'ignore' },
  )
  const ask = async (path: string): Promise<unknown[]> => {
    const { data } = (await (await fetch(`http://127.0.0.1:${own}/api/v1/${path}`)).json()) as {
      data: { result?: unknown[] }
    }
    return data.result ?? (data as unknown as unknown[])
  }
  const query = encodeURIComponent('mcp_server_operation_duration_seconds_count{mcp_method_name="tools/list"}')
  try {
    await expect
      .poll(() => ask(`query?query=${query}`).catch(() => []), { timeout: 30_000, interval: 300 })
      .toMatchObject([{ metric: { server: '/notes/mcp' }, value: [expect.anything(), '1'] }])
    expect(await ask('query?query=up')).toMatchObject([{ value: [expect.anything(), '1'] }])
    const seconds = Date.now() / 1000
    const name = 'mcp_server_operation_duration_seconds_bucket'
    const found = await ask(`query_exemplars?query=${name}&start=${seconds - 60}&end=${seconds + 60}`)
    expect(JSON.stringify(found)).toContain('a'.repeat(32))
  } finally {
    prometheus.kill()
    await once(prometheus, 'exit')
    web.close()
    web.closeAllConnections()
    rmSync(folder, { recursive: true, force: true })
  }
})
