// What it costs the bridge to translate a call into the other era, beside passing it on within its own.
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createLogger } from '@mcp-gateway/core/logging'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import { compareServers, type Operation, send } from './harness.js'

const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const version = '2026-07-28'

function bridge(era: 'legacy' | 'modern') {
  const child = fileURLToPath(new URL('eras/child.mjs', import.meta.url))
  const logger = createLogger({ level: 'error' })
  const handler = createStdioBridge({ command: process.execPath, args: [child, era], logger, maxSessions: 1000 })
  return createServer(toNodeHandler(handler))
}

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** Calls as a modern client makes them. */
function modern(url: string, bytes: number): Operation {
  const headers = { ...json, 'MCP-Protocol-Version': version, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'x' }
  const key = 'io.modelcontextprotocol'
  const _meta = {
    [`${key}/protocolVersion`]: version,
    [`${key}/clientInfo`]: { name: 'bench', version: '1' },
    [`${key}/clientCapabilities`]: {},
  }
  const params = { name: 'x', arguments: { bytes }, _meta }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  return () => send(`${url}mcp`, { method: 'POST', headers, body })
}

/** Calls of a session as a legacy client makes them. */
async function legacy(url: string, bytes: number): Promise<Operation> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const message = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
  const response = await fetch(`${url}mcp`, { method: 'POST', headers: json, body: JSON.stringify(message) })
  await response.text()
  const headers = { ...json, 'Mcp-Session-Id': String(response.headers.get('mcp-session-id')) }
  const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })
  await (await fetch(`${url}mcp`, { method: 'POST', headers, body: initialized })).text()
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', arguments: { bytes } } }
  const body = JSON.stringify(call)
  return () => send(`${url}mcp`, { method: 'POST', headers, body })
}

for (const [size, bytes, operations] of [
  ['small results', 50, 3000],
  ['results of 1 MiB', 1_048_576, 150],
] as const) {
  await compareServers(
    `modern client, ${size}`,
    import.meta.url,
    { 'passed on': () => bridge('modern'), translated: () => bridge('legacy') },
    { rounds, operations, concurrency: 8, connect: (url) => modern(url, bytes) },
  )
  await compareServers(
    `legacy client, ${size}`,
    import.meta.url,
    { 'passed on': () => bridge('legacy'), translated: () => bridge('modern') },
    { rounds, operations, concurrency: 8, connect: (url) => legacy(url, bytes) },
  )
}
