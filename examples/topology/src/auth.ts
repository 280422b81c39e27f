import { createServer } from 'node:http'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { closeOnSignal } from '@mcp-gateway/core/node'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { toNodeHandler } from '@mcp-gateway/forward-auth/node'
import { createAuthorizationServer, devLogin, github } from '@mcp-gateway/oauth-server'
import { openRedis } from './redis.js'
import { dialect, encryptionKeys, githubApp, port, url } from './settings.js'

// The one process that knows tokens: it issues them, checks them for the reverse proxy, and signs who their users are.

const storage = openRedis()
const keys = createSigningKeys({ issuer: url, storage, encryptionKeys })

const forwardAuth = createForwardAuth({
  url,
  auth: createAuthorizationServer({
    issuer: url,
    storage,
    signingKeys: keys,
    // Takes any name, and does not start under a public URL
    identityProvider: githubApp === undefined ? devLogin() : github(githubApp),
  }),
  dialect,
  servers: { '/notes/mcp': {}, '/files/mcp': {} },
  assertion: { keys, singleUse: true },
})

const server = createServer(toNodeHandler(forwardAuth, { trustedProxies: ['127.0.0.1'] })).listen(port, '127.0.0.1')
closeOnSignal(server, forwardAuth)
