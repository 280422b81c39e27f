import { describe, expect, test } from 'vitest'
import { issuer, redirectUri, resource, type Setup, setUp } from '../../../../test/fixture.js'
import { testMetadata } from './test-metadata.js'

const secret = 'a-secret-of-a-resource-server'
const documents = new Map<string, unknown>()

function start(options: Parameters<typeof setUp>[0] = {}): Setup {
  return setUp({
    resources: [resource, `${issuer}/other/mcp`],
    scopes: { mcp: 'Use it', 'notes:read': 'Read notes' },
    resourceServers: [{ client_id: 'rs', client_secret: secret, resources: [resource] }],
    transport: async (url) => Response.json(documents.get(String(url))),
    ...options,
  })
}

const cases = ({ server }: Setup, change: (metadata: Record<string, unknown>) => unknown = () => {}) =>
  testMetadata({
    issuer: server.issuer,
    resource,
    redirectUri,
    resourceServer: { clientId: 'rs', clientSecret: secret },
    publish: (document) => {
      const url = `https://client.example.com/${documents.size}.json`
      documents.set(url, document(url))
      return url
    },
    fetch: async (url, init) => {
      const response = await server.fetch(new Request(url, init))
      if (!url.includes('/.well-known/')) return response
      const metadata = (await response.json()) as Record<string, unknown>
      change(metadata)
      return Response.json(metadata)
    },
  })

describe.each<[string, Parameters<typeof setUp>[0]]>([
  ['by default', {}],
  ['with opaque tokens', { accessTokens: 'opaque' }],
  ['with a path', { issuer: `${issuer}/tenant` }],
])('metadata tells the truth %s', (_, options) => {
  for (const { name, run } of cases(start(options))) test(`${name} [attack 6]`, run)
})

describe('and the suite notices when it does not', () => {
  test.each<[string, (metadata: Record<string, unknown>) => unknown]>([
    [
      'an endpoint that is not there',
      (metadata) => Object.assign(metadata, { revocation_endpoint: `${issuer}/nowhere` }),
    ],
    [
      'a method that does not work',
      (metadata) => (metadata.token_endpoint_auth_methods_supported as string[]).push('client_secret_jwt'),
    ],
    [
      'an algorithm that does not work',
      (metadata) => Object.assign(metadata, { token_endpoint_auth_signing_alg_values_supported: ['ES512'] }),
    ],
    ['a scope that nobody gets', (metadata) => (metadata.scopes_supported as string[]).push('admin')],
    ['a grant that is refused', (metadata) => (metadata.grant_types_supported as string[]).push('client_credentials')],
    ['a response mode', (metadata) => (metadata.response_modes_supported as string[]).push('form_post')],
    ['PKCE plain', (metadata) => (metadata.code_challenge_methods_supported as string[]).push('plain')],
    ['a resource', (metadata) => (metadata.protected_resources as string[]).push('https://other.example.com/mcp')],
    ['a member that nothing uses', (metadata) => Object.assign(metadata, { userinfo_endpoint: `${issuer}/userinfo` })],
    ['null', (metadata) => Object.assign(metadata, { registration_endpoint: null })],
    ['another issuer', (metadata) => Object.assign(metadata, { issuer: `${issuer}/` })],
  ])('%s', async (_, change) => {
    const results = await Promise.allSettled(cases(start(), change).map(({ run }) => run()))
    expect(results.some(({ status }) => status === 'rejected')).toBe(true)
  })
})
