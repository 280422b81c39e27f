import { createServer, type RequestListener, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Handler, type Mountable, mountable } from '@mcp-gateway/core'
import { createGateway, fromFetchServer } from '@mcp-gateway/core/gateway'
import { createLogger } from '@mcp-gateway/core/logging'
import { toRouteHandlers } from '@mcp-gateway/core/next'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { proxy } from '@mcp-gateway/core/proxy'
import { createForwardAuth, type ForwardAuth } from '@mcp-gateway/forward-auth'
import { toNodeHandler as toAskedHandler } from '@mcp-gateway/forward-auth/node'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import express from 'express'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { replica, type Servers, startServers, url as vaultUrl } from '../../packages/core/test/vault-world.js'
import { authorizePath, form, obtainCode, pkce, register, setUp } from '../../packages/oauth-server/test/fixture.js'
import { createTestIssuer } from '../proxies/issuer.js'
import { type Replacement, replacements, withReplacement } from './replaced-globals.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const publicUrl = 'https://mcp.example.com'
const notes = `${publicUrl}/notes/mcp`
const issuer = createTestIssuer()
const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** What a client sees of an answer. */
type Seen = readonly [status: number, challenge: string | undefined, body: string]
/** A request as a client on the wire sends it. */
interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  closers.push(() => server.close().closeAllConnections())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Sends over the wire, with nothing of the platform's `fetch`. */
function send(port: number, { method = 'GET', path, headers = {}, body }: Sent): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const request = sendRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve([response.statusCode ?? 0, response.headers['www-authenticate'], text]))
      response.on('error', reject)
    })
    request.on('error', reject).end(body)
  })
}

async function seenOf(response: Response): Promise<Seen> {
  return [response.status, response.headers.get('www-authenticate') ?? undefined, await response.text()]
}

/** The ways in which a host can hand requests over. */
const mounts = {
  toNodeHandler: async (app: Mountable, sent: Sent) => send(await listen(toNodeHandler(app, { logger: silent })), sent),
  'Express below a body parser': async (app: Mountable, sent: Sent) =>
    send(
      await listen(
        express()
          .use(express.json({ type: 'nothing/else' }), express.text({ type: 'application/json' }))
          .use(toNodeHandler(app, { logger: silent })),
      ),
      sent,
    ),
  fetch: async (app: Mountable, { path, ...init }: Sent) =>
    seenOf(await app.fetch(new Request(publicUrl + path, init))),
  Next: async (app: Mountable, { path, method = 'GET', ...init }: Sent) => {
    const handlers = toRouteHandlers(app)
    const handler = handlers[method as keyof typeof handlers]
    return seenOf(await handler(new Request(publicUrl + path, { method, ...init })))
  },
}

const json = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' }
const call = (path: string, method: string, params?: object, more: Record<string, string> = {}): Sent => ({
  method: 'POST',
  path,
  headers: { ...json, ...more },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
})
const initialize = (path: string, more: Record<string, string> = {}) =>
  call(
    path,
    'initialize',
    { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    more,
  )

const echo: Handler = (_, { message }) => Response.json({ jsonrpc: '2.0', id: message?.id, result: { echo: true } })
const stream: Handler = () =>
  new Response(new Blob(['data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n']).stream(), {
    headers: { 'Content-Type': 'text/event-stream' },
  })

describe.each(replacements)('after $name replaced Response, Request and Headers', (replacement) => {
  /** Makes and asks with the platform's classes, then with others, then a piece that was made before with others. */
  async function sameAnswers<T>(make: () => T, look: (piece: T) => Promise<unknown>): Promise<unknown> {
    const before = await look(make())
    const made = make()
    await withReplacement(replacement, async () => {
      expect(await look(made)).toEqual(before)
      expect(await look(make())).toEqual(before)
    })
    return before
  }

  describe.each(Object.entries(mounts))('by %s', (_, ask) => {
    test('a gateway refuses and serves the same [finding 1]', async () => {
      const token = await issuer.token(notes, { scope: 'mcp' })
      const narrow = await issuer.token(notes, { scope: 'other' })
      const bearer = (value: string) => ({ Authorization: `Bearer ${value}`, 'X-Request-Id': 'request-1' })
      const make = () =>
        createGateway({
          url: publicUrl,
          auth: issuer.authority,
          servers: {
            '/notes/mcp': { server: echo, requiredScopes: ['mcp'] },
            '/stream': stream,
            '/fetch': fromFetchServer({
              fetch: async (request) => Response.json({ got: await request.text(), method: request.method }),
            }),
            '/broken': () => Promise.reject(new Error('broken')),
          },
          logger: silent,
        })
      const path = '/notes/mcp'
      const answers = await sameAnswers(make, async (gateway) => [
        await ask(gateway, call(path, 'ping', undefined, { 'X-Request-Id': 'request-1' })),
        await ask(gateway, call(path, 'ping', undefined, bearer('x'))),
        await ask(gateway, call(path, 'ping', undefined, bearer(narrow))),
        await ask(gateway, call(path, 'ping', undefined, bearer(token))),
        await ask(gateway, call('/stream', 'ping', undefined, bearer(await issuer.token(`${publicUrl}/stream`)))),
        await ask(gateway, call('/fetch', 'ping', undefined, bearer(await issuer.token(`${publicUrl}/fetch`)))),
        await ask(gateway, { path: '/fetch', headers: bearer(await issuer.token(`${publicUrl}/fetch`)) }),
        await ask(gateway, call('/broken', 'ping', undefined, bearer(await issuer.token(`${publicUrl}/broken`)))),
        await ask(gateway, { ...call(path, 'ping', undefined, bearer(token)), body: '{' }),
        await ask(gateway, { path: '/nowhere' }),
        await ask(gateway, { path: '/.well-known/oauth-protected-resource/notes/mcp' }),
        await ask(gateway, { path: '/health' }),
      ])
      expect((answers as Seen[]).map(([status]) => status)).toEqual([
        401, 401, 403, 200, 200, 200, 200, 500, 400, 404, 200, 200,
      ])
    })

    test('a proxy forwards, and answers for an upstream that is away [finding 1]', async () => {
      const port = await listen((request, response) => {
        if (request.url === '/events') {
          response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end('data: {"jsonrpc":"2.0","id":1}\n\n')
        } else response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"jsonrpc":"2.0","id":1}')
      })
      const statuses = async (path: string, target: string) =>
        sameAnswers(
          () => mountable({ handle: proxy(target) }),
          (app) => ask(app, call(path, 'ping')),
        )
      expect(await statuses('/a', `http://127.0.0.1:${port}/mcp`)).toEqual([200, undefined, '{"jsonrpc":"2.0","id":1}'])
      expect(await statuses('/a', `http://127.0.0.1:${port}/events`)).toEqual([
        200,
        undefined,
        'event: message\ndata: {"jsonrpc":"2.0","id":1}\n\n',
      ])
      expect(((await statuses('/a', 'http://127.0.0.1:1/mcp')) as Seen)[0]).toBe(502)
    })

    test('a bridge tells a session that it does not know [finding 1]', async () => {
      const make = () => {
        const args = [join(import.meta.dirname, '../fixtures/fast-server.mjs')]
        const bridge = createStdioBridge({ command: process.execPath, args, logger: silent })
        closers.push(() => bridge.close())
        return bridge
      }
      const session = { 'Mcp-Session-Id': 'unknown' }
      const answers = await sameAnswers(make, async (bridge) => [
        await ask(bridge, call('/mcp', 'tools/list', undefined, session)),
        await ask(bridge, call('/mcp', 'tools/list')),
        await ask(bridge, { path: '/mcp', headers: { ...session, Accept: 'text/event-stream' } }),
        await ask(bridge, { path: '/mcp', method: 'DELETE', headers: session }),
        (await ask(bridge, initialize('/mcp'))).slice(0, 1),
      ])
      expect((answers as Seen[]).map(([status]) => status)).toEqual([404, 400, 404, 404, 200])
    })
  })

  const forwardAuth = (): ForwardAuth =>
    createForwardAuth({
      url: publicUrl,
      auth: issuer.authority,
      dialect: 'forwarded',
      servers: {
        '/notes/mcp': { requiredScopes: ['mcp'] },
        '/files/mcp': { policy: () => ({ allow: false, reason: 'no' }), olderRevisions: 'whole-server' },
      },
      logger: createLogger({ write: () => {} }),
    })
  const original = (uri: string, more: Record<string, string> = {}): Sent => ({
    path: '/auth',
    headers: {
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'mcp.example.com',
      'X-Forwarded-Uri': uri,
      ...more,
    },
  })

  test.each([
    ...Object.entries(mounts),
    [
      'toNodeHandler of forward-auth',
      async (app: Mountable, sent: Sent) => send(await listen(toAskedHandler(app as ForwardAuth)), sent),
    ] as const,
  ])('forward-auth refuses what it refused before, by %s [finding 1]', async (_, ask) => {
    const token = (resource: string, claims = {}) => issuer.token(resource, claims)
    const bearer = (value: string) => ({ Authorization: `Bearer ${value}` })
    const files = `${publicUrl}/files/mcp`
    const answers = await sameAnswers(forwardAuth, async (app) => [
      await ask(app, original('/notes/mcp')),
      await ask(app, original('/notes/mcp', bearer('x'))),
      await ask(app, original('/notes/mcp', bearer(await token(notes, { scope: 'other' })))),
      await ask(app, original('/notes/mcp', bearer(await token(files)))),
      await ask(app, original('/notes/mcp', bearer(await token(notes, { email: 'x'.repeat(3000) })))),
      await ask(app, original('/notes/mcp', { ...bearer(await token(notes)), Origin: 'https://evil.test' })),
      await ask(app, original('/notes/mcp', { ...bearer(await token(notes)), X_User_Id: 'evil' })),
      await ask(app, original('/files/mcp', bearer(await token(files)))),
      await ask(app, original('/nowhere', bearer(await token(notes)))),
      await ask(app, { path: '/auth' }),
      await ask(app, { path: '/anything' }),
      await ask(app, original('/notes/mcp', { Accept: 'text/html' })),
      await ask(app, original('/notes/mcp', bearer(await token(notes)))),
      await ask(app, original('/notes/mcp', { ...bearer(await token(notes)), Origin: publicUrl })),
    ])
    expect((answers as Seen[]).map(([status]) => status)).toEqual([
      401, 401, 403, 403, 403, 403, 400, 403, 401, 401, 401, 401, 200, 200,
    ])
  })

  test('the authorization server answers faulty requests, asks, and gives tokens [finding 1]', async () => {
    const { challenge } = pkce()
    const answers = await sameAnswers(setUp, async (setup) => {
      const client = await register(setup)
      const id = client.client_id as string
      const faulty = await setup.call(authorizePath(id, challenge, { response_type: 'token' }))
      const unknown = await setup.call(authorizePath('unknown', challenge))
      const page = await setup.call(authorizePath(id, challenge))
      const { exchange } = await obtainCode(setup, client)
      const tokens = await setup.call('/token', form(exchange))
      const again = await setup.call('/token', form(exchange))
      return [faulty.status, unknown.status, page.status, tokens.status, again.status]
    })
    expect(answers).toEqual([400, 400, 200, 200, 400])
  })

  describe('the vault', () => {
    let servers: Servers
    beforeAll(async () => {
      vi.spyOn(console, 'info').mockImplementation(() => {})
      vi.spyOn(console, 'warn').mockImplementation(() => {})
      servers = await startServers()
    })
    afterAll(() => servers.close())

    test('leads a user to connect an account, and gets its token [finding 1]', async () => {
      const walk = async ({ call, connect }: ReturnType<typeof replica>) => {
        const before = await call('token-of-alice')
        const { page } = await connect('alice')
        const after = await call('token-of-alice')
        return [before.error?.code, page.status, page.url, after.result]
      }
      const [code, status, url, result] = (await sameAnswers(() => replica(servers), walk)) as unknown[]
      expect([code, status, url]).toEqual([-31403, 200, `${vaultUrl}/connect/wiki`])
      expect(JSON.stringify(result)).toContain('alice-at-wiki')
    })
  })

  test('a log line hides what it hid before [finding 1]', async () => {
    const lines = async () => {
      const written: string[] = []
      const logger = createLogger({ write: (line) => void written.push(line) })
      const headers = new Headers({ authorization: 'Bearer abcdefghijklmnop', accept: 'a/b' })
      logger.info({ headers, url: new URL('https://user:secret@a.example/x?token=abcdefgh') }, 'a request')
      return written.map((line) => ({ ...JSON.parse(line), timestamp: '' }))
    }
    const before = (await sameAnswers(() => undefined, lines)) as object[]
    expect(JSON.stringify(before)).toContain('"accept":"a/b"')
    expect(JSON.stringify(before)).not.toMatch(/abcdefgh|secret@/)
  })
})

test.each(replacements)('the platform is put back after $name', async (replacement: Replacement) => {
  const { Response: before } = globalThis
  await withReplacement(replacement, async () => expect(globalThis.Response).not.toBe(before))
  expect(globalThis.Response).toBe(before)
})
