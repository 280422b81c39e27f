import { expect, test, vi } from 'vitest'
import { createGateway } from '../../gateway/create-gateway.js'
import { mountable } from '../../http/mountable.js'
import { toRouteHandlers } from './to-route-handlers.js'

const app = () => mountable({ handle: (request, context) => Response.json([request.method, context]) })
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const

test.each(methods)('%s reaches the gateway, without what Next passes beside the request', async (method) => {
  const handler = toRouteHandlers(app())[method] as (request: Request, other: unknown) => Promise<Response>
  const response = await handler(new Request('https://mcp.example.com/mcp', { method }), { auth: 'forged', params: {} })
  expect(await response.json()).toEqual([method, {}])
})

test('a function is not called before the first request, and once', async () => {
  const make = vi.fn(app)
  const { GET, POST } = toRouteHandlers(make)
  expect(make).not.toHaveBeenCalled()
  await GET(new Request('https://mcp.example.com/mcp'))
  await POST(new Request('https://mcp.example.com/mcp', { method: 'POST' }))
  expect(make).toHaveBeenCalledOnce()
})

test.each(['/mcp%2fx', '/m%63p', '//mcp', '/mcp;x', '/mcp%5c', '/%252e%252e/mcp', '/mcp%00'])(
  '%s is 400: what is left of a target in the URL has to have one reading [finding 13]',
  async (path) => {
    const gateway = createGateway({
      url: 'http://127.0.0.1:8787',
      dangerouslyAllowAnonymous: true,
      servers: { '/mcp': () => new Response('reached') },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    expect((await toRouteHandlers(gateway).GET(new Request(`http://127.0.0.1:8787${path}`))).status).toBe(400)
  },
)

test('with next, a catch-all route leaves what is not for the gateway to the application', async () => {
  const gateway = createGateway({
    url: 'http://127.0.0.1:8787',
    dangerouslyAllowAnonymous: true,
    servers: { '/mcp': () => new Response('reached') },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
  const { GET } = toRouteHandlers(gateway, { next: () => new Response('no such page', { status: 404 }) })
  const ask = async (path: string) => (await GET(new Request(`http://127.0.0.1:8787${path}`))).text()
  expect([await ask('/mcp'), await ask('/login'), await ask('/')]).toEqual(['reached', 'no such page', 'no such page'])
  expect(() => toRouteHandlers(gateway, { next: 'x' as never })).toThrow('next')
})
