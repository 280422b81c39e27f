import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Handler, Mountable, Storage } from '@mcp-gateway/core'
import { createGateway } from '@mcp-gateway/core/gateway'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { createLogger } from '@mcp-gateway/core/logging'
import { proxy } from '@mcp-gateway/core/proxy'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createVault } from '@mcp-gateway/core/vault'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { Redis } from 'ioredis'
import { exportJWK, generateKeyPair } from 'jose'
import { expect, onTestFinished, test, vi } from 'vitest'
import { hasBinary } from '../servers/binary.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

const url = 'http://127.0.0.1:8787'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const answers: Handler = () => Response.json({})

interface Answer {
  readonly status: number
  readonly body: { readonly status: string; readonly checks: Readonly<Record<string, string>> }
}

async function ready(app: Mountable, path = '/ready'): Promise<Answer> {
  const response = await app.fetch(new Request(url + path))
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

/** Asks until the answer is the expected one: one round of checks serves everybody for a second. */
async function expectReady(app: Mountable, status: number, checks: Record<string, string>): Promise<void> {
  const word =
    status === 503 ? 'unavailable' : Object.values(checks).every((one) => one === 'ok') ? 'ready' : 'degraded'
  await expect
    .poll(() => ready(app), { timeout: 20_000, interval: 300 })
    .toEqual({
      status,
      body: { status: word, checks },
    })
}

async function redisFor(server: RedisServer): Promise<Storage> {
  const client = new Redis(server.url, { maxRetriesPerRequest: 0, retryStrategy: () => 100 })
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  return redisStorage(client, { timeout: 1 })
}

async function startedRedis(): Promise<RedisServer> {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  return server
}

/** An HTTP server that can go away and come back at its port. */
async function startHttp(listener: RequestListener): Promise<{ url: string; kill(): Promise<void>; restart(): void }> {
  let server: Server | undefined
  const listen = (port: number) => {
    server = createServer(listener).listen(port, '127.0.0.1')
  }
  listen(0)
  await once(server as unknown as Server, 'listening')
  const { port } = (server as unknown as Server).address() as AddressInfo
  const kill = async () => {
    server?.closeAllConnections()
    await new Promise((resolve) => server?.close(resolve))
  }
  onTestFinished(kill)
  return { url: `http://127.0.0.1:${port}`, kill, restart: () => listen(port) }
}

const child = `
process.stdin.setEncoding('utf8')
let rest = ''
process.stdin.on('data', (text) => {
  const lines = (rest + text).split('\\n')
  rest = lines.pop()
  for (const line of lines) {
    const { id, method } = JSON.parse(line)
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'child', version: '1' } }
    const answer = method === 'initialize' ? { result } : { error: { code: -32601, message: 'no' } }
    if (id !== undefined) process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...answer }) + '\\n')
  }
})
`

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
}

const authorityOn = (storage: Storage, issuer = url) =>
  createAuthorizationServer({ issuer, storage, identityProvider: devLogin(), logger: quiet })

const vaultOn = (storage: Storage) =>
  createVault({
    url: `${url}/connect`,
    storage,
    signIn: { issuer: url, clientId: 'vault', clientSecret: 'vault-secret' },
    upstreams: { wiki: { issuer: url, clientId: 'gateway', clientSecret: 'gateway-secret', scope: 'read' } },
  })

test.runIf(hasBinary('redis-server'))(
  '/ready of a gateway names the storage, the authority and the vault by the Redis that each lost, and heals',
  async () => {
    const names = ['storage', 'authority', 'vault'] as const
    const [own, ofAuthority, ofVault] = await Promise.all(names.map(startedRedis))
    const servers = { storage: own, authority: ofAuthority, vault: ofVault } as Record<string, RedisServer>
    const lines: Record<string, unknown>[] = []
    const app = createGateway({
      url,
      storage: await redisFor(own as RedisServer),
      auth: authorityOn(await redisFor(ofAuthority as RedisServer)),
      vault: vaultOn(await redisFor(ofVault as RedisServer)),
      servers: { '/mcp': answers },
      logger: createLogger({ write: (line) => void lines.push(JSON.parse(line)) }),
    })
    const good = { storage: 'ok', authority: 'ok', vault: 'ok' }
    await expectReady(app, 200, good)
    for (const name of names) {
      await servers[name]?.kill()
      await expectReady(app, 503, { ...good, [name]: 'failed' })
      expect(lines.at(-1)).toMatchObject({ level: 'error', check: name, err: { code: 'temporarily_unavailable' } })
      await servers[name]?.restart()
      await expectReady(app, 200, good)
      expect(lines.at(-1)).toMatchObject({ level: 'info', check: name })
    }
    expect(lines).toHaveLength(6)
  },
)

test('/ready asks every upstream of a proxy, and is 503 when the only server has lost all of them', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => startHttp((_, response) => response.writeHead(405).end())))
  if (first === undefined || second === undefined) throw new Error('Two were started')
  const app = createGateway({
    url,
    dangerouslyAllowAnonymous: true,
    servers: { '/mcp': proxy([`${first.url}/mcp`, `${second.url}/mcp`]) },
    logger: quiet,
  })
  await expectReady(app, 200, { '/mcp': 'ok' })
  await first.kill()
  await expectReady(app, 200, { '/mcp': 'degraded' })
  await second.kill()
  await expectReady(app, 503, { '/mcp': 'failed' })
  first.restart()
  await expectReady(app, 200, { '/mcp': 'degraded' })
  second.restart()
  await expectReady(app, 200, { '/mcp': 'ok' })
})

test('an upstream behind another proxy that has lost it counts as lost, and its health path decides where there is one', async () => {
  let status = 503
  const upstream = await startHttp((request, response) =>
    response.writeHead(request.url === '/healthy' ? 200 : request.url === '/ill' ? 500 : status).end(),
  )
  const server = proxy(`${upstream.url}/mcp`)
  await expect(server.check()).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  status = 401
  await expect(server.check()).resolves.toBeUndefined()
  await expect(proxy(`${upstream.url}/mcp`, { healthCheck: { path: '/healthy' } }).check()).resolves.toBeUndefined()
  await expect(proxy(`${upstream.url}/mcp`, { healthCheck: { path: '/ill' } }).check()).rejects.toThrow('answered 500')
})

test('a dead child among several servers degrades, and is well again when its program is, without a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'child-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'server.mjs')
  writeFileSync(file, child)
  const pids: number[] = []
  const info = ({ pid }: Record<string, unknown>, message: string) => {
    if (message.endsWith('was started')) pids.push(pid as number)
  }
  const logger = { ...quiet, info }
  const bridge = createStdioBridge({ command: process.execPath, args: [file], logger, path: '/files' })
  onTestFinished(() => bridge.close())
  const servers = {
    '/files': bridge,
    '/notes': { handle: answers, fetch: async () => new Response(), check: async () => {} },
  }
  const settings = { url, dangerouslyAllowAnonymous: true, logger: quiet }
  const app = createGateway({ ...settings, servers })
  const strict = createGateway({ ...settings, servers, readiness: { '/files': { required: true } } })
  const lax = createGateway({
    ...settings,
    servers: { '/files': bridge },
    readiness: { '/files': { required: false } },
  })
  await expectReady(app, 200, { '/files': 'ok', '/notes': 'ok' })

  const response = await bridge.fetch(
    new Request(`${url}/files`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: JSON.stringify(initialize),
    }),
  )
  expect(response.status).toBe(200)
  await expectReady(app, 200, { '/files': 'ok', '/notes': 'ok' })
  writeFileSync(file, 'process.exit(3)')
  process.kill(pids.at(-1) as number, 'SIGKILL')
  await expectReady(app, 200, { '/files': 'failed', '/notes': 'ok' })
  await expectReady(strict, 503, { '/files': 'failed', '/notes': 'ok' })
  await expectReady(lax, 200, { '/files': 'failed' })
  // Until the bridge tries no more for a while, which must not keep the check from trying again
  const failedStarts = async () => {
    await bridge.check().catch(() => undefined)
    return bridge.stats().failedStarts
  }
  await expect.poll(failedStarts, { timeout: 15_000 }).toBeGreaterThan(6)

  writeFileSync(file, child)
  await expectReady(app, 200, { '/files': 'ok', '/notes': 'ok' })
  await expectReady(strict, 200, { '/files': 'ok', '/notes': 'ok' })
})

test('without its issuer a gateway is not ready until it has keys, and degraded once it has old ones', async () => {
  const { publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
  let asked = 0
  const issuer = await startHttp((_, response) => {
    asked++
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }))
  })
  await issuer.kill()
  const app = createGateway({
    url,
    auth: { issuer: issuer.url, jwksUri: `${issuer.url}/jwks` },
    servers: { '/mcp': answers },
    logger: quiet,
  })
  await expectReady(app, 503, { authority: 'failed' })
  issuer.restart()
  await expectReady(app, 200, { authority: 'ok' })
  expect(asked).toBe(1)
  await issuer.kill()
  // A good answer stands for half a minute
  await expectReady(app, 200, { authority: 'ok' })
  vi.setSystemTime(Date.now() + 31_000)
  onTestFinished(() => void vi.useRealTimers())
  await expectReady(app, 200, { authority: 'degraded' })
  issuer.restart()
  vi.setSystemTime(Date.now() + 3000)
  await expectReady(app, 200, { authority: 'ok' })
})

test.runIf(hasBinary('redis-server'))(
  'an authorization server alone answers /health and /ready below its issuer, and names what fails',
  async () => {
    const redis = await startedRedis()
    const issuer = `${url}/tenant`
    const app = authorityOn(await redisFor(redis), issuer)
    const get = async (path: string) => (await app.fetch(new Request(url + path))).status
    expect(await get('/tenant/health')).toBe(200)
    expect(await get('/health')).toBe(404)
    expect(await ready(app, '/tenant/ready')).toEqual({
      status: 200,
      body: { status: 'ready', checks: { storage: 'ok', keys: 'ok' } },
    })
    // In an application these may be its own
    expect(app.match(new Request(`${issuer}/health`))).toBe(false)
    await redis.kill()
    await expect
      .poll(() => ready(app, '/tenant/ready'), { timeout: 10_000 })
      .toEqual({ status: 503, body: { status: 'unavailable', checks: { storage: 'failed', keys: 'ok' } } })
    expect(await get('/tenant/health')).toBe(200)
    await redis.restart()
    await expect.poll(async () => (await ready(app, '/tenant/ready')).status, { timeout: 10_000 }).toBe(200)
    app.willClose?.()
    expect(await ready(app, '/tenant/ready')).toEqual({ status: 503, body: { status: 'closing' } })
  },
)

test('an authorization server that cannot read its stored key is not ready', async () => {
  const storage = memoryStorage()
  const key = (byte: number) => Buffer.alloc(32, byte).toString('base64')
  const server = (byte: number) =>
    createAuthorizationServer({
      issuer: url,
      storage,
      identityProvider: devLogin(),
      logger: quiet,
      signingKeys: createSigningKeys({ issuer: url, storage, encryptionKeys: [key(byte)] }),
    })
  expect((await ready(server(1))).body.checks).toEqual({ storage: 'ok', keys: 'ok' })
  expect((await ready(server(2))).body.checks).toEqual({ storage: 'ok', keys: 'failed' })
})

test.runIf(hasBinary('redis-server'))('forward-auth answers /health and /ready, and asks its authority', async () => {
  const redis = await startedRedis()
  const app = createForwardAuth({
    url,
    auth: authorityOn(await redisFor(redis)),
    dialect: 'forwarded',
    servers: { '/mcp': {} },
    logger: quiet,
  })
  expect((await app.fetch(new Request(`${url}/health`))).status).toBe(200)
  await expectReady(app, 200, { authority: 'ok' })
  await redis.kill()
  await expectReady(app, 503, { authority: 'failed' })
  await redis.restart()
  await expectReady(app, 200, { authority: 'ok' })
})

test('a bridge alone answers /health and /ready, and starts no process for a page of another site', async () => {
  const bridge = createStdioBridge({ command: 'no such program', logger: quiet })
  onTestFinished(() => bridge.close())
  const get = (path: string, headers: Record<string, string> = {}) => bridge.fetch(new Request(url + path, { headers }))
  expect((await get('/health')).status).toBe(200)
  expect((await get('/ready', { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403)
  expect((await get('/ready', { Origin: 'https://evil.example' })).status).toBe(403)
  expect(bridge.stats().failedStarts).toBe(0)
  expect(await ready(bridge)).toEqual({ status: 503, body: { status: 'unavailable', checks: { server: 'failed' } } })
  expect((await get('/other')).status).toBe(404)
})

test('an entry of readiness without a check is refused unless it names a part of the gateway', () => {
  const make = (name: string) =>
    createGateway({
      url,
      dangerouslyAllowAnonymous: true,
      servers: { '/mcp': proxy('http://127.0.0.1:9/mcp') },
      readiness: { [name]: { required: false } },
    })
  expect(() => make('/mcp')).not.toThrow()
  expect(() => make('/other')).toThrow('readiness has "/other" without a check; only "/mcp" has one of its own')
})
