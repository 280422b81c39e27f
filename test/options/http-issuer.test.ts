import { type Authority, createTokenVerifier } from '@mcp-gateway/core'
import { createGateway, type IssuerAuthorityOptions, issuerAuthority } from '@mcp-gateway/core/gateway'
import { createIntrospectionVerifier } from '@mcp-gateway/core/introspection'
import { keycloak } from '@mcp-gateway/core/presets'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { expect, test } from 'vitest'
import { keySet, sign, testKey } from '../../packages/core/test/issuer.js'

type TokenAuth = Authority | IssuerAuthorityOptions

const key = await testKey('ES256', 'one')
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const publicUrl = 'https://mcp.example.com'
const http = 'http://login.example.com/realms/acme'
const https = 'https://login.example.com'
const protect = () =>
  createTokenVerifier({ issuer: http, audience: `${publicUrl}/mcp`, dangerouslyAllowHttpIssuer: true })

const gateway = (auth: TokenAuth | undefined, url = publicUrl) =>
  createGateway({ url, auth, servers: { '/mcp': () => new Response() }, logger: quiet })
const forwardAuth = (auth: TokenAuth, url = publicUrl) =>
  createForwardAuth({ url, auth, dialect: 'forwarded', servers: { '/mcp': {} }, logger: quiet })

const wrong: [string, () => TokenAuth, string][] = [
  ['an issuer', () => ({ issuer: http }), 'issuer'],
  ['an issuer in capitals', () => ({ issuer: 'HTTP://login.example.com' }), 'issuer'],
  ['an issuer with keys that are configured', () => ({ issuer: http, jwks: keySet(key) }), 'issuer'],
  ['an issuer by a preset', () => keycloak({ issuer: http }), 'issuer'],
  ['an issuer on a private address', () => ({ issuer: 'http://10.0.0.7:8080/' }), 'issuer'],
  ['an issuer that only starts like loopback', () => ({ issuer: 'http://127.0.0.1.example.com' }), 'issuer'],
  ['an authority made of an issuer', () => issuerAuthority({ issuer: http }), 'issuer'],
  ['an authority of its own', () => ({ issuer: http, protect }), 'issuer'],
  ['keys of an https issuer', () => ({ issuer: https, jwksUri: 'http://login.example.com/jwks' }), 'jwksUri'],
  [
    'keys of an authority made of an https issuer',
    () => issuerAuthority({ issuer: https, jwksUri: 'http://login.example.com/jwks' }),
    'jwksUri',
  ],
]

test.each(wrong)(
  'a public gateway and forward-auth refuse %s over plain http, and name the option',
  (_, auth, option) => {
    for (const create of [gateway, forwardAuth]) {
      expect(() => create(auth())).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
      expect(() => create(auth())).toThrow(new RegExp(`auth: the ${option} .* https .*dangerouslyAllowHttpIssuer`))
    }
  },
)

test.each(wrong.filter(([name]) => !name.includes('made of')))(
  'dangerouslyAllowHttpIssuer lets %s over plain http pass',
  (_, auth) => {
    const options = { ...auth(), dangerouslyAllowHttpIssuer: true }
    gateway(options)
    forwardAuth(options)
  },
)

test.each(wrong)('a gateway on loopback may have %s over plain http', (_, auth) => {
  gateway(auth(), 'http://127.0.0.1:8787')
  forwardAuth(auth(), 'http://localhost:8787')
})

test('dangerouslyAllowHttpIssuer of issuerAuthority lets its authority pass', () => {
  const options = { issuer: http, jwksUri: 'http://login.example.com/jwks', dangerouslyAllowHttpIssuer: true }
  gateway(issuerAuthority(options))
  forwardAuth(issuerAuthority(options))
})

test('createTokenVerifier alone refuses an issuer or keys over plain http, unless both ends are on this machine', () => {
  const audience = `${publicUrl}/mcp`
  expect(() => createTokenVerifier({ issuer: http, audience })).toThrow(/createTokenVerifier: the issuer .* https/)
  expect(() => createTokenVerifier({ issuer: http, audience: 'api://notes' })).toThrow(/issuer/)
  expect(() => createTokenVerifier({ issuer: http, audience: ['http://127.0.0.1:1/mcp', audience] })).toThrow(/issuer/)
  expect(() => createTokenVerifier({ issuer: https, jwksUri: 'http://login.example.com/jwks', audience })).toThrow(
    /jwksUri/,
  )
  createTokenVerifier({ issuer: 'http://127.0.0.1:9000', audience })
  createTokenVerifier({ issuer: http, audience: 'http://127.0.0.1:8787/mcp' })
  createTokenVerifier({ issuer: http, audience, dangerouslyAllowHttpIssuer: true })
})

test('a public gateway may have an issuer on its own machine: nothing leaves it', () => {
  for (const issuer of ['http://127.0.0.1:9000', 'http://localhost:9000/realms/acme', 'http://[::1]:9000']) {
    gateway({ issuer })
    gateway({ issuer: https, jwksUri: `${issuer}/jwks` })
    forwardAuth({ issuer })
  }
})

const from =
  (body: unknown, asked: string[] = []) =>
  async (url: string | URL) => {
    asked.push(String(url))
    return Response.json(String(url).includes('.well-known') ? body : keySet(key))
  }

test('an https issuer whose metadata leads to keys over plain http gets nobody in', async () => {
  const asked: string[] = []
  const audience = `${publicUrl}/mcp`
  const token = await sign(key, { iss: https, aud: audience })
  const metadata = { issuer: https, jwks_uri: 'http://login.example.com/jwks' }
  const options = { issuer: https, audience, fetch: from(metadata, asked) }
  const failure = await createTokenVerifier(options)
    .verifyAccessToken(token)
    .catch((error) => error)
  expect(failure).toMatchObject({ code: 'temporarily_unavailable' })
  expect(String(failure.cause)).toMatch(/jwks_uri.*https/)
  expect(asked).not.toContain(metadata.jwks_uri)
  await createTokenVerifier({
    ...options,
    jwksUri: metadata.jwks_uri,
    dangerouslyAllowHttpIssuer: true,
  }).verifyAccessToken(token)
})

test('an https issuer whose metadata leads to introspection over plain http learns no secret', async () => {
  const asked: string[] = []
  const verifier = createIntrospectionVerifier({
    issuer: https,
    audience: `${publicUrl}/mcp`,
    clientId: 'rs',
    clientSecret: 'secret',
    fetch: from({ issuer: https, introspection_endpoint: 'http://login.example.com/introspect' }, asked),
  })
  await expect(verifier.verifyAccessToken('opaque')).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  expect(asked).not.toContain('http://login.example.com/introspect')
})
