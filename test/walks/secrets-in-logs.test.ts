import { createHash, randomBytes } from 'node:crypto'
import { createGateway } from '@mcp-gateway/core/gateway'
import { createLogger } from '@mcp-gateway/core/logging'
import { proxy } from '@mcp-gateway/core/proxy'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { createAuthorizationServer, devLogin } from '@mcp-gateway/oauth-server'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import { expect, onTestFinished, test } from 'vitest'
import { followLogin } from '../../packages/oauth-server/src/lib/testing/follow-login.js'
import { fixture } from '../fixtures/bridge-client.js'

const url = 'http://127.0.0.1:8787'
const redirectUri = 'http://127.0.0.1:4321/callback'
const accept = 'application/json, text/event-stream'

/** Random values that are planted or minted on the way, with where each came from. */
class Secrets {
  readonly #all = new Map<string, string>()

  plant(where: string): string {
    const value = randomBytes(32).toString('base64url')
    this.#all.set(value, where)
    return value
  }

  /** A credential that was given out, and its parts: none of them may be in a log. */
  minted(where: string, value: string | null | undefined): string {
    if (typeof value !== 'string' || value === '') throw new Error(`${where} gave nothing`)
    for (const part of [value, ...value.split('.')]) if (part.length >= 16) this.#all.set(part, where)
    return value
  }

  get size(): number {
    return this.#all.size
  }

  foundIn(text: string): string[] {
    return [...new Set([...this.#all].filter(([value]) => text.includes(value)).map(([, where]) => where))]
  }
}

test.each(['jwt', 'opaque'] as const)(
  'no line of a walk through all parts holds a secret that was minted or sent on it, with %s tokens [attack 160]',
  async (accessTokens) => {
    const secrets = new Secrets()
    const lines: string[] = []
    const logger = createLogger({ level: 'debug', write: (line) => lines.push(line) })
    const apiKey = secrets.plant('a header for the upstream')
    const auth = createAuthorizationServer({
      issuer: url,
      storage: memoryStorage(),
      identityProvider: devLogin(),
      accessTokens,
      logger,
      lifetimes: { refreshReplay: 0 },
    })
    const upstream = async (_url: string, init: RequestInit) => {
      const { method, id, params } = JSON.parse(new TextDecoder().decode(init.body as Uint8Array))
      if (params?.name === 'break') throw new Error(`refused X-Api-Key: ${new Headers(init.headers).get('x-api-key')}`)
      const headers: Record<string, string> = { 'Content-Type': 'application/json' }
      if (method === 'initialize') headers['Mcp-Session-Id'] = secrets.plant('a session of the upstream')
      return new Response(JSON.stringify({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25' } }), {
        headers,
      })
    }
    const bridge = createStdioBridge({
      command: process.execPath,
      args: [fixture('hostile-server.mjs')],
      env: { API_KEY: secrets.plant('a variable of a child') },
      stopGrace: [0.5, 0.5],
      logger,
    })
    const gateway = createGateway({
      url,
      auth,
      servers: {
        '/notes/mcp': proxy('http://notes.internal/mcp', { headers: { 'X-Api-Key': apiKey }, fetch: upstream }),
        '/files/mcp': { server: bridge, requiredScopes: ['mcp'] },
        '/admin/mcp': proxy('http://admin.internal/mcp', { fetch: upstream }),
      },
      logger,
    })
    onTestFinished(() => gateway.close())
    const forwardAuth = createForwardAuth({
      url,
      auth,
      dialect: 'forwarded',
      servers: { '/notes/mcp': {} },
      logger,
    })

    const call = (path: string, init: RequestInit = {}) => gateway.fetch(new Request(url + path, init))
    const post = (path: string, fields: Record<string, string>) =>
      call(path, { method: 'POST', body: new URLSearchParams(fields) })
    const mcp = (path: string, message: object, token: string, headers: Record<string, string> = {}) =>
      call(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: accept, Authorization: `Bearer ${token}`, ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
      })

    const registered = (await (
      await call('/register', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ redirect_uris: [redirectUri], token_endpoint_auth_method: 'client_secret_post' }),
      })
    ).json()) as Record<string, string>
    const clientId = registered.client_id ?? ''
    const clientSecret = secrets.minted('a client secret', registered.client_secret)
    const registrationToken = secrets.minted('a registration token', registered.registration_access_token)

    const logIn = async (resource: string) => {
      const verifier = secrets.plant('a code verifier')
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        state: secrets.plant('a state'),
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        resource: url + resource,
      })
      const callback = await followLogin(`${url}/authorize?${query}`, redirectUri, {
        fetch: async (input, init) => {
          const response = await gateway.fetch(new Request(input, init))
          for (const cookie of response.headers.getSetCookie()) {
            const [, value = ''] = /^[^=]+=([^;]*)/.exec(cookie) ?? []
            if (value.length >= 16) secrets.minted('a cookie', value)
          }
          return response
        },
      })
      const code = secrets.minted('a code', callback.searchParams.get('code'))
      const exchange = {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        redirect_uri: redirectUri,
        client_id: clientId,
        client_secret: clientSecret,
      }
      const tokens = (await (await post('/token', exchange)).json()) as Record<string, string>
      return {
        exchange,
        access: secrets.minted('an access token', tokens.access_token),
        refresh: secrets.minted('a refresh token', tokens.refresh_token),
      }
    }

    const notes = await logIn('/notes/mcp')
    const files = await logIn('/files/mcp')
    const initialize = {
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'walk', version: '1' } },
    }
    for (const [path, { access }] of [
      ['/notes/mcp', notes],
      ['/files/mcp', files],
    ] as const) {
      const opened = await mcp(path, initialize, access)
      await opened.text()
      const session = secrets.minted('a session id', opened.headers.get('mcp-session-id'))
      const argument = { arguments: { password: secrets.plant('an argument') } }
      const headers = { 'Mcp-Session-Id': session, Cookie: `sid=${secrets.plant('a cookie of the client')}` }
      for (const name of ['echo', 'break']) {
        await (await mcp(path, { method: 'tools/call', params: { name, ...argument } }, access, headers)).text()
      }
      await (
        await mcp(path, { method: 'ping' }, access, { 'Mcp-Session-Id': secrets.plant('a wrong session id') })
      ).text()
    }
    for (const { id } of await bridge.sessions()) await bridge.end(id)

    // What is refused: wrong tokens and secrets, in every place
    await mcp('/admin/mcp', { method: 'ping' }, notes.access)
    await mcp('/notes/mcp', { method: 'ping' }, secrets.plant('a wrong token'))
    await mcp('/notes/mcp', { method: 'ping' }, `${notes.access}${secrets.plant('a longer token')}`)
    await call(`/notes/mcp?access_token=${secrets.plant('a token in a query')}`)
    await call(`/callback/dev?code=${secrets.plant('a foreign code')}&state=${secrets.plant('a foreign state')}`)
    await post('/token', { ...notes.exchange, client_secret: secrets.plant('a wrong secret') })
    await post('/token', { ...notes.exchange, code: secrets.plant('a wrong code') })
    await call('/token', {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${clientId}:${secrets.plant('a secret in Basic')}`)}` },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: secrets.plant('a wrong refresh token') }),
    })
    await call(`/register/${clientId}`, {
      headers: { Authorization: `Bearer ${secrets.plant('a wrong registration token')}` },
    })
    await call(`/register/${clientId}`, { headers: { Authorization: `Bearer ${registrationToken}` } })

    // Refreshed, used again, and revoked
    const refresh = (token: string) =>
      post('/token', {
        grant_type: 'refresh_token',
        refresh_token: token,
        client_id: clientId,
        client_secret: clientSecret,
      })
    const next = (await (await refresh(notes.refresh)).json()) as Record<string, string>
    secrets.minted('the next access token', next.access_token)
    secrets.minted('the next refresh token', next.refresh_token)
    expect((await refresh(notes.refresh)).status).toBe(400)
    await post('/revoke', { token: files.refresh, client_id: clientId, client_secret: clientSecret })

    // The same tokens at a reverse proxy
    for (const token of [files.access, notes.access, secrets.plant('a wrong token at a proxy')]) {
      await forwardAuth.handle(
        new Request(`${url}/auth`, {
          headers: {
            'X-Forwarded-Method': 'GET',
            'X-Forwarded-Proto': 'http',
            'X-Forwarded-Host': '127.0.0.1:8787',
            'X-Forwarded-Uri': `/notes/mcp?token=${secrets.plant('a token in a forwarded query')}`,
            Authorization: `Bearer ${token}`,
          },
        }),
        {},
      )
    }

    const services = new Set(lines.map((line) => (JSON.parse(line) as { service?: string }).service))
    expect([...services]).toEqual(expect.arrayContaining(['gateway', 'oauth-server', 'forward-auth']))
    expect(lines.length).toBeGreaterThan(50)
    expect(secrets.size).toBeGreaterThan(40)
    expect(secrets.foundIn(lines.join('\n'))).toEqual([])
  },
)
