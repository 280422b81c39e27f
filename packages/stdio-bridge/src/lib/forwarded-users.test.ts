import { type Context, compose, type Mountable, mountable } from '@mcp-gateway/core'
import { clientCertificate, dangerouslyTrustedHeaders, forwardedIdentity } from '@mcp-gateway/core/identity'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { afterAll, describe, expect, test } from 'vitest'
import { call, fixture, initialize, post, readAll } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from './create-stdio-bridge.js'

// The bridge behind a reverse proxy that has checked the token, and tells who calls in one of three ways.

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const resource = 'http://127.0.0.1/mcp'
const issuer = 'https://auth.example.com'
const keys = createSigningKeys({ issuer: 'http://127.0.0.1:9', storage: memoryStorage() })
const context: Context = { client: { peer: '127.0.0.1' } }
const trustedProxies = ['127.0.0.1']
const bridges: StdioBridge[] = []
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

async function assertion(user: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    aud: resource,
    sub: user,
    client_id: 'shared-app',
    scope: 'mcp',
    iat: now,
    exp: now + 60,
  }
  return keys.sign(claims, { typ: 'identity+jwt' })
}

const ways = [
  [
    'a signed assertion',
    forwardedIdentity({ issuer, audience: resource, jwks: () => keys.jwks() }),
    async (user: string) => ({ 'X-Identity-Assertion': await assertion(user) }),
  ],
  [
    'headers of a trusted proxy',
    dangerouslyTrustedHeaders({ trustedProxies, resource }),
    async (user: string) => ({ 'X-User-Id': user, 'X-Client-Id': 'shared-app' }),
  ],
  [
    'a client certificate',
    clientCertificate({ trustedProxies, resource, from: 'xfcc' }),
    async (user: string) => ({ 'X-Forwarded-Client-Cert': `Hash=a;URI=spiffe://example.com/${user}` }),
  ],
] as const

describe.each(ways)('known by %s', (_, guard, tell) => {
  function guarded(isolation: 'session' | 'principal'): { app: Mountable; bridge: StdioBridge } {
    const bridge = createStdioBridge({ command: 'sh', args: [fixture('echo.sh')], logger: quiet, isolation })
    bridges.push(bridge)
    return { app: mountable({ handle: compose([guard], bridge.handle) }), bridge }
  }

  test.each(['session', 'principal'] as const)(
    '[L9] a user finds nothing by the session id of another, with isolation %s',
    async (isolation) => {
      const { app, bridge } = guarded(isolation)
      const as = async (user: string, id?: string) => ({
        context,
        headers: { ...(await tell(user)), ...(id === undefined ? {} : { 'Mcp-Session-Id': id }) },
      })
      const opened = await post(app, initialize(), await as('alice'))
      expect(opened.status).toBe(200)
      const stolen = opened.headers.get('mcp-session-id') ?? ''
      const own = (await post(app, initialize(), await as('mallory'))).headers.get('mcp-session-id') ?? ''

      const echo = call(1, 'echo', { mark: 'x' }, { progressToken: 1 })
      expect((await post(app, echo, await as('mallory', stolen))).status).toBe(404)
      for (const method of ['GET', 'DELETE']) {
        const headers = { ...(await tell('mallory')), 'Mcp-Session-Id': stolen, Accept: 'text/event-stream' }
        expect((await app.handle(new Request(resource, { method, headers }), context)).status).toBe(404)
      }
      // Nor without any identity
      expect((await post(app, echo, { context, headers: { 'Mcp-Session-Id': stolen } })).status).toBe(401)

      const pid = async (user: string, id: string) => {
        const messages = await readAll(await post(app, echo, await as(user, id)))
        return (messages.at(-1)?.result as { pid?: number } | undefined)?.pid
      }
      const ofAlice = await pid('alice', stolen)
      expect(ofAlice).toBeGreaterThan(0)
      expect(await pid('mallory', own)).not.toBe(ofAlice)
      expect(bridge.stats().sessions).toBe(2)
    },
  )

  test('a process serves the sessions of one user, and of no other', async () => {
    const { app, bridge } = guarded('principal')
    for (const user of ['alice', 'mallory', 'alice', 'mallory', 'alice']) {
      expect((await post(app, initialize(), { context, headers: await tell(user) })).status).toBe(200)
    }
    expect(bridge.stats()).toMatchObject({ sessions: 5, children: 2 })
  })
})
