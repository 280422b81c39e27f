import {
  anyVerifier,
  bearerAuth,
  compose,
  createTokenVerifier,
  GatewayError,
  mountable,
  resourceMetadata,
  resourceMetadataUrl,
  toSdkVerifier,
} from '@mcp-gateway/core'
import {
  apiKeyPolicy,
  apiKeysFromFolder,
  createApiKeyManagement,
  createApiKeys,
  createApiKeyVerifier,
  dangerouslyDemoKey,
  secretScanning,
} from '@mcp-gateway/core/api-keys'
import { dpop } from '@mcp-gateway/core/dpop'
import { translateEras } from '@mcp-gateway/core/eras'
import {
  cors,
  createGateway,
  fromFetchServer,
  issuerAuthority,
  message,
  originCheck,
  rateLimit,
  requireScopes,
} from '@mcp-gateway/core/gateway'
import { guards, personalData, secrets, size } from '@mcp-gateway/core/guards'
import { clientCertificate, dangerouslyTrustedHeaders, forwardedIdentity } from '@mcp-gateway/core/identity'
import { createNetworkLimit, hostCheck } from '@mcp-gateway/core/internal'
import { createIntrospectionVerifier } from '@mcp-gateway/core/introspection'
import { createSigningKeys } from '@mcp-gateway/core/keys'
import { createLogger } from '@mcp-gateway/core/logging'
import { toRouteHandlers } from '@mcp-gateway/core/next'
import { clientAddress, toNodeHandler } from '@mcp-gateway/core/node'
import { createOAuthClient } from '@mcp-gateway/core/oauth-client'
import { createOutboundFetch } from '@mcp-gateway/core/outbound'
import { allOf, anyOf, cached, createPinning, pinningHandler, policy, shadow, toolSets } from '@mcp-gateway/core/policy'
import { auth0, cognito, entra, google, keycloak, okta } from '@mcp-gateway/core/presets'
import { proxy } from '@mcp-gateway/core/proxy'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { clientCredentials, connectPrompt, identityAssertion, tokenExchange } from '@mcp-gateway/core/upstream-token'
import { createVault } from '@mcp-gateway/core/vault'
import { createForwardAuth } from '@mcp-gateway/forward-auth'
import { toNodeHandler as forwardAuthToNodeHandler } from '@mcp-gateway/forward-auth/node'
import { createAuthorizationServer, devLogin, github, oidc } from '@mcp-gateway/oauth-server'
import { createStdioBridge } from '@mcp-gateway/stdio-bridge'
import { encryptedStorage } from '@mcp-gateway/storage-adapters/encrypted'
import { postgresSchema, postgresStorage } from '@mcp-gateway/storage-adapters/postgres'
import { redisStorage } from '@mcp-gateway/storage-adapters/redis'
import { sqliteStorage } from '@mcp-gateway/storage-adapters/sqlite'
import { singleProcessUnstorage, unstorageStorage } from '@mcp-gateway/storage-adapters/unstorage'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { sharedMemory } from '../servers/shared-memory.js'

type Call = (...values: never[]) => unknown

const storage = sharedMemory()
const key = Buffer.alloc(32, 7).toString('base64')
const handler = () => new Response()
const piece = mountable({ handle: handler })
const verifier = { verifyAccessToken: async () => ({ token: '', clientId: '', scopes: [] }) }
const issuer = 'https://login.example.com'
const client = { issuer, clientId: 'gateway', clientSecret: 'a secret of some length' }
const url = 'https://mcp.example.com'
const limit = { limit: 1, window: 1 }
const keys = createSigningKeys({ issuer, storage, encryptionKeys: [key] })
const apiKeys = createApiKeys({ storage })
const noop = async () => undefined
const allow = () => ({ allow: true as const })

/** Every public function that takes options, with arguments that it accepts. */
const calls: readonly (readonly [name: string, call: Call, ...values: unknown[]])[] = [
  ['createGateway', createGateway, gatewayOptions()],
  ['cors', cors, { allowedOrigins: [url] }],
  ['originCheck', originCheck, { allowedOrigins: [url], allowedHosts: ['mcp.example.com'] }],
  ['rateLimit', rateLimit, { storage, by: 'address', ...limit }],
  ['fromFetchServer', fromFetchServer, { fetch: handler }],
  ['message', message, { maxBytes: 10 }],
  ['proxy', proxy, [`${url}/mcp`], { headers: { 'X-Key': 'x' }, healthCheck: { path: '/health', interval: 1 } }],
  ['proxy with a token', proxy, [`${url}/mcp`], { token: { get: noop, drop: noop, prompt: connectPrompt } }],
  ['translateEras', translateEras, { maxSessions: 10 }],
  ['dpop', dpop, { storage, algorithms: ['ES256'] }],
  ['anyVerifier', anyVerifier, [verifier]],
  ['bearerAuth', bearerAuth, { verifier, resource: url, requiredScopes: ['a'], scopeHierarchy: { a: ['b'] } }],
  ['compose', compose, [handler], handler],
  ['createLogger', createLogger, { level: 'silent', write: noop }],
  ['createNetworkLimit', createNetworkLimit, { storage, key: () => 'x', ...limit }],
  ['createTokenVerifier', createTokenVerifier, { issuer, audience: [url], jwks: { keys: [] } }],
  ['issuerAuthority', issuerAuthority, { issuer, audience: url }],
  ['forwardedIdentity', forwardedIdentity as Call, { issuer, audience: url, jwks: { keys: [] }, healthPaths: ['/up'] }],
  [
    'dangerouslyTrustedHeaders',
    dangerouslyTrustedHeaders as Call,
    { trustedProxies: ['10.0.0.5'], resource: url, headers: { userId: 'Remote-User' } },
  ],
  [
    'clientCertificate',
    clientCertificate as Call,
    { trustedProxies: ['10.0.0.5'], from: 'nginx', headers: { verify: 'X-Verified' }, resource: url },
  ],
  ['createApiKeys', createApiKeys, { storage, prefix: 'acme', peppers: [{ version: '1', secret: 'x'.repeat(32) }] }],
  ['createApiKeyVerifier', createApiKeyVerifier, apiKeys, { resource: url, header: 'x-api-key', maxAge: 1 }],
  ['apiKeyPolicy', apiKeyPolicy, apiKeys],
  ['apiKeysFromFolder', apiKeysFromFolder, '/etc/keys', { issuer, maxAge: 1 }],
  ['dangerouslyDemoKey', dangerouslyDemoKey, { key: 'demo-token-12345', roles: ['viewer'] }],
  ['secretScanning', secretScanning, { keys: apiKeys, onLeak: noop }],
  ['createApiKeyManagement', createApiKeyManagement, { url: `${url}/keys`, keys: apiKeys, auth: { issuer } }],
  ['policy', policy as Call, allow, { refusals: 'error', labels: { tools: { a: { risk: 'low' } } }, timeout: 1 }],
  ['toolSets', toolSets as Call, { a: { roles: ['x'], tools: ['y', { name: 'z' }] } }, { adminRoles: ['root'] }],
  ['allOf', allOf, [allow]],
  ['anyOf', anyOf, [allow]],
  ['shadow', shadow as Call, allow, allow, { timeout: 1 }],
  ['cached', cached as Call, allow, { maxAge: 1, maxEntries: 10 }],
  ['createPinning', createPinning as Call, { storage, mode: 'approval', maxAge: 1 }],
  ['pinningHandler', pinningHandler as Call, { pinning: createPinning({ storage }), isOperator: () => true }],
  ['guards', guards as Call, [secrets()], { onFinding: noop }],
  ['personalData', personalData as Call, { action: 'mask', in: ['result'] }],
  ['secrets', secrets as Call, { action: 'block' }],
  ['size', size as Call, { maxResult: 10 }],
  ['hostCheck', hostCheck, [url], ['mcp.example.com']],
  ['memoryStorage', memoryStorage, { maxEntries: 10 }],
  ['mountable', mountable, { handle: handler }],
  ['requireScopes', requireScopes, { operations: { 'tools/call': ['a'], 'prompts/get': { x: ['a'] } } }],
  ['resourceMetadata', resourceMetadata, { resource: url, authorizationServers: [issuer] }],
  ['resourceMetadataUrl', resourceMetadataUrl, url],
  ['toSdkVerifier', toSdkVerifier, verifier, () => new Error()],
  ['createIntrospectionVerifier', createIntrospectionVerifier, { ...client, audience: url, profile: {} }],
  ['createSigningKeys', createSigningKeys, { issuer, storage, encryptionKeys: [key] }],
  ['toRouteHandlers', toRouteHandlers, piece],
  ['toNodeHandler', toNodeHandler, piece, { trustedProxies: ['10.0.0.0/8'] }],
  ['clientAddress', clientAddress, ['10.0.0.0/8']],
  ['createOAuthClient', createOAuthClient, { ...client, scope: 'a', endpoints: { authorization: url, token: url } }],
  ['clientCredentials', clientCredentials, client],
  ['tokenExchange', tokenExchange, { ...client, audience: 'notes' }],
  ['identityAssertion', identityAssertion, { ...client, resource: url, identityProvider: client }],
  [
    'createVault',
    createVault,
    {
      url: 'http://127.0.0.1:8787/connect',
      storage,
      encryptionKeys: [key],
      signIn: client,
      upstreams: { wiki: { ...client, scope: 'a', parameters: { prompt: 'consent' } } },
    },
  ],
  ['createOutboundFetch', createOutboundFetch, { destinations: 'configured' }],
  ['auth0', auth0, { domain: 'example.eu.auth0.com' }],
  ['cognito', cognito, { userPoolId: 'eu-central-1_AbCdEfGhI', clientIds: ['a'] }],
  [
    'entra',
    entra,
    { tenantId: '00000000-0000-0000-0000-000000000000', clientId: '00000000-0000-0000-0000-000000000000' },
  ],
  ['google', google, { hostedDomain: 'example.com' }],
  ['keycloak', keycloak, { issuer }],
  ['okta', okta, { issuer }],
  ['createAuthorizationServer', createAuthorizationServer, authorizationServerOptions()],
  ['github', github, { clientId: 'a', clientSecret: 'b', allow: { users: ['alice'] } }],
  ['oidc', oidc, { ...client, profile: {} }],
  ['createForwardAuth', createForwardAuth, forwardAuthOptions()],
  [
    'toNodeHandler of forward-auth',
    forwardAuthToNodeHandler,
    createForwardAuth(forwardAuthOptions()),
    { trustedProxies: ['10.0.0.0/8'] },
  ],
  [
    'createStdioBridge',
    createStdioBridge,
    { command: 'node', args: ['x'], env: { A: 'b' }, stopGrace: [1, 1], path: '/mcp' },
  ],
  ['encryptedStorage', encryptedStorage, storage, [key]],
  ['postgresStorage', postgresStorage, { query: noop }, { table: 'a', timeout: 1 }],
  ['postgresSchema', postgresSchema, 'a'],
  ['redisStorage', redisStorage, { get: noop, eval: noop, evalsha: noop }, { prefix: 'a', timeout: 1 }],
  ['sqliteStorage', sqliteStorage, { prepare: noop, exec: noop }, { table: 'a' }],
  [
    'singleProcessUnstorage',
    singleProcessUnstorage,
    { getItem: noop, setItem: noop, removeItem: noop, getKeys: noop },
    { base: 'a' },
  ],
  [
    'unstorageStorage',
    unstorageStorage,
    { getMount: () => ({ driver: { name: 'redis', getInstance: noop } }) },
    { prefix: 'a' },
  ],
]

function gatewayOptions() {
  return {
    url,
    auth: { issuer },
    servers: { '/a/mcp': handler, '/b/mcp': { server: piece, requiredScopes: ['a'], scopeHierarchy: {} } },
    storage,
    rateLimits: { address: limit, identity: limit },
    message: { maxBytes: 10 },
    readiness: { a: noop },
    logger: createLogger({ level: 'silent' }),
    logging: { userKey: 'a key that all replicas have, and nobody else' },
    observe: noop,
  }
}

function authorizationServerOptions() {
  return {
    issuer: 'http://127.0.0.1:8787',
    storage,
    identityProvider: devLogin(),
    scopes: { a: 'Everything' },
    lifetimes: { code: 60 },
    registration: { perAddress: 1, softwareStatements: [] },
    loginLimits: { total: 10 },
    clients: [
      { client_id: 'a', client_secret: 'a secret of some length', redirect_uris: ['https://a.example.com/callback'] },
    ],
    resourceServers: [{ client_id: 'r', client_secret: 'a secret of some length', resources: [url] }],
    pages: { name: 'A' },
  }
}

function forwardAuthOptions() {
  return {
    url,
    auth: { issuer },
    dialect: 'forwarded' as const,
    servers: { '/a/mcp': { requiredScopes: ['a'] } },
    headers: { userId: 'X-User' },
    assertion: { keys, lifetime: 60 },
  }
}

const garbage: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -1,
  1.5,
  Number.NaN,
  12n,
  '',
  'x',
  'redis://user:hunter2@127.0.0.1',
  Symbol('x'),
  [],
  [undefined],
  [null],
  [1],
  ['x'],
  {},
  { x: 1 },
  { x: null },
  Object.create(null),
  new Map(),
  new Set(['x']),
  new Date(0),
  () => undefined,
]

/** Every place in the arguments that the function looks at, as found out by watching it. */
function places(call: Call, values: readonly unknown[]): (readonly (string | number)[])[] {
  const seen = new Map<string, readonly (string | number)[]>()
  const watched = (value: unknown, path: readonly (string | number)[]): unknown => {
    seen.set(JSON.stringify(path), path)
    const isOptions = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    if (!isOptions || path.length > 4) return value
    return new Proxy(value, {
      get: (target, name) => {
        const inner = Reflect.get(target, name)
        return typeof name === 'symbol' ? inner : watched(inner, [...path, name])
      },
    })
  }
  call(...(values.map((value, index) => watched(value, [index])) as never[]))
  return [...seen.values()]
}

function replaced(value: unknown, [first, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (first === undefined) return by
  if (Array.isArray(value)) return value.map((one, index) => (index === first ? replaced(one, rest, by) : one))
  const members = value as Readonly<Record<string, unknown>>
  return { ...members, [first]: replaced(members[first], rest, by) }
}

/** What a call threw that is no clear refusal of this very option; `undefined` if it accepted the value. */
function fault(name: string, call: Call, values: readonly unknown[], path: readonly (string | number)[]) {
  try {
    call(...(values as never[]))
    return undefined
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'invalid_configuration') return error
    const names = [name.split(' ')[0] ?? '', ...path.slice(1).map(String)]
    const isNamed = path.length === 1 ? error.message !== '' : names.slice(1).some((one) => error.message.includes(one))
    if (!isNamed) return `does not name ${path.join('.')}: ${error.message}`
    return error.message.includes('hunter2') ? `tells a secret: ${error.message}` : undefined
  }
}

it.each(calls.map(([name, call, ...values]) => ({ name, call, values })))(
  '$name refuses what is wrong for any of its options by its name, and starts nothing',
  ({ name, call, values }) => {
    const fetched = vi.spyOn(globalThis, 'fetch')
    const before = process.getActiveResourcesInfo().length
    const faults: string[] = []
    for (const path of places(call, values)) {
      for (const value of garbage) {
        const found = fault(name, call, replaced(values, path, value) as unknown[], path)
        if (found !== undefined) faults.push(`${path.join('.')} = ${shown(value)}: ${found}`)
      }
    }
    expect(faults).toEqual([])
    expect(fetched).not.toHaveBeenCalled()
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before)
  },
)

it('refuses options that nobody thought of, too', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...calls),
      fc.infiniteStream(fc.anything({ maxDepth: 2 })),
      fc.nat(),
      (row, junk, at) => {
        const [name, call, ...values] = row
        const all = places(call, values)
        const path = all[at % all.length] ?? [0]
        const found = fault(name, call, replaced(values, path, junk.next().value) as unknown[], path)
        expect(found).toBeUndefined()
      },
    ),
    { numRuns: 1500 },
  )
})

const sentences: readonly (readonly [what: string, call: () => unknown, message: RegExp])[] = [
  [
    'a missing storage',
    () => createAuthorizationServer({ ...authorizationServerOptions(), storage: undefined as never }),
    /createAuthorizationServer: storage is missing; give a Storage, such as memoryStorage\(\)/,
  ],
  [
    'a missing identity provider',
    () => createAuthorizationServer({ ...authorizationServerOptions(), identityProvider: undefined as never }),
    /identityProvider is missing; give github\(…\), oidc\(…\), or devLogin\(\)/,
  ],
  [
    'an issuer as auth',
    () => createGateway({ ...gatewayOptions(), auth: issuer as never }),
    /createGateway: auth must not be this string; give \{ issuer: 'https:/,
  ],
  [
    'a URL as a server',
    () => createGateway({ ...gatewayOptions(), servers: { '/mcp': 'http://127.0.0.1/mcp' as never } }),
    /servers\["\/mcp"\] must not be this string; give a handler such as proxy\(…\)/,
  ],
  [
    'one scope in place of a list',
    () =>
      createGateway({ ...gatewayOptions(), servers: { '/mcp': { server: handler, requiredScopes: 'x' as never } } }),
    /servers\["\/mcp"\]\.requiredScopes must not be this string; give a list of strings/,
  ],
  [
    'a proxy without an address',
    () => (proxy as () => unknown)(),
    /url of proxy is missing; give the address of an MCP server/,
  ],
  [
    'a Map as storage',
    () => createGateway({ ...gatewayOptions(), storage: new Map() as never }),
    /createGateway: storage must not be an object of Map, which has no function add; give a Storage/,
  ],
  [
    'a server object of the MCP SDK',
    () =>
      createGateway({ ...gatewayOptions(), servers: { '/mcp': new McpServer({ name: 'a', version: '1' }) as never } }),
    /servers\["\/mcp"\].*createMcpHandler\(\(\) => buildServer\(\)\)/,
  ],
  [
    'a server object of the MCP SDK within settings',
    () =>
      createGateway({
        ...gatewayOptions(),
        servers: { '/mcp': { server: new McpServer({ name: 'a', version: '1' }) as never } },
      }),
    /servers\["\/mcp"\]\.server.*createMcpHandler/,
  ],
  ['an address of Redis', () => redisStorage('redis://127.0.0.1' as never), /client of redisStorage.*new Redis\(url\)/],
  [
    'an address of Postgres',
    () => postgresStorage('postgres://127.0.0.1' as never),
    /pool of postgresStorage.*pg\.Pool/,
  ],
  ['a path of SQLite', () => sqliteStorage('gateway.db' as never), /database of sqliteStorage.*not a path/],
  [
    'true as trusted proxies',
    () => toNodeHandler(piece, { trustedProxies: true as never }),
    /trustedProxies must not be true; give a list of strings/,
  ],
  [
    'an empty secret at GitHub',
    () => github({ clientId: 'a', clientSecret: '' }),
    /github: clientSecret must not be an empty string/,
  ],
  [
    'an empty secret at a provider',
    () => oidc({ ...client, clientSecret: '' }),
    /oidc: clientSecret must not be an empty/,
  ],
]

it.each(sentences)('says for %s which option it is and what to give', (_what, call, sentence) => {
  expect(call).toThrow(GatewayError)
  expect(call).toThrow(sentence)
})

function shown(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(shown)}]` : Object.prototype.toString.call(value)
}
