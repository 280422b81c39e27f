import { memoryStorage } from '@mcp-gateway/core/storage'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectMcpRemote } from '../clients/mcp-remote.js'
import { createPerson } from '../clients/person.js'
import { connectSdkV1 } from '../clients/sdk-v1.js'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import type { WalkClient } from '../clients/walk-client.js'
import { createTestIssuer } from './issuer.js'
import { createMcpServer } from './mcp-server.js'
import { proxies } from './proxies.js'
import { type Rig, startRig } from './rig.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

// The proxies' certificates sign themselves; mcp-remote, a process of its own, inherits it
beforeAll(() => void vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0'))
afterAll(() => void vi.unstubAllEnvs())

describe.each(proxies)('clients through $name', (kind) => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig(
      kind,
      (url) =>
        createForwardAuth({
          url,
          auth: createAuthorizationServer({
            issuer: url,
            storage: memoryStorage(),
            identityProvider: devLogin(),
            logger: silent,
          }),
          dialect: kind.dialect,
          servers: { '/notes/mcp': {}, '/files/mcp': { requiredScopes: ['mcp'] } },
          logger: silent,
        }),
      createMcpServer,
    )
  })
  afterAll(() => rig?.stop())

  async function use(client: WalkClient): Promise<void> {
    expect(client.serverName).toBe('behind-a-proxy')
    expect(await client.listTools()).toEqual(['whoami', 'count', 'secret'])
    const arrivals: number[] = []
    const [user = '', name, clientId, authorization] = (
      await client.callTool('count', {}, () => void arrivals.push(performance.now()))
    ).split(' ')
    expect(user).toMatch(/ada/)
    expect(name).toBe('ada')
    expect(clientId).toMatch(/^[\w-]{10,}$/)
    expect(authorization ?? '').toBe('')
    expect(arrivals).toHaveLength(3)
    // Steps are 150 ms apart: had the stream been held back, all would have come together
    expect((arrivals[2] ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(200)
    await client.close()
  }

  test.each([
    ['SDK v2', connectSdkV2],
    ['SDK v1', connectSdkV1],
  ])('[R1] lets a client made with %s in by its login', async (_, connect) => {
    const { client, exchanges } = await connect(`${rig.url}/files/mcp`, createPerson({ name: 'ada' }).authorize)
    expect(exchanges[0]).toMatchObject({ method: 'POST', status: 401 })
    expect(exchanges.map(({ url }) => url.pathname)).toEqual(
      expect.arrayContaining(['/.well-known/oauth-protected-resource/files/mcp', '/register', '/token']),
    )
    await use(client)
  })

  test('[R1] lets mcp-remote in by its login', async () => {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const { client } = await connectMcpRemote(`${rig.url}/files/mcp`, createPerson({ name: 'ada' }).authorize, env)
    await use(client)
  })

  test('passes events on as they come, and tells the server when the client is gone', async () => {
    const issuer = createTestIssuer()
    const streaming = await startRig(kind, (url) =>
      createForwardAuth({
        url,
        auth: issuer.authority,
        dialect: kind.dialect,
        servers: { '/notes/mcp': {} },
        logger: silent,
      }),
    )
    try {
      const token = await issuer.token(`${streaming.url}/notes/mcp`)
      const headers = [
        ['Authorization', `Bearer ${token}`],
        ['Accept', 'text/event-stream'],
      ] as const
      const started = performance.now()
      let first = 0
      await streaming.send({
        target: '/notes/mcp?events=4',
        headers,
        until: (text) => {
          if (first === 0 && text.includes('data: 1')) first = performance.now() - started
          return text.includes('data: 4')
        },
      })
      expect(performance.now() - started - first).toBeGreaterThan(300)
      // Leaves after the first event of a stream that never ends
      await streaming.send({ target: '/notes/mcp?hang', headers, until: (text) => text.includes('data: 1') })
      await vi.waitFor(() => expect(streaming.notes.abandoned()).toBeGreaterThan(0), { timeout: 5000 })
    } finally {
      await streaming.stop()
    }
  })
})

describe.each(proxies)('tools through $name', (kind) => {
  test('[M8, M9, M26] decides on single tools by their headers, for a client of revision 2026-07-28', async () => {
    const issuer = createTestIssuer()
    const rig = await startRig(
      kind,
      (url) =>
        createForwardAuth({
          url,
          auth: issuer.authority,
          dialect: kind.dialect,
          servers: {
            '/notes/mcp': {},
            '/files/mcp': {
              policy: ({ action, resource: { name }, subject: { scopes } }) => {
                if (action === 'server/discover' || action === 'tools/list' || name === 'whoami') return { allow: true }
                if (name === 'secret' && scopes.includes('secrets')) return { allow: true }
                return { allow: false, reason: 'This tool needs more', requiredScopes: ['secrets'] }
              },
            },
          },
          logger: silent,
        }),
      createMcpServer,
    )
    try {
      const connect = async (scope: string, pin: string) => {
        const token = await issuer.token(`${rig.url}/files/mcp`, { scope })
        const client = new Client({ name: 'pinned', version: '1.0.0' }, { versionNegotiation: { mode: { pin } } })
        const requestInit = { headers: { Authorization: `Bearer ${token}` } }
        await client.connect(new StreamableHTTPClientTransport(new URL(`${rig.url}/files/mcp`), { requestInit }))
        return client
      }
      const plain = await connect('mcp', '2026-07-28')
      expect((await plain.listTools()).tools).toHaveLength(3)
      const { content } = await plain.callTool({ name: 'whoami' })
      expect(content).toMatchObject([{ text: expect.stringContaining('alice') }])
      await expect(plain.callTool({ name: 'secret' })).rejects.toThrow()
      await plain.close()
      const trusted = await connect('mcp secrets', '2026-07-28')
      expect(await trusted.callTool({ name: 'secret' })).toMatchObject({ content: [{ type: 'text' }] })
      await trusted.close()

      const token = await issuer.token(`${rig.url}/files/mcp`)
      const call = (headers: readonly (readonly [string, string])[]) =>
        rig.send({ method: 'POST', target: '/files/mcp', headers: [['Authorization', `Bearer ${token}`], ...headers] })
      const modern = ['MCP-Protocol-Version', '2026-07-28'] as const
      const secret = await call([modern, ['Mcp-Method', 'tools/call'], ['Mcp-Name', '=?base64?c2VjcmV0?=']])
      expect(secret.status).toBe(403)
      expect(secret.all('www-authenticate')).toEqual([expect.stringContaining('scope="secrets"')])
      expect(secret.all('www-authenticate').join()).toContain('resource_metadata=')
      expect((await call([modern])).status).toBe(400)
      expect(
        (
          await call([
            ['MCP-Protocol-Version', '2025-11-25'],
            ['Mcp-Method', 'tools/list'],
          ])
        ).status,
      ).toBe(400)
      expect((await call([])).status).toBe(400)
    } finally {
      await rig.stop()
    }
  })
})
