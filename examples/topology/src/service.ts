import { createServer } from 'node:http'
import { createGateway } from '@mcp-gateway/core/gateway'
import { forwardedIdentity } from '@mcp-gateway/core/identity'
import { closeOnSignal, toNodeHandler } from '@mcp-gateway/core/node'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import { openRedis } from './redis.js'
import { authUrl, path, port, url } from './settings.js'

// One stdio server, which its own process serves. It sees no tokens: who calls is what the assertion says.

const [command = '', ...args] = process.argv.slice(2)
const storage = openRedis()

const gateway = createGateway({
  url,
  auth: forwardedIdentity({ issuer: url, jwksUri: `${authUrl}/.well-known/forward-auth-jwks.json`, storage }),
  servers: { [path]: createStdioBridge({ command, args, isolation: 'principal' }) },
  storage,
})

const server = createServer(toNodeHandler(gateway, { trustedProxies: ['127.0.0.1'] })).listen(port, '127.0.0.1')
closeOnSignal(server, gateway)
