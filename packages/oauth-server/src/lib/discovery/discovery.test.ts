import { describe, expect, test } from 'vitest'
import { answerOf, form, issuer, obtainCode, resource, setUp } from '../../../test/fixture.js'

const setup = setUp()
const tenant = setUp({ issuer: `${issuer}/t1`, resources: [`${issuer}/t1/mcp`] })
tenant.server.protect(`${issuer}/files/mcp`)

describe('metadata', () => {
  test.each(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])(
    'is at %s, with the issuer as it was written [attack 1, A2]',
    async (path) => {
      const response = await setup.call(issuer + path)
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
      expect(((await response.json()) as { issuer: string }).issuer).toBe(issuer)
    },
  )

  test.each([
    '/.well-known/oauth-authorization-server/t1',
    '/.well-known/openid-configuration/t1',
    '/t1/.well-known/openid-configuration',
    '/t1/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/t1/mcp',
    '/.well-known/oauth-authorization-server/files/mcp',
    '/files/mcp/.well-known/openid-configuration',
  ])('of an issuer with a path is at %s [attack 2, A2]', async (path) => {
    const answer = await answerOf(await tenant.call(issuer + path))
    expect(answer).toMatchObject({ status: 200, issuer: `${issuer}/t1`, token_endpoint: `${issuer}/t1/token` })
  })

  test.each([
    '/.well-known/oauth-authorization-server/other',
    '/.well-known/oauth-authorization-serverx',
    '/.well-known/unknown',
    '/t1/.well-known/oauth-authorization-server/t1',
    '/evil/.well-known/openid-configuration',
  ])('is 404 JSON at %s [attack 3]', async (path) => {
    const response = await tenant.call(issuer + path)
    expect([response.status, response.headers.get('content-type')]).toEqual([404, 'application/json'])
    await response.json()
    expect(tenant.server.match(new Request(issuer + path))).toBe(false)
  })

  test('comes from configuration, whatever host was asked [attack 4]', async () => {
    const headers = {
      host: 'evil.example.com',
      'x-forwarded-host': 'evil.example.com',
      forwarded: 'host=evil.example.com',
    }
    const anyHost = setUp({ allowedHosts: ['evil.example.com'] })
    const response = await anyHost.call('http://evil.example.com/.well-known/oauth-authorization-server', { headers })
    const text = await response.text()
    expect(text).toContain(issuer)
    expect(text).not.toContain('evil')
  })

  test('says what clients must find in it, and nothing null [attack 5, A3, A5, A7]', async () => {
    const response = await setup.call('/.well-known/oauth-authorization-server')
    const text = await response.text()
    expect(text).not.toContain('null')
    expect(JSON.parse(text)).toMatchObject({
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
      token_endpoint_auth_methods_supported: expect.arrayContaining(['none', 'private_key_jwt']),
      scopes_supported: ['mcp', 'offline_access'],
      protected_resources: [resource],
    })
  })

  test('leaves out what is off [attack 6]', async () => {
    const bare = setUp({ registration: false, clientDocuments: false })
    const answer = await answerOf(await bare.call('/.well-known/oauth-authorization-server'))
    expect(answer).not.toHaveProperty('registration_endpoint')
    expect(answer).not.toHaveProperty('introspection_endpoint')
    expect(answer.client_id_metadata_document_supported).toBe(false)
    expect((await bare.call('/register', { method: 'POST' })).status).toBe(404)
  })
})

test('the keys are public, and may be kept for a while [attack 9]', async () => {
  const response = await setup.call('/jwks')
  expect(response.headers.get('cache-control')).toBe('public, max-age=300')
  const { keys } = (await response.json()) as { keys: Record<string, string>[] }
  expect(keys).toHaveLength(1)
  expect(Object.keys(keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
})

test('two tenants do not take each other’s tokens [attack 10]', async () => {
  const a = setUp({ issuer: `${issuer}/a`, resources: [resource] })
  const b = setUp({ issuer: `${issuer}/b`, resources: [resource] })
  const { obtainTokens } = await import('../../../test/fixture.js')
  const { tokens } = await obtainTokens(a)
  await a.server.protect(resource).verifyAccessToken(tokens.access_token as string)
  await expect(b.server.protect(resource).verifyAccessToken(tokens.access_token as string)).rejects.toMatchObject({
    code: 'invalid_token',
  })
})

describe('HTTP', () => {
  const open = ['/.well-known/oauth-authorization-server', '/jwks', '/register', '/token', '/revoke']
  const closed = ['/authorize', '/consent', '/login', '/callback/dev']

  test.each(open)(
    'a page elsewhere may use %s, without credentials, errors included [attack 151, attack 155]',
    async (path) => {
      const preflight = await setup.call(path, {
        method: 'OPTIONS',
        headers: { origin: 'https://inspector.example.com' },
      })
      expect(preflight.status).toBe(204)
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
      expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
      for (const name of ['Content-Type', 'Authorization', 'MCP-Protocol-Version', 'Mcp-Method', 'Mcp-Name']) {
        expect(preflight.headers.get('access-control-allow-headers')).toContain(name)
      }
      const method = path === '/jwks' || path.startsWith('/.well') ? 'GET' : 'POST'
      const answer = await setup.call(path, method === 'POST' ? form({}) : {})
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
    },
  )

  test.each(closed)('no page elsewhere may read %s [attack 152]', async (path) => {
    const answers = [
      await setup.call(path, { method: 'OPTIONS' }),
      await setup.call(path, { headers: { origin: 'https://evil.example.com' } }),
    ]
    expect(answers[0]?.status).toBe(405)
    for (const { headers } of answers)
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  test('introspection has no CORS [attack 153]', async () => {
    const introspecting = setUp({
      resourceServers: [{ client_id: 'a', client_secret: 'b'.repeat(16), resources: [resource] }],
    })
    const response = await introspecting.call('/introspect', { method: 'OPTIONS' })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([405, null])
  })

  test.each([
    ['/token', 'PUT'],
    ['/token', 'HEAD'],
    ['/authorize', 'HEAD'],
    ['/authorize', 'DELETE'],
    ['/consent', 'GET'],
    ['/jwks', 'POST'],
    ['/register', 'GET'],
    ['/revoke', 'GET'],
    ['/callback/dev', 'POST'],
  ])('%s does not answer %s, and says what it does [attack 156]', async (path, method) => {
    const response = await setup.call(path, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBeTruthy()
    expect(response.headers.get('allow')?.split(', ')).not.toContain(method)
  })

  test.each([
    ['/consent', 'GET'],
    ['/consent', 'PUT'],
    ['/authorize', 'DELETE'],
    ['/callback/dev', 'PUT'],
  ])('a person who comes to %s by %s sees a page [attack 156]', async (path, method) => {
    const response = await setup.call(path, { method })
    expect([response.status, response.headers.get('content-type')]).toEqual([405, 'text/html; charset=utf-8'])
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(await response.text()).toContain('<h1>')
  })

  test.each(['/token', '/jwks', '/introspect', '/register/x'])(
    'a program sees JSON at %s [attack 156]',
    async (path) => {
      const introspecting = setUp({
        resourceServers: [{ client_id: 'a', client_secret: 'b'.repeat(16), resources: [resource] }],
      })
      const response = await introspecting.call(path, { method: 'PATCH' })
      expect([response.status, response.headers.get('content-type')]).toEqual([405, 'application/json'])
    },
  )

  test.each([
    ['/jwks', 'GET', 200],
    ['/jwks', 'HEAD', 200],
    ['/.well-known/oauth-authorization-server', 'GET', 200],
    ['/.well-known/openid-configuration', 'GET', 200],
    ['/.well-known/nothing', 'GET', 404],
    ['/token', 'POST', 400],
    ['/token', 'OPTIONS', 204],
    ['/token', 'GET', 405],
    ['/revoke', 'POST', 401],
    ['/register', 'POST', 400],
    ['/register/client_x', 'GET', 401],
    ['/authorize', 'GET', 400],
    ['/consent', 'GET', 405],
  ])('nobody guesses the type of what %s answers to %s [attack 108]', async (path, method, status) => {
    const response = await setup.call(path, { method, ...(method === 'POST' && form({})) })
    expect([response.status, response.headers.get('x-content-type-options')]).toEqual([status, 'nosniff'])
  })

  test('nobody guesses the type of tokens, registrations and refusals of a foreign host either', async () => {
    const own = setUp()
    const { exchange, client } = await obtainCode(own)
    const answers = [
      await own.call('/token', form(exchange)),
      await own.call(new URL(client.registration_client_uri as string).pathname, {
        headers: { authorization: `Bearer ${client.registration_access_token}` },
      }),
      await own.server.handle(
        new Request('http://evil.example.com/jwks', { headers: { host: 'evil.example.com' } }),
        {},
      ),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 403])
    for (const { headers } of answers) expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('HEAD on a document is GET without the document', async () => {
    const response = await setup.call('/jwks', { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })

  test('match says what is served here, and the rest is 404 JSON', async () => {
    for (const path of [...open, ...closed]) expect(setup.server.match(new Request(issuer + path))).toBe(true)
    for (const path of ['/', '/everything/mcp', '/tokens', '/token/', '/callback', '/callback/', '/healthy']) {
      expect(setup.server.match(new Request(issuer + path))).toBe(false)
      expect(await answerOf(await setup.call(path))).toMatchObject({ status: 404, error: 'not_found' })
    }
  })
})
