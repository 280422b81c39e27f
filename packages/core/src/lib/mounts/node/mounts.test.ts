import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express5 from 'express'
// @ts-expect-error: no types of its own, and those of Express 5 fit
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Authority } from '../../contract/authority.js'
import { GatewayError } from '../../contract/gateway-error.js'
import type { Handler, Mountable } from '../../contract/handler.js'
import { createGateway } from '../../gateway/create-gateway.js'
import { mountable } from '../../http/mountable.js'
import { respond } from '../../http/respond.js'
import { type RouteHandlers, toRouteHandlers } from '../next/to-route-handlers.js'
import { toNodeHandler } from './to-node-handler.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

type App = Mountable & { match(request: Request): boolean }

/** How each host mounts a gateway, beside a route `/own` of the host's own. */
const hosts: Record<string, (app: App) => Server | Promise<Server>> = {
  'node:http': (app) => {
    const handler = toNodeHandler(app)
    return createServer((request, response) => handler(request, response, () => response.end('own')))
  },
  'Express 4': (app) => createServer(expressApp(express4(), app)),
  'Express 5': (app) => createServer(expressApp(express5(), app)),
  'in front of Express': (app) => {
    const own = express5().use(express5.json())
    own.get('/own', (_request, response) => {
      response.send('own')
    })
    return createServer(toNodeHandler(app, { next: own }))
  },
  'in front of Koa': (app) => {
    const own = new Koa()
    own.use((context) => {
      if (context.path === '/own') context.body = 'own'
    })
    return createServer(toNodeHandler(app, { next: own.callback() }))
  },
  'in front of Fastify': async (app) => {
    const own = fastify({ serverFactory: (next) => createServer(toNodeHandler(app, { next })) })
    own.get('/own', () => 'own')
    await own.ready()
    return own.server
  },
  'Next route handlers': (app) => nextServer(app),
  Hono: (app) => {
    const hono = new Hono().get('/own', (context) => context.text('own'))
    hono.all('*', (context) => app.fetch(context.req.raw))
    // As Hono's own adapter does it: with plain requests, and the request alone
    return createServer(
      toNodeHandler(mountable({ handle: (request) => hono.fetch(new Request(request.url, request)) })),
    )
  },
}

/** As Next calls route handlers: by method, with a plain request, and with parameters of its own beside it. */
function nextServer(app: App): Server {
  const handlers = toRouteHandlers(() => app)
  const route = async (request: Request): Promise<Response> => {
    if (new URL(request.url).pathname === '/own') return new Response('own')
    const handler = handlers[request.method as keyof RouteHandlers] as (
      request: Request,
      beside: { params: Promise<object> },
    ) => Promise<Response>
    return handler(new Request(request.url, request), { params: Promise.resolve({ gateway: ['mcp'] }) })
  }
  return createServer(toNodeHandler(mountable({ handle: route })))
}

function expressApp(express: ReturnType<typeof express5>, app: App): RequestListener {
  express.use(toNodeHandler(app) as never)
  express.use(express5.json())
  express.get('/own', (_request, response) => {
    response.send('own')
  })
  return express as unknown as RequestListener
}

const authority: Authority = {
  issuer: 'https://login.example.com',
  protect: () => ({
    verifyAccessToken: async (token) => {
      if (token !== 'good') throw new GatewayError('invalid_token', 'no')
      return { token, clientId: 'c', scopes: [], expiresAt: Number.MAX_SAFE_INTEGER }
    },
  }),
}

const events = { started: 0, cancelled: 0, aborted: 0 }
const encoder = new TextEncoder()

const answers: Record<string, Handler> = {
  echo: (_request, { message }) =>
    respond(JSON.stringify({ jsonrpc: '2.0', id: message?.id, result: message?.json().params }), {
      headers: { 'Content-Type': 'application/json' },
    }),
  stream: () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(encoder.encode('data: 1\n\n')),
      cancel: () => {
        events.cancelled++
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  },
  hang: (request) => {
    events.started++
    return new Promise((_, reject) => {
      request.signal.addEventListener('abort', () => {
        events.aborted++
        reject(request.signal.reason)
      })
    })
  },
  throw: () => {
    throw new Error('secret')
  },
}

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function mount(name: string): Promise<string> {
  const gateway = createGateway({
    url: 'https://mcp.example.com',
    auth: authority,
    servers: { '/mcp': (request, context) => (answers[`${context.message?.method}`] as Handler)(request, context) },
    logger: quiet,
  })
  const server = await (hosts[name] as (app: App) => Server | Promise<Server>)(gateway)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function call(
  url: string,
  method: string,
  init: { token?: string; signal?: AbortSignal; params?: unknown } = {},
): Promise<Response> {
  const { token = 'good', signal, params } = init
  return fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal,
  })
}

const until = (condition: () => boolean) =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5000, interval: 2 })

describe.each(Object.keys(hosts))('mounted in %s', (name) => {
  test('a small and a large call are answered', async () => {
    const url = await mount(name)
    expect(await (await call(url, 'echo', { params: { a: 'é' } })).json()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: { a: 'é' },
    })
    const text = 'x'.repeat(300_000)
    expect(await (await call(url, 'echo', { params: { text } })).json()).toMatchObject({ result: { text } })
  })

  test('a bad token is challenged, and the metadata it names is served', async () => {
    const url = await mount(name)
    const refused = await call(url, 'echo', { token: 'bad' })
    expect(refused.status).toBe(401)
    const where = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1]
    expect(where).toBe('https://mcp.example.com/.well-known/oauth-protected-resource/mcp')
    const metadata = await fetch(url + new URL(where as string).pathname)
    expect(await metadata.json()).toMatchObject({ resource: 'https://mcp.example.com/mcp' })
  })

  test('the first event arrives at once, and a client that leaves cancels the stream', async () => {
    const url = await mount(name)
    const before = events.cancelled
    const response = await call(url, 'stream')
    const reader = response.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 1\n\n')
    await reader?.cancel()
    await until(() => events.cancelled === before + 1)
  })

  test('a client that leaves before the answer aborts the signal', async () => {
    const url = await mount(name)
    const before = { ...events }
    const abort = new AbortController()
    const pending = call(url, 'hang', { signal: abort.signal }).catch(() => 'gone')
    await until(() => events.started === before.started + 1)
    abort.abort()
    await pending
    await until(() => events.aborted === before.aborted + 1)
  })

  test('a handler that throws is one well-formed error', async () => {
    const response = await call(await mount(name), 'throw')
    expect(response.status).toBe(500)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ id: 1, error: { code: -31500 } })
    expect(text).not.toContain('secret')
  })

  test('HEAD and PUT on a server are 405, HEAD on the metadata is empty [attack 156]', async () => {
    const url = await mount(name)
    for (const method of ['HEAD', 'PUT']) {
      const response = await fetch(`${url}/mcp`, { method })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE'])
    }
    const head = await fetch(`${url}/health`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  test("the host's own routes stay its own", async () => {
    expect(await (await fetch(`${await mount(name)}/own`)).text()).toBe('own')
  })
})

describe('toNodeHandler called as another framework calls its handlers', () => {
  const handler = toNodeHandler(mountable({ handle: () => new Response() })) as (...given: unknown[]) => void
  const sentence = 'must be called with the request and the response of node:http'

  test('by Koa it throws a sentence, which Koa reports, and the process goes on', async () => {
    const app = new Koa()
    app.use(handler as never)
    const errors: Error[] = []
    app.on('error', (error: Error) => errors.push(error))
    expect(await statusOf(createServer(app.callback()))).toBe(500)
    expect(errors[0]).toMatchObject({ code: 'invalid_configuration', message: expect.stringContaining(sentence) })
  })

  test('by Fastify it throws a sentence, which Fastify reports, and the process goes on', async () => {
    const app = fastify()
    const errors: Error[] = []
    app.addHook('onError', async (_request, _reply, error) => void errors.push(error))
    app.all('*', handler as never)
    await app.ready()
    expect(await statusOf(app.server)).toBe(500)
    expect(errors[0]).toMatchObject({ code: 'invalid_configuration', message: expect.stringContaining(sentence) })
  })

  test.each([
    ['Hono, or a host of web requests', [new Request('https://mcp.example.com/mcp')]],
    ['nobody in particular', []],
    ['a hand that forgot the response', [{ headers: { host: 'mcp.example.com' }, url: '/mcp' }, null]],
  ])('by %s it throws a sentence', (_by, given) => {
    expect(() => handler(...given)).toThrow(sentence)
  })
})

test('something that takes every request can stand in front of nothing', () => {
  const piece = mountable({ handle: () => new Response() })
  expect(() => toNodeHandler(piece, { next: () => {} })).toThrow('next needs a piece with match')
  expect(() => toNodeHandler(piece, { next: 'app' as never })).toThrow('toNodeHandler: next must not be')
})

async function statusOf(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => void server.close())
  const { port } = server.address() as AddressInfo
  return (await fetch(`http://127.0.0.1:${port}/mcp`)).status
}
