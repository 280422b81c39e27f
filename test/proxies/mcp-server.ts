import { setTimeout as sleep } from 'node:timers/promises'
import { type Mountable, mountable } from '@mcp-gateway/core'
import { fromFetchServer } from '@mcp-gateway/core/gateway'
import { createMcpHandler, Server } from '@modelcontextprotocol/server'

/** An MCP server of both eras, made with the SDK, that trusts its identity headers. */
export function createMcpServer(): Mountable {
  const handler = createMcpHandler(({ requestInfo }) => {
    const server = new Server({ name: 'behind-a-proxy', version: '1.0.0' }, { capabilities: { tools: {} } })
    const inputSchema = { type: 'object' as const }
    server.setRequestHandler('tools/list', async () => ({
      tools: ['whoami', 'count', 'secret'].map((name) => ({ name, inputSchema })),
    }))
    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
      if (params.name === 'count') {
        for (let progress = 1; progress <= 3; progress++) {
          const token = mcpReq._meta?.progressToken ?? 0
          await mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken: token, progress, total: 3 },
          })
          await sleep(150)
        }
      }
      const told = ['x-user-id', 'x-user-name', 'x-client-id', 'authorization'].map((name) =>
        requestInfo?.headers.get(name),
      )
      return { content: [{ type: 'text', text: told.join(' ') }] }
    })
    return server
  })
  return mountable({ handle: fromFetchServer(handler), close: handler.close })
}
