import { createServer, request as sendRequest } from 'node:http'
import { join } from 'node:path'
import { createSigningKeys, type SigningKeys } from '@mcp-gateway/core/keys'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { Redis } from 'ioredis'
import { freePort } from '../../scripts/free-port.mjs'
import { type RedisServer, startRedis } from '../servers/redis.js'
import { type Running, startProgram, temporaryFolder } from './process.js'
import { type ProxyKind, pickFront } from './real-proxies.js'
import { type Listening, listen } from './upstreams.js'

const example = join(import.meta.dirname, '../../examples/topology/src')
const fixtures = join(import.meta.dirname, '../fixtures')

/** `examples/topology`, each part of it a process of its own, behind a real proxy with its recipe. */
export interface Topology {
  /** `https://localhost:port`, as clients write it. */
  readonly url: string
  readonly redis: RedisServer
  /** The auth service, as the proxy and whoever is in its network reach it. */
  readonly authUrl: string
  /** The two processes of the service at `/notes/mcp`, past the proxy. The proxy knows the first. */
  readonly notes: readonly [string, string]
  /** The service at `/files/mcp`, past the proxy. */
  readonly files: string
  /** Every assertion that came over the wire from the proxy to the notes, in order. */
  readonly assertions: readonly string[]
  /** Signs what the auth service could have signed, with its own keys. */
  readonly keys: SigningKeys
  readonly log: () => string
  readonly stop: () => Promise<void>
}

/** Starts all of it. */
export async function startTopology(kind: ProxyKind): Promise<Topology> {
  const redis = await startRedis()
  const front = await pickFront()
  const url = `https://localhost:${front.port}`
  const running: (Running | Listening)[] = []
  const client = new Redis(redis.url, { maxRetriesPerRequest: 0 })
  client.on('error', () => {})
  const stop = async () => {
    client.disconnect()
    await Promise.all(running.map((part) => part.stop()))
    await redis.stop()
  }
  const start = async (file: string, port: number, more: Record<string, string>, command: readonly string[] = []) => {
    const args = ['--import', 'tsx', '--conditions=@mcp-gateway/source', join(example, file), ...command]
    const folder = temporaryFolder('topology')
    const env = { PUBLIC_URL: url, REDIS_URL: redis.url, PORT: `${port}`, ...more }
    const part = await startProgram(process.execPath, args, { folder, cwd: example, port, env, timeout: 60 })
    running.push(part)
    return part
  }
  try {
    const [auth = 0, one = 0, two = 0, files = 0] = await Promise.all(Array.from({ length: 4 }, freePort))
    const authUrl = `http://127.0.0.1:${auth}`
    const echo = ['sh', join(fixtures, 'echo.sh')]
    const server = [process.execPath, join(fixtures, 'legacy-server.mjs')]
    const parts = await Promise.all([
      start('auth.ts', auth, { DIALECT: kind.dialect }),
      start('service.ts', one, { AUTH_URL: authUrl, MCP_PATH: '/notes/mcp' }, echo),
      start('service.ts', two, { AUTH_URL: authUrl, MCP_PATH: '/notes/mcp' }, echo),
      start('service.ts', files, { AUTH_URL: authUrl, MCP_PATH: '/files/mcp' }, server),
    ])
    const assertions: string[] = []
    const wire = await startWire(one, (assertion) => assertions.push(assertion))
    running.push(wire)
    running.push(await kind.start(front, { forwardAuth: auth, notes: wire.port, files, wiki: files }))
    return {
      url,
      redis,
      authUrl,
      notes: [`http://127.0.0.1:${one}`, `http://127.0.0.1:${two}`],
      files: `http://127.0.0.1:${files}`,
      assertions,
      keys: createSigningKeys({ issuer: url, storage: redisStorage(client) }),
      log: () => parts.map((part) => part.log()).join(''),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Passes everything on as it comes, and shows the assertions on their way. */
function startWire(port: number, see: (assertion: string) => void): Promise<Listening> {
  const server = createServer((request, response) => {
    const { method, url: path, rawHeaders, headers } = request
    if (typeof headers['x-identity-assertion'] === 'string') see(headers['x-identity-assertion'])
    const onward = sendRequest({ host: '127.0.0.1', port, method, path, headers: rawHeaders }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      response.flushHeaders()
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  return listen(server)
}
