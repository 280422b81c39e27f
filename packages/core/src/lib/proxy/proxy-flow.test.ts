import { once } from 'node:events'
import { createServer, type Server, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, expect, test, vi } from 'vitest'
import { createGateway } from '../gateway/create-gateway.js'
import { toNodeHandler } from '../mounts/node/to-node-handler.js'
import { proxy } from './proxy.js'

const size = 64 * 1_048_576
const servers: Server[] = []
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  servers.push(server)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each(['application/json', 'text/event-stream'])(
  'of 64 MiB, what the client has not read stays at the upstream but for some buffers: %s',
  async (type) => {
    const chunk = Buffer.alloc(65_536, 0x20)
    let sent = 0
    function* chunks(): Generator<Buffer> {
      for (; sent < size; sent += chunk.length) yield chunk
    }
    const upstream = await listen(
      createServer((_request, response) => {
        response.writeHead(200, { 'Content-Type': type })
        Readable.from(chunks(), { objectMode: false }).pipe(response)
      }),
    )
    const server = createServer()
    const url = await listen(server)
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const app = createGateway({ url, servers: { '/mcp': proxy(upstream) }, dangerouslyAllowAnonymous: true, logger })
    server.on('request', toNodeHandler(app))

    const sending = sendRequest(`${url}/mcp`, { method: 'POST', headers: { 'Content-Type': 'application/json' } })
    sending.end('{"jsonrpc":"2.0","id":1,"method":"ping"}')
    const [response] = await once(sending, 'response')
    let before = -1
    await vi.waitFor(
      () => {
        const isSteady = sent > 0 && sent === before
        before = sent
        expect(isSteady).toBe(true)
      },
      { timeout: 10_000, interval: 100 },
    )
    expect(sent).toBeLessThan(size / 4)
    let received = 0
    for await (const part of response as AsyncIterable<Buffer>) received += part.length
    expect(received).toBe(size)
  },
)
