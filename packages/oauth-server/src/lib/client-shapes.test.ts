import { describe, expect, test } from 'vitest'
import {
  answerOf,
  authorizePath,
  form,
  issuer,
  login,
  obtainTokens,
  pkce,
  register,
  resource,
  setUp,
} from '../../test/fixture.js'

// What clients in the field send, as HTTP. Each walks from registration to a refreshed token.

interface Shape {
  client: string
  registration: Record<string, unknown>
  /** The redirect URI of the request, where it is not the registered one. */
  redirectUri?: string
  authorize?: Record<string, string | undefined>
  /** How it authenticates at the token endpoint, whatever it registered. */
  sends?: 'none' | 'client_secret_post' | 'client_secret_basic'
  token?: Record<string, string>
}

const shapes: Shape[] = [
  {
    client: 'Claude.ai, which posts its secret without having said so',
    registration: {
      client_name: 'Claude',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: 'claudeai',
    },
    sends: 'client_secret_post',
    authorize: { scope: 'claudeai' },
  },
  {
    client: 'Claude Code, with a port that it did not register and no scope',
    registration: {
      client_name: 'Claude Code',
      redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
      token_endpoint_auth_method: 'none',
    },
    redirectUri: 'http://localhost:58123/callback',
    authorize: { resource: `${issuer}/` },
    token: { resource: `${issuer}/` },
  },
  {
    client: 'VS Code, on another port than the one that it prefers',
    registration: {
      client_name: 'Visual Studio Code',
      redirect_uris: [
        'https://insiders.vscode.dev/redirect',
        'https://vscode.dev/redirect',
        'http://127.0.0.1/',
        'http://127.0.0.1:33418/',
      ],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
    redirectUri: 'http://127.0.0.1:50999/',
    authorize: { scope: 'mcp offline_access' },
  },
  {
    client: 'Cursor, three kinds of callbacks in one registration',
    registration: {
      client_name: 'Cursor',
      application_type: 'web',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      token_endpoint_auth_method: 'none',
    },
    redirectUri: 'cursor://anysphere.cursor-mcp/oauth/callback',
  },
  {
    client: 'ChatGPT',
    registration: {
      client_name: 'ChatGPT',
      redirect_uris: ['https://chatgpt.com/connector/oauth/abc123'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    sends: 'client_secret_basic',
    authorize: { scope: 'openid email offline_access mcp' },
  },
  {
    client: 'Copilot CLI, without a scope',
    registration: {
      client_name: 'GitHub Copilot CLI',
      redirect_uris: ['http://127.0.0.1:41811/'],
      token_endpoint_auth_method: 'none',
      scope: '',
    },
    redirectUri: 'http://127.0.0.1:39999/',
  },
  {
    client: 'mcp-remote, whose port changes between runs',
    registration: {
      client_name: 'MCP CLI Proxy',
      redirect_uris: ['http://localhost:3334/oauth/callback'],
      token_endpoint_auth_method: 'none',
      software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
      software_version: '0.15.1',
      client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
    },
    redirectUri: 'http://localhost:47114/oauth/callback',
    authorize: { scope: 'openid email profile' },
  },
  {
    client: 'the Inspector, in a browser',
    registration: {
      client_name: 'MCP Inspector',
      redirect_uris: ['http://localhost:6274/oauth/callback'],
      token_endpoint_auth_method: 'none',
      client_uri: 'https://github.com/modelcontextprotocol/inspector',
      scope: '',
    },
  },
  {
    client: 'the SDK, which adds offline_access because it is offered, and a slash to the resource',
    registration: {
      client_name: 'SDK',
      redirect_uris: ['http://localhost:8090/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
    },
    sends: 'client_secret_post',
    authorize: { scope: 'mcp offline_access', prompt: 'consent' },
  },
]

describe.each(shapes)(
  '$client',
  ({ registration, redirectUri: requested, authorize = {}, sends = 'none', token = {} }) => {
    test('gets from registration to a refreshed token', async () => {
      const setup = setUp()
      const client = await register(setup, { token_endpoint_auth_method: undefined, ...registration })
      const redirectUri = requested ?? (registration.redirect_uris as string[])[0] ?? ''
      expect(client.redirect_uris).toEqual(registration.redirect_uris)
      const { verifier, challenge } = pkce()
      const path = authorizePath(client.client_id as string, challenge, { redirect_uri: redirectUri, ...authorize })
      const callback = await login(setup, path, { redirectUri })
      const post = async (fields: Record<string, string>) => {
        const id = client.client_id as string
        const secret = client.client_secret ?? ''
        const headers: Record<string, string> =
          sends === 'client_secret_basic' ? { authorization: `Basic ${btoa(`${id}:${secret}`)}` } : {}
        const more =
          sends === 'client_secret_basic'
            ? {}
            : { client_id: id, ...(sends === 'client_secret_post' && { client_secret: secret }) }
        return answerOf(await setup.call('/token', form({ ...fields, ...more, ...token }, headers)))
      }
      const tokens = await post({
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        code_verifier: verifier,
        redirect_uri: redirectUri,
      })
      expect(tokens).toMatchObject({ status: 200, token_type: 'Bearer', refresh_token: expect.any(String) })
      expect(String(tokens.scope).split(' ')).toContain('mcp')
      await setup.server.protect(resource).verifyAccessToken(tokens.access_token)
      expect(await post({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })).toMatchObject({
        status: 200,
      })
    })
  },
)

test('sessions of one client on several machines do not end each other', async () => {
  const setup = setUp()
  const { client, tokens: first } = await obtainTokens(setup)
  const { tokens: second } = await obtainTokens(setup, client)
  for (const { refresh_token } of [first, second] as Record<string, string>[]) {
    const fields = {
      grant_type: 'refresh_token',
      refresh_token: refresh_token ?? '',
      client_id: client.client_id as string,
    }
    expect((await setup.call('/token', form(fields))).status).toBe(200)
  }
})

test('a client whose registration is gone is told so in words that help, and by the code that makes SDKs register again [attack 53]', async () => {
  const setup = setUp()
  const page = await setup.call(authorizePath('client_pruned', pkce().challenge))
  expect(await page.text()).toContain('remove the connection in the application and add it again')
  const fields = { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'client_pruned' }
  expect(await answerOf(await setup.call('/token', form(fields)))).toMatchObject({
    status: 401,
    error: 'invalid_client',
  })
})
