// One server of the comparison, in a process of its own: prints its address. Arguments: variant, then the command.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bearerAuth, compose, createTokenVerifier, mountable } from '@mcp-gateway/core'
import { message } from '@mcp-gateway/core/gateway'
import { createLogger } from '@mcp-gateway/core/logging'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { JSONWebKeySet } from 'jose'

const [variant = 'ours', command = '', ...args] = process.argv.slice(2)

function ours(prewarmed: number) {
  return createStdioBridge({
    command,
    args,
    prewarmed,
    logger: createLogger({ level: 'error' }),
    maxSessionsPerPrincipal: 1000,
    maxChildrenPerPrincipal: 1000,
    maxStartsPerMinute: 100_000,
    maxMessageBytes: 128 * 2 ** 20,
  })
}

/** A bridge made of the SDK's own parts: one transport piped to the other, one child for each session. */
function naive(): RequestListener {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (request, response) => {
    const known = sessions.get(String(request.headers['mcp-session-id']))
    if (known !== undefined) return known.handleRequest(request, response)
    const http = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => {
        sessions.set(id, http)
      },
    })
    const stdio = new StdioClientTransport({ command, args })
    http.onmessage = (message) => stdio.send(message)
    stdio.onmessage = (message) => http.send(message)
    stdio.onerror = () => {}
    http.onclose = () => stdio.close()
    await stdio.start()
    await http.start()
    await http.handleRequest(request, response)
  }
}

function withTokens(): RequestListener {
  const resource = 'http://127.0.0.1/mcp'
  const jwks: JSONWebKeySet = JSON.parse(process.env.BENCH_JWKS ?? '{}')
  const verifier = createTokenVerifier({ issuer: 'https://issuer.example', audience: resource, jwks })
  const guarded = compose([bearerAuth({ verifier, resource }), message()], ours(0).handle)
  return toNodeHandler(mountable({ handle: guarded }))
}

const listeners: Record<string, () => RequestListener> = {
  naive,
  ours: () => toNodeHandler(ours(0)),
  prewarmed: () => toNodeHandler(ours(20)),
  tokens: withTokens,
}
const server = createServer(listeners[variant]?.()).listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
