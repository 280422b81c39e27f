import { describe, expect, test } from 'vitest'
import { checkIssuedResource } from './issued-resource.js'
import { resourceMetadata } from './resource-metadata.js'
import { checkResource, resourceMetadataUrl } from './resource-url.js'

const resource = 'https://mcp.example.com/notes/mcp'
const authorizationServers = ['https://login.example.com']
const wellKnown = 'https://mcp.example.com/.well-known/oauth-protected-resource'
const get = (url: string, options: Partial<Parameters<typeof resourceMetadata>[0]> = {}, init?: RequestInit) =>
  resourceMetadata({ resource, authorizationServers, ...options })(new Request(url, init), {})

test.each([
  [resource, `${wellKnown}/notes/mcp`],
  ['https://mcp.example.com', wellKnown],
  ['https://mcp.example.com/', wellKnown],
  ['https://mcp.example.com/mcp/', `${wellKnown}/mcp/`],
  ['https://mcp.example.com/mcp?tenant=1', `${wellKnown}/mcp?tenant=1`],
  ['http://127.0.0.1:8787/mcp', 'http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp'],
  ['HTTPS://MCP.example.com/mcp', `${wellKnown}/mcp`],
])('[attack 7, R1, R6] the metadata of %s is at %s', (of, at) => {
  expect(resourceMetadataUrl(of)).toBe(at)
})

describe('the document', () => {
  test('[attack 7, R1] holds resource and issuers byte for byte as configured', async () => {
    for (const [as, at] of [
      [resource, `${wellKnown}/notes/mcp`],
      ['https://mcp.example.com', wellKnown],
      ['https://mcp.example.com/', wellKnown],
      ['HTTPS://MCP.example.com/mcp', `${wellKnown}/mcp`],
    ] as const) {
      const response = await get(at, {
        resource: as,
        authorizationServers: ['https://login.example.com', 'https://x/'],
      })
      expect(response.status).toBe(200)
      expect(response.headers.get('Content-Type')).toBe('application/json')
      expect(await response.json()).toEqual({
        resource: as,
        authorization_servers: ['https://login.example.com', 'https://x/'],
        bearer_methods_supported: ['header'],
      })
    }
  })

  test('[attack 8, R2] never lists offline_access', async () => {
    const response = await get(`${wellKnown}/notes/mcp`, { scopesSupported: ['notes:read', 'offline_access'] })
    expect(await response.json()).toMatchObject({ scopes_supported: ['notes:read'] })
  })

  test('[attack 4] is the same whatever the request says about its host', async () => {
    const response = await get(
      'https://evil.example/.well-known/oauth-protected-resource/notes/mcp',
      {},
      {
        headers: { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'http', Forwarded: 'host=evil.example' },
      },
    )
    expect(await response.text()).not.toContain('evil')
  })

  test('holds what else is known', async () => {
    const response = await get(`${wellKnown}/notes/mcp`, {
      resourceName: 'Notes',
      resourceDocumentation: 'https://docs.example.com',
      dpopAlgorithms: ['ES256'],
      dpopRequired: true,
    })
    expect(await response.json()).toMatchObject({
      resource_name: 'Notes',
      resource_documentation: 'https://docs.example.com',
      dpop_signing_alg_values_supported: ['ES256'],
      dpop_bound_access_tokens_required: true,
    })
  })
})

describe('paths', () => {
  test.each([
    wellKnown,
    `${wellKnown}/`,
    `${wellKnown}/notes`,
    `${wellKnown}/notes/mcp/x`,
    `${wellKnown}/NOTES/mcp`,
    `${wellKnown}notes/mcp`,
    'https://mcp.example.com/.well-known/oauth-authorization-server',
    'https://mcp.example.com/',
    'https://mcp.example.com/.well-known/%6fauth-protected-resource/notes/mcp',
  ])('[attack 3] %s is 404 as JSON, for any origin', async (url) => {
    const response = await get(url)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: 'not_found' })
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
  })

  test('[R6] tolerates a slash at the end', async () => {
    expect((await get(`${wellKnown}/notes/mcp/`)).status).toBe(200)
    expect((await get(`${wellKnown}/notes/mcp`, { resource: `${resource}/` })).status).toBe(200)
  })

  test('answers at the root form as well where it is told to', async () => {
    expect((await get(wellKnown, { root: true })).status).toBe(200)
    expect((await get(`${wellKnown}/notes/mcp`, { root: true })).status).toBe(200)
    expect((await get(`${wellKnown}/files/mcp`, { root: true })).status).toBe(404)
  })
})

describe('methods', () => {
  test('[attack 151] a preflight needs nothing and allows the headers of MCP clients', async () => {
    const response = await get(
      `${wellKnown}/notes/mcp`,
      {},
      { method: 'OPTIONS', headers: { Origin: 'https://x.example' } },
    )
    expect(response.status).toBe(204)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(response.headers.get('Access-Control-Allow-Credentials')).toBeNull()
    const allowed = response.headers.get('Access-Control-Allow-Headers')?.split(', ')
    expect(allowed).toEqual(expect.arrayContaining(['*', 'Authorization', 'MCP-Protocol-Version']))
    expect(response.headers.get('Access-Control-Allow-Methods')).toBe('GET, HEAD, OPTIONS')
  })

  test('[attack 156] HEAD is answered, POST is 405', async () => {
    expect(await (await get(`${wellKnown}/notes/mcp`, {}, { method: 'HEAD' })).text()).toBe('')
    const response = await get(`${wellKnown}/notes/mcp`, {}, { method: 'POST', body: '' })
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })
})

test.each([
  'notes',
  '/notes',
  'ftp://h/x',
  'https://h/x#f',
  'https://h/x#',
  'https://u:p@h/x',
  '',
  ' https://h/x',
  'https://h/x ',
  'https://h/a b',
  'https:h/x',
  'https:/h/x',
  'https:\\\\h\\x',
])('[R6] "%s" is no resource', (as) => {
  expect(() => resourceMetadata({ resource: as, authorizationServers })).toThrow(/resource/)
  expect(() => checkResource(as)).toThrow(/resource/)
})

test('a resource that tokens are issued for is https, and http on loopback alone; the error names the option', () => {
  for (const fine of ['https://h/x', 'http://127.0.0.1:8787/x', 'http://localhost/x', 'https://h/x?tenant=1']) {
    expect(() => checkIssuedResource(fine, 'resources')).not.toThrow()
  }
  expect(() => checkIssuedResource('http://h/x', 'resources')).toThrow(/^resources "http:\/\/h\/x" must use https/)
  expect(checkResource('http://h/x')).toBe('http://h/x')
})

test('a resource without an issuer is refused', () => {
  expect(() => resourceMetadata({ resource, authorizationServers: [] })).toThrow(/authorizationServers/)
})
