import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGateway } from '@mcp-gateway/core/gateway'
import { toNodeHandler } from '@mcp-gateway/core/node'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { launchBrowser } from '../../../test/browser.js'
import { setUp } from '../../../test/fixture.js'
import { createAuthorizationServer } from '../authorization-server.js'
import { devLogin } from '../identity-providers/dev-login.js'

const setup = setUp()

test.each(['/.well-known/oauth-authorization-server', '/jwks', '/register', '/token', '/revoke'])(
  'a preflight of %s allows any header, without credentials [attack 151]',
  async (path) => {
    const headers = {
      origin: 'https://inspector.example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,sentry-trace,x-custom',
    }
    const response = await setup.call(path, { method: 'OPTIONS', headers })
    const allowed = (response.headers.get('access-control-allow-headers') ?? '').split(', ')
    expect(response.status).toBe(204)
    expect(allowed).toContain('*')
    // The one header that `*` does not stand for
    expect(allowed).toContain('Authorization')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.has('access-control-allow-credentials')).toBe(false)
  },
)

describe.runIf(hasBinary('chromium'))('a page of another origin in a real browser', () => {
  test('reads metadata, registers and asks for tokens, whatever headers its libraries add', async () => {
    const http = createServer((request, response) => handler(request, response))
    const elsewhere = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<p>'))
    const addressOf = async (server: Server): Promise<string> => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }
    const url = await addressOf(http)
    const auth = createAuthorizationServer({ issuer: url, storage: memoryStorage(), identityProvider: devLogin() })
    const gateway = createGateway({ url, auth, servers: { '/notes/mcp': async () => Response.json({}) } })
    const handler = toNodeHandler(gateway)
    const browser = await launchBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(await addressOf(elsewhere))
      const statuses = await page.evaluate(async (base) => {
        const headers = { Authorization: 'Bearer x', 'X-Custom': '1', 'sentry-trace': '1', 'MCP-Protocol-Version': '1' }
        const json = { ...headers, 'Content-Type': 'application/json' }
        const body = JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] })
        const found: Record<string, number | string> = {}
        const ask = async (path: string, init: RequestInit) => {
          found[path] = await fetch(base + path, init).then(
            ({ status }) => status,
            (error) => String(error),
          )
        }
        await ask('/.well-known/oauth-authorization-server', { headers })
        await ask('/.well-known/oauth-protected-resource/notes/mcp', { headers })
        await ask('/register', { method: 'POST', headers: json, body })
        await ask('/token', { method: 'POST', headers, body: new URLSearchParams({ grant_type: 'refresh_token' }) })
        return found
      }, url)
      expect(statuses).toEqual({
        '/.well-known/oauth-authorization-server': 200,
        '/.well-known/oauth-protected-resource/notes/mcp': 200,
        '/register': 201,
        '/token': 401,
      })
    } finally {
      await browser.close()
      for (const server of [http, elsewhere]) {
        server.close()
        server.closeAllConnections()
      }
    }
  }, 60_000)
})
