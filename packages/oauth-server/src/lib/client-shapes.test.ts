import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
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
import { assertionType } from './client-authentication/client-assertion.js'

// What clients in the field send, as HTTP. Each looks where it is told to log in, makes itself known, and walks to a refreshed token.

interface Shape {
  client: string
  /** What it registers, or publishes. */
  registration: Record<string, unknown>
  /** The address of its metadata document, for one that is not registered. */
  document?: string
  /** Where it looks for the server's metadata first, and what it checks there before it goes on. */
  discovers?: { at: string; expects?: Record<string, unknown> }
  /** The redirect URI of the request, where it is not the registered one. */
  redirectUri?: string
  authorize?: Record<string, string | undefined>
  /** How it authenticates at the token endpoint, whatever it registered. */
  sends?: 'none' | 'client_secret_post' | 'client_secret_basic' | 'private_key_jwt'
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
    authorize: { scope: 'mcp offline_access', prompt: 'consent', resource: `${issuer}/` },
    token: { resource: `${issuer}/` },
  },
  {
    client: 'Claude.ai with a document, whose backend takes the metadata from the root',
    document: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
    registration: {
      client_name: 'Claude',
      client_uri: 'https://claude.ai',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    discovers: {
      at: '/.well-known/oauth-authorization-server',
      expects: { client_id_metadata_document_supported: true },
    },
  },
  {
    client: 'Claude Code with a document, whose ports are none of it',
    document: 'https://claude.ai/oauth/claude-code-client-metadata',
    registration: {
      client_name: 'Claude Code',
      client_uri: 'https://claude.ai',
      redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    redirectUri: 'http://localhost:52719/callback',
    discovers: {
      at: '/.well-known/oauth-authorization-server',
      expects: { client_id_metadata_document_supported: true },
    },
    authorize: { resource: `${issuer}/`, scope: 'mcp offline_access' },
  },
  {
    client: 'VS Code in a browser, whose state is an address',
    registration: {
      client_name: 'Visual Studio Code',
      client_uri: 'https://code.visualstudio.com',
      redirect_uris: ['https://insiders.vscode.dev/redirect', 'https://vscode.dev/redirect', 'http://127.0.0.1:33418/'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
    redirectUri: 'https://vscode.dev/redirect',
    authorize: {
      state: 'vscode://dynamicauthprovider/127.0.0.1:8787/authorize?nonce=abc&windowId=1&x=%252F',
      scope: 'mcp',
    },
  },
  {
    client: 'Cursor, answered in its cloud',
    registration: {
      client_name: 'Cursor',
      application_type: 'web',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    redirectUri: 'https://www.cursor.com/agents/mcp/oauth/callback',
  },
  {
    client: 'ChatGPT with a document that offers two methods, of which it takes the one with a key',
    document: 'https://chatgpt.com/oauth/abc123/client.json',
    registration: {
      client_name: 'ChatGPT',
      redirect_uris: ['https://chatgpt.com/connector/oauth/abc123'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      token_endpoint_auth_signing_alg: 'RS256',
      jwks_uri: 'https://chatgpt.com/oauth/jwks.json',
    },
    sends: 'private_key_jwt',
    discovers: {
      at: '/.well-known/oauth-authorization-server',
      expects: { token_endpoint_auth_methods_supported: expect.arrayContaining(['private_key_jwt']) },
    },
  },
  {
    client: 'Codex, which has a document where public clients are welcome and checks the issuer to the letter',
    document: 'https://openai.com/codex/oauth/client.json',
    registration: {
      client_name: 'Codex',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    redirectUri: 'http://127.0.0.1:1455/callback',
    discovers: {
      at: '/.well-known/oauth-authorization-server',
      expects: { issuer, token_endpoint_auth_methods_supported: expect.arrayContaining(['none']) },
    },
  },
  {
    client: 'Codex without a document',
    registration: {
      client_name: 'Codex',
      redirect_uris: ['http://127.0.0.1:1455/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    redirectUri: 'http://127.0.0.1:43977/callback',
    authorize: { scope: '' },
  },
  {
    client: 'opencode, registered for the path that it really uses',
    registration: {
      client_name: 'OpenCode',
      client_uri: 'https://opencode.ai',
      redirect_uris: ['http://127.0.0.1:19876/mcp/oauth/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    discovers: { at: '/.well-known/oauth-authorization-server', expects: { issuer } },
  },
  {
    client: 'Gemini CLI, which asks for no scope and repeats the resource at the token endpoint',
    registration: {
      client_name: 'Gemini CLI MCP Client',
      redirect_uris: ['http://localhost:7777/oauth/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope: '',
    },
    redirectUri: 'http://localhost:39145/oauth/callback',
    discovers: { at: '/.well-known/openid-configuration' },
    token: { resource },
  },
]

/** Publishes what documents and key sets a client needs, and signs with its key. */
async function publisher({ document, registration }: Shape) {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const published: Record<string, unknown> = {
    [String(registration.jwks_uri)]: { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig' }] },
    ...(document !== undefined && { [document]: { client_id: document, ...registration } }),
  }
  return {
    transport: async (url: string | URL | Request) => Response.json(published[String(url)]),
    assert: (clientId: string) =>
      new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
        .setIssuer(clientId)
        .setSubject(clientId)
        .setAudience(issuer)
        .setExpirationTime('5m')
        .sign(privateKey),
  }
}

test.each(shapes)('$client: gets from the metadata to a refreshed token', async (shape) => {
  const { registration, document, discovers, sends = 'none', authorize = {}, token = {} } = shape
  const { transport, assert } = await publisher(shape)
  const setup = setUp({ transport })
  const metadata = await answerOf(await setup.call(discovers?.at ?? '/.well-known/oauth-authorization-server'))
  expect(metadata).toMatchObject({ status: 200, code_challenge_methods_supported: ['S256'], ...discovers?.expects })

  const client =
    document === undefined
      ? await register(setup, { token_endpoint_auth_method: undefined, ...registration })
      : { ...(registration as Record<string, string>), client_id: document }
  expect(client.redirect_uris).toEqual(registration.redirect_uris)
  const id = client.client_id as string
  const secret = client.client_secret ?? ''
  const redirectUri = shape.redirectUri ?? (registration.redirect_uris as string[])[0] ?? ''
  const { verifier, challenge } = pkce()
  const callback = await login(setup, authorizePath(id, challenge, { redirect_uri: redirectUri, ...authorize }), {
    redirectUri,
  })
  expect(callback.searchParams.get('state')).toBe(authorize.state ?? 'some-state')
  expect(callback.searchParams.get('iss')).toBe(issuer)

  const proofs: Record<typeof sends, () => Promise<Record<string, string>>> = {
    none: async () => ({ client_id: id }),
    client_secret_post: async () => ({ client_id: id, client_secret: secret }),
    client_secret_basic: async () => ({}),
    private_key_jwt: async () => ({ client_assertion_type: assertionType, client_assertion: await assert(id) }),
  }
  const headers: Record<string, string> =
    sends === 'client_secret_basic' ? { authorization: `Basic ${btoa(`${id}:${secret}`)}` } : {}
  const post = async (fields: Record<string, string>) =>
    answerOf(await setup.call('/token', form({ ...fields, ...(await proofs[sends]()), ...token }, headers)))
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

test('opencode is refused in words that help while its document names another path than it uses', async () => {
  const id = 'https://opencode.ai/oauth/client.json'
  const document = { client_id: id, client_name: 'OpenCode', redirect_uris: ['http://127.0.0.1/callback'] }
  const setup = setUp({ transport: async () => Response.json(document) })
  const changes = { redirect_uri: 'http://127.0.0.1:19876/mcp/oauth/callback' }
  const page = await setup.call(authorizePath(id, pkce().challenge, changes))
  expect([page.status, page.headers.get('location')]).toEqual([400, null])
  expect(await page.text()).toContain('redirect_uri that it did not register')
})

test('the Inspector, in a page of another site, may read every answer on its way [attack 151, attack 155]', async () => {
  const setup = setUp()
  for (const [path, method] of [
    ['/.well-known/oauth-authorization-server', 'GET'],
    ['/register', 'POST'],
    ['/token', 'POST'],
    ['/revoke', 'POST'],
  ] as const) {
    const origin = { Origin: 'http://localhost:6274' }
    const asks = {
      ...origin,
      'Access-Control-Request-Method': method,
      'Access-Control-Request-Headers': 'content-type',
    }
    const preflight = await setup.call(path, { method: 'OPTIONS', headers: asks })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toContain(method)
    expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('content-type')
    const answer = await setup.call(path, { method, headers: origin })
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  }
})

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
