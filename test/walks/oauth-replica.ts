import { createServer } from 'node:http'
import type { Storage } from '@mcp-gateway/core'
import { createGateway } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { Redis } from 'ioredis'

// Run by `oauth-killed-replica.test.ts`: one gateway of several on a Redis. It tells every step that a request takes, and
// stops for good where it was told to, as if it had been killed there: the test does that.

const [url = '', redis = ''] = process.argv.slice(2)
/** How many steps it goes on for. */
let left = Number.POSITIVE_INFINITY

/** Before each verb of the storage, and once more before the answer is sent. */
async function step(name: string): Promise<void> {
  if (left-- > 0) return process.send?.({ step: name }) as undefined
  process.send?.({ stopped: name })
  await new Promise(() => {})
}

const storage = redisStorage(new Redis(redis))
const stepping = new Proxy(storage, {
  get: (target, verb: keyof Storage) => {
    const method = target[verb]
    if (typeof method !== 'function' || verb === 'close') return method
    return async (key: string, ...more: never[]) => {
      await step(`${verb} ${key.split(':')[1]}`)
      return (method as (...values: unknown[]) => unknown).call(target, key, ...more)
    }
  },
})

const auth = createAuthorizationServer({
  issuer: url,
  storage: stepping,
  identityProvider: devLogin(),
  lifetimes: { revocationDelay: 0 },
})
const gateway = createGateway({
  url,
  auth,
  servers: { '/notes/mcp': () => Response.json({ notes: [] }) },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
})
const handler = toNodeHandler({
  ...gateway,
  handle: async (request, context) => {
    const response = await gateway.handle(request, context)
    await step('answer')
    return response
  },
})

process.on('message', (steps: number) => {
  left = steps
  process.send?.({ armed: true })
})
process.on('disconnect', () => process.exit())
const server = createServer(handler).listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
})
