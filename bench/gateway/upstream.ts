import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that reads what it is sent and answers with the same JSON, in a process of its own. */
const json = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}'
const server = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'Content-Type': 'application/json' }).end(json))
})
server.listen(0, '127.0.0.1', () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`))
process.on('disconnect', () => process.exit())
