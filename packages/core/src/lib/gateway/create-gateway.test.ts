import { expect, test } from 'vitest'
import type { AuthInfo } from '../auth-info.js'
import type { Authority } from '../authority.js'
import { GatewayError } from '../gateway-error.js'
import type { Handler } from '../handler.js'
import { createGateway } from './create-gateway.js'
import type { GatewayOptions } from './gateway-options.js'

const url = 'https://mcp.example.com'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'

/** Takes the token `good`, for any of its resources. */
function authority(resources: string[] = []): Authority {
  return {
    issuer: 'https://login.example.com',
    protect: (resource) => {
      resources.push(resource)
      return {
        verifyAccessToken: async (token): Promise<AuthInfo> => {
          if (token !== 'good') throw new GatewayError('invalid_token', 'no')
          return {
            token,
            clientId: 'app',
            scopes: ['read'],
            expiresAt: Date.now() / 1000 + 60,
            extra: { subject: 'ada' },
          }
        },
      }
    },
    handle: (request) => new Response(`authority: ${new URL(request.url).pathname}`),
    match: (request) => new URL(request.url).pathname === '/token',
  }
}

const echo: Handler = (_request, context) =>
  Response.json({
    jsonrpc: '2.0',
    id: context.message?.id ?? null,
    result: { method: context.message?.method, resource: context.resource, client: context.auth?.clientId },
  })

function gateway(options: Partial<GatewayOptions> = {}): ReturnType<typeof createGateway> {
  return createGateway({ url, auth: authority(), servers: { '/notes/mcp': echo }, logger: quiet, ...options })
}

function post(path: string, headers: Record<string, string> = {}, content: string = body): Request {
  return new Request(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer good', ...headers },
    body: content,
  })
}

test('a POST with a good token reaches its server with message, token and resource', async () => {
  const response = await gateway().fetch(post('/notes/mcp'))
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({
    jsonrpc: '2.0',
    id: 1,
    result: { method: 'ping', resource: 'https://mcp.example.com/notes/mcp', client: 'app' },
  })
})
