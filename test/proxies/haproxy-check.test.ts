import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createGateway } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { expect, test, vi } from 'vitest'
import { freePort } from '../../scripts/free-port.mjs'
import { findProgram, startProgram, temporaryFolder } from './process.js'

const haproxy = findProgram('haproxy')
const silent = { debug() {}, info() {}, warn() {}, error() {} }

test.skipIf(haproxy === undefined).each(['GET /health', 'GET /ready', '/ready', 'HEAD /ready'])(
  'HAProxy finds the gateway up with "option httpchk %s", which is HTTP/1.0 without Host, and down when it is',
  async (check) => {
    let isDown = false
    const gateway = createGateway({
      url: 'http://127.0.0.1:8787',
      dangerouslyAllowAnonymous: true,
      servers: { '/mcp': () => new Response('served') },
      readiness: { database: async () => (isDown ? Promise.reject(new Error('down')) : undefined) },
      logger: silent,
    })
    const server = createServer(toNodeHandler(gateway, { logger: silent }))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const folder = temporaryFolder('haproxy')
    const port = await freePort()
    const config = join(folder, 'haproxy.cfg')
    writeFileSync(
      config,
      `defaults
  mode http
  timeout connect 2s
  timeout client 2s
  timeout server 2s
frontend front
  bind 127.0.0.1:${port}
  default_backend gateway
backend gateway
  option httpchk ${check}
  server one 127.0.0.1:${(server.address() as AddressInfo).port} check inter 100ms rise 1 fall 1
`,
    )
    const running = await startProgram(haproxy as string, ['-db', '-f', config], { folder, port })
    const ask = async () =>
      (await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: 'close' } })).status
    try {
      // A server counts as up until its first check
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(await ask()).toBe(200)
      if (check.endsWith('/health')) server.close().closeAllConnections()
      else isDown = true
      await vi.waitFor(async () => expect(await ask()).toBe(503), { timeout: 8000, interval: 100 })
    } finally {
      await running.stop()
      server.close().closeAllConnections()
    }
  },
  20_000,
)
