// Serves a stdio fixture without tokens on loopback, for the conformance tool:
//   tsx --conditions=@mcp-gateway/source test/conformance/serve-bridge.ts legacy|modern [port]
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { compose, createLogger, mountable } from '@mcp-gateway/core'
import { originCheck } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'

const [era = 'legacy', port = '0'] = process.argv.slice(2)
const bridge = createStdioBridge({
  command: process.execPath,
  args: [fileURLToPath(new URL(`../fixtures/${era}-server.mjs`, import.meta.url))],
  maxSessionsPerPrincipal: 256,
  logger: createLogger({ level: 'warn' }),
})
const checked = originCheck({ allowedOrigins: ['loopback'], allowedHosts: ['loopback'] })
const server = createServer(toNodeHandler(mountable({ handle: compose([checked], bridge.handle) })))
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await bridge.close()
    process.exit(0)
  })
}
