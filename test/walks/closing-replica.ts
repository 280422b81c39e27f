import { createServer } from 'node:http'
import { createGateway } from '@mcp-gateway/core/gateway'
import { closeOnSignal, toNodeHandler } from '@mcp-gateway/core/node'

// Run by `rolling-restart.test.ts`: one gateway of two behind nginx, as an application starts and ends it.

const [port = '', delay = ''] = process.argv.slice(2)
const gateway = createGateway({
  url: 'http://127.0.0.1:8787',
  dangerouslyAllowAnonymous: true,
  servers: {
    '/mcp': async (_request, { message }) => {
      // Some are quick, some are under way while the process goes away
      if (message?.method === 'slow') await new Promise((resolve) => setTimeout(resolve, 400))
      return Response.json({ jsonrpc: '2.0', id: message?.id ?? null, result: { pid: process.pid } })
    },
  },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
})
const server = createServer(toNodeHandler(gateway))
closeOnSignal(server, gateway, { readinessDelay: Number(delay) })
server.listen(Number(port), '127.0.0.1', () => console.log('Listening'))
