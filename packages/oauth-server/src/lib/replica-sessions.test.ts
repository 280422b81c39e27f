import { createGateway } from '@mcp-gateway/core/gateway'
import { proxy } from '@mcp-gateway/core/proxy'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { fakeMcpServer } from '@mcp-gateway/core/testing'
import { expect, test } from 'vitest'
import { initialize, tokenOf } from '../../../../test/fixtures/bridge-client.js'
import { sharedMemory } from '../../../../test/servers/shared-memory.js'
import { createAuthorizationServer } from './authorization-server.js'
import { devLogin } from './identity-providers/dev-login.js'

const url = 'http://127.0.0.1:8787'
const upstream = fakeMcpServer({ eras: ['legacy'], sessions: true })
const storage = sharedMemory()
const warnings: unknown[] = []
const logger = { debug() {}, info() {}, error() {}, warn: (fields: unknown) => void warnings.push(fields) }

/** A gateway as the README has it, on a storage that all share, whose tokens are names. */
function replica({
  secret = true,
  own = storage,
  sessionSecret,
}: {
  secret?: boolean
  own?: typeof storage
  sessionSecret?: string
} = {}) {
  const auth = createAuthorizationServer({ issuer: url, storage: own, identityProvider: devLogin(), logger })
  const protect = () => ({ verifyAccessToken: async (name: string) => tokenOf(name) })
  const fetch = (to: string, init: RequestInit) => upstream.fetch(new Request(to, init))
  return createGateway({
    url,
    auth: secret ? { ...auth, protect } : { issuer: url, protect },
    servers: { '/notes/mcp': proxy(upstream.url, { fetch, sessionSecret }) },
    storage: own,
    logger,
  })
}

function send(gateway: ReturnType<typeof replica>, user: string, message: object, session?: string): Promise<Response> {
  const headers = {
    Authorization: `Bearer ${user}`,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
  }
  return gateway.fetch(new Request(`${url}/notes/mcp`, { method: 'POST', headers, body: JSON.stringify(message) }))
}

const ping = { jsonrpc: '2.0', id: 1, method: 'tools/list' }

async function open(gateway: ReturnType<typeof replica>): Promise<string> {
  const response = await send(gateway, 'alice', initialize())
  expect(response.status).toBe(200)
  return response.headers.get('mcp-session-id') ?? ''
}

test('replicas of a gateway know the sessions of each other without being told a secret', async () => {
  const [one, two] = [replica(), replica()]
  const session = await open(one)
  for (const gateway of [two, one, two, replica()])
    expect((await send(gateway, 'alice', ping, session)).status).toBe(200)
  // They are still hers
  expect((await send(two, 'mallory', ping, session)).status).toBe(404)
  expect(warnings).toEqual([])
})

test('gateways on other storages do not', async () => {
  expect((await send(replica({ own: sharedMemory() }), 'alice', ping, await open(replica()))).status).toBe(404)
})

test.each<[what: string, options: Parameters<typeof replica>[0], warned: object[]]>([
  ['an authority without a secret', { secret: false }, [{ path: '/notes/mcp' }]],
  ['a secret of the proxy', { secret: false, sessionSecret: 'x'.repeat(32) }, []],
  ['a storage of one process', { secret: false, own: memoryStorage() }, []],
])('says at construction whose sessions no other replica knows: with %s', (_, options, warned) => {
  warnings.length = 0
  replica(options)
  expect(warnings).toEqual(warned)
})
