import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import { cookieName, key, replica, type Servers, startServers, url, user } from '../../../test/vault-world.js'
import { GatewayError } from '../contract/gateway-error.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { createVault } from './create-vault.js'
import type { VaultOptions } from './vault-options.js'

let servers: Servers
beforeAll(async () => {
  servers = await startServers()
})
beforeEach(() => {
  // The provider tells that it runs with its defaults for development, which it does
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  servers.wiki.tokenRequests.length = 0
  servers.wiki.down = undefined
  servers.wiki.hold = undefined
})
afterAll(() => servers.close())

const text = (answer: { result?: unknown }) =>
  (answer.result as { content?: { text: string }[] } | undefined)?.content?.[0]?.text
const canOpenUrls = { elicitation: { url: {} } }
const meta = (capabilities: object) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': capabilities,
})
const whoami = { name: 'whoami', arguments: {} }

test('a caller is led to the vault, connects an account, and from then on is called for with it [attack 148]', async () => {
  const { call, connect, seen } = replica(servers)
  const before = await call('token-of-alice')
  expect(before.error).toMatchObject({ code: -31403, data: { url: `${url}/connect/wiki` } })
  expect(before.error?.message).toContain(`${url}/connect/wiki`)
  expect(seen).toEqual([])
  const { page } = await connect('alice')
  expect(page).toMatchObject({ status: 200, url: `${url}/connect/wiki` })
  expect(page.text).toContain('the &lt;Wiki&gt; is connected')
  expect(text(await call('token-of-alice'))).toBe('alice-at-wiki')
  // Nobody else has got anything by that, and the caller's own token went nowhere
  expect((await call('token-of-bob')).error).toMatchObject({ code: -31403 })
  expect(seen).toHaveLength(1)
  expect(seen.join()).not.toContain('token-of')
  expect(servers.wiki.tokenRequests.join()).not.toContain('token-of')
})

test('a modern client that can open URLs is asked, and its answer stays here', async () => {
  const { call, connect, mcp } = replica(servers)
  const params = { ...whoami, _meta: meta(canOpenUrls) }
  const asked = await call('token-of-alice', { params })
  expect(asked.result).toEqual({
    resultType: 'input_required',
    inputRequests: {
      'mcp-gateway:connect': {
        method: 'elicitation/create',
        params: { mode: 'url', message: expect.stringContaining('the <Wiki>'), url: `${url}/connect/wiki` },
      },
    },
  })
  // A user who does not want to is not asked again
  const answer = (action: string) => ({ ...params, inputResponses: { 'mcp-gateway:connect': { action }, other: 1 } })
  expect((await call('token-of-alice', { params: answer('decline') })).error).toMatchObject({ code: -31403 })
  await connect('alice')
  expect(text(await call('token-of-alice', { params: answer('accept') }))).toBe('alice-at-wiki')
  expect(mcp.requests.at(-1)?.message?.params?.inputResponses).toEqual({ other: 1 })
  const alone = { ...params, inputResponses: { 'mcp-gateway:connect': { action: 'accept' } } }
  await call('token-of-alice', { params: alone })
  expect(mcp.requests.at(-1)?.message?.params).toEqual(params)
})

test('a modern request that may not be answered with a question gets an error with the address', async () => {
  const { call } = replica(servers)
  const { error } = await call('token-of-alice', { method: 'tools/list', params: { _meta: meta(canOpenUrls) } })
  expect(error).toMatchObject({ code: -31403, message: expect.stringContaining(`${url}/connect/wiki`) })
})

const initialize = (protocolVersion: string, capabilities: object) => ({
  era: 'legacy' as const,
  method: 'initialize',
  params: { protocolVersion, capabilities, clientInfo: { name: 'test', version: '1' } },
})

test.each([
  ['2025-11-25', canOpenUrls, -32042],
  ['2025-11-25', { elicitation: {} }, -31403],
  ['2025-06-18', canOpenUrls, -31403],
])('a legacy client of %s with %j gets error %i', async (version, capabilities, code) => {
  const { call } = replica(servers)
  const { error, status } = await call('token-of-alice', initialize(version, capabilities))
  expect({ code: error?.code, status }).toEqual({ code, status: 200 })
  if (code !== -32042) return
  expect(error?.data).toEqual({
    elicitations: [
      { mode: 'url', elicitationId: expect.any(String), url: `${url}/connect/wiki`, message: expect.any(String) },
    ],
  })
})

test('a grant that was taken back is noticed, dropped, and asked for again in the session under way', async () => {
  const { call, connect, vault, seen } = replica(servers)
  await connect('alice')
  const session = async (capabilities: object) =>
    (await call('token-of-alice', initialize('2025-11-25', capabilities))).session ?? ''
  const able = await session(canOpenUrls)
  const unable = await session({})
  const legacy = (session: string) => ({ era: 'legacy' as const, headers: { 'Mcp-Session-Id': session } })
  expect(text(await call('token-of-alice', legacy(able)))).toBe('alice-at-wiki')
  await servers.wiki.takeBack('alice-at-wiki')
  seen.length = 0
  expect((await call('token-of-alice', legacy(able))).error).toMatchObject({ code: -32042 })
  expect(seen).toHaveLength(1)
  expect(servers.wiki.tokenRequests.at(-1)?.get('grant_type')).toBe('refresh_token')
  expect(await vault.connections(user('token-of-alice', servers.login.issuer))).toEqual([])
  expect((await call('token-of-alice', legacy(unable))).error).toMatchObject({ code: -31403 })
  // Neither the upstream nor its issuer is asked again in vain
  expect(seen).toHaveLength(1)
  expect(servers.wiki.tokenRequests.filter((form) => form.get('grant_type') === 'refresh_token')).toHaveLength(1)
})

test('an upstream that refuses even a new token ends the grant', async () => {
  const { call, connect, vault } = replica(servers)
  await connect('alice')
  const { wiki } = servers
  const accountOf = vi.spyOn(wiki, 'accountOf').mockResolvedValue(undefined)
  expect((await call('token-of-alice')).error).toMatchObject({ code: -31403 })
  expect(accountOf).toHaveBeenCalledTimes(2)
  accountOf.mockRestore()
  expect(await vault.connections(user('token-of-alice', servers.login.issuer))).toEqual([])
})

const minutes = (count: number) => Date.now() + count * 60_000

test('of 50 callers over two replicas one refreshes, and the rotated token serves all', async () => {
  const storage = sharedMemory()
  let now = Date.now
  const [one, two] = [0, 1].map(() => replica(servers, storage, { now: () => now() }))
  await one?.connect('alice')
  now = () => minutes(4.6)
  servers.wiki.tokenRequests.length = 0
  const replicas = [one, two].map((each) => each as NonNullable<typeof one>)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => replicas[index % 2]?.call('token-of-alice')),
  )
  expect(answers.map((answer) => text(answer ?? {}))).toEqual(Array.from({ length: 50 }, () => 'alice-at-wiki'))
  expect(servers.wiki.tokenRequests).toHaveLength(1)
  // The upstream would have taken back everything had its old refresh token come a second time
  now = () => minutes(9.3)
  expect(text((await two?.call('token-of-alice')) ?? {})).toBe('alice-at-wiki')
  expect(servers.wiki.tokenRequests).toHaveLength(2)
})

test('who waits for a refresh in another replica that died goes on after its claim', async () => {
  const storage = sharedMemory()
  let now = Date.now
  const dying = replica(servers, storage, { now: () => now() })
  const other = replica(servers, storage, { now: () => now() })
  await dying.connect('alice')
  now = () => minutes(5.1)
  servers.wiki.tokenRequests.length = 0
  let arrived: (() => void) | undefined
  const asked = new Promise<void>((resolve) => {
    arrived = resolve
  })
  servers.wiki.hold = async () => {
    arrived?.()
    await new Promise(() => {})
  }
  void dying.call('token-of-alice').catch(() => {})
  await asked
  servers.wiki.hold = undefined
  const reads = vi.spyOn(storage, 'get')
  const waiting = other.call('token-of-alice')
  await vi.waitFor(() => expect(reads.mock.calls.length).toBeGreaterThan(3), { timeout: 20_000 })
  expect(servers.wiki.tokenRequests).toEqual([])
  now = () => minutes(5.1) + 41_000
  expect(text(await waiting)).toBe('alice-at-wiki')
})

test('while the issuer is down a token that works is used on, and then it is 503 with the grant untouched [attack 69]', async () => {
  let now = Date.now
  const { call, connect } = replica(servers, sharedMemory(), { now: () => now() })
  await connect('alice')
  servers.wiki.down = 503
  now = () => minutes(4.6)
  expect(text(await call('token-of-alice'))).toBe('alice-at-wiki')
  now = () => minutes(5.1)
  expect(await call('token-of-alice')).toMatchObject({ status: 503 })
  servers.wiki.down = undefined
  expect(text(await call('token-of-alice'))).toBe('alice-at-wiki')
})

test('users see and end what they have connected', async () => {
  const { vault, connect, call } = replica(servers)
  const [alice, bob] = ['alice', 'bob'].map((name) => user(`token-of-${name}`, servers.login.issuer))
  if (!alice || !bob) throw new Error('nobody there')
  const { person, page } = await connect('alice')
  await connect('bob')
  expect(await vault.connections(alice)).toEqual([
    { upstream: 'wiki', scope: expect.stringContaining('openid'), connectedAt: expect.any(Number) },
  ])
  expect((await person.open(`${url}/connect`)).text).toContain('(connected)')
  expect((await person.submit(page)).text).toContain('Connect your account at the &lt;Wiki&gt;')
  expect(await vault.connections(alice)).toEqual([])
  expect(await vault.disconnect(alice, 'wiki')).toBe(false)
  expect(text(await call('token-of-bob'))).toBe('bob-at-wiki')
  expect(await vault.disconnect(bob, 'wiki')).toBe(true)
  expect((await call('token-of-bob')).error).toMatchObject({ code: -31403 })
  await expect(vault.disconnect(bob, 'other')).rejects.toMatchObject({ code: 'invalid_configuration' })
})

test('nothing that is stored can be read, and a record that was moved or is for another client is worth nothing', async () => {
  const storage = sharedMemory()
  const { connect, call, seen } = replica(servers, storage)
  const values: string[] = []
  for (const verb of ['set', 'compareAndSet'] as const) {
    const inner = storage[verb].bind(storage) as (...args: unknown[]) => Promise<unknown>
    Object.assign(storage, {
      [verb]: (...args: unknown[]) => {
        values.push(JSON.stringify(args))
        return inner(...args)
      },
    })
  }
  await connect('alice')
  await call('token-of-alice')
  const [token = ''] = seen
  expect(token).not.toBe('')
  expect(values.join()).not.toMatch(new RegExp(`${token}|alice|verifier|accessToken`))
  const keyOf = (text: string) => (JSON.parse(text) as string[])[0] ?? ''
  const grant = keyOf(values.find((value) => value.startsWith('["vault:grant:')) ?? '[]')
  const stolen = (await storage.get(grant))?.value ?? ''
  await connect('bob')
  const bobs = values.map(keyOf).find((name) => name.startsWith('vault:grant:') && name !== grant) ?? ''
  await storage.set(bobs, stolen, { ttl: null })
  expect((await call('token-of-bob')).error).toMatchObject({ code: -31403 })
  const { issuer, clientSecret } = servers.wiki
  const upstreams = { wiki: { issuer, clientId: 'another-client', clientSecret, scope: 'openid' } }
  expect((await replica(servers, storage, { upstreams }).call('token-of-alice')).error).toMatchObject({ code: -31403 })
  const other = replica(servers, storage, { encryptionKeys: [Buffer.alloc(32, 9).toString('base64')] })
  expect(await other.call('token-of-alice')).toMatchObject({ status: 500 })
  const both = replica(servers, storage, { encryptionKeys: [Buffer.alloc(32, 9).toString('base64'), key] })
  expect(text(await both.call('token-of-alice'))).toBe('alice-at-wiki')
})

test.each<[string, Partial<VaultOptions>]>([
  ['a public address without encryption', { encryptionKeys: [] }],
  ['a bad key', { encryptionKeys: ['short'] }],
  ['plain http', { url: 'http://mcp.example.com/connect' }],
  ['no path', { url: 'https://mcp.example.com' }],
  ['a slash at its end', { url: 'https://mcp.example.com/connect/' }],
  ['a storage of one process', { storage: memoryStorage() }],
  ['no upstreams', { upstreams: {} }],
  ['a name that is a path', { upstreams: { 'a/b': { issuer: 'https://a.example', clientId: 'a', scope: '' } } }],
  ['a name that is taken', { upstreams: { 'sign-in': { issuer: 'https://a.example', clientId: 'a', scope: '' } } }],
  ['no lifetime', { lifetime: 0 }],
  ['a sign-in that tells nobody', { signIn: { issuer: 'https://a.example', clientId: 'a', scope: 'profile' } }],
])('%s is refused at construction', (_what, wrong) => {
  const options: VaultOptions = {
    url: `${url}/connect`,
    storage: sharedMemory(),
    encryptionKeys: [key],
    signIn: { issuer: 'https://login.example.com', clientId: 'vault' },
    upstreams: { wiki: { issuer: 'https://wiki.example.com', clientId: 'gateway', scope: 'read' } },
  }
  expect(() => createVault(options)).not.toThrow()
  expect(() => createVault({ ...options, ...wrong })).toThrow(
    expect.objectContaining({ code: 'invalid_configuration' }),
  )
  expect(() => createVault(options).token('other')).toThrow(expect.objectContaining({ code: 'invalid_configuration' }))
})

test('a loopback vault may store in plain', () => {
  const loopback = {
    url: 'http://127.0.0.1:8787/connect',
    storage: sharedMemory(),
    signIn: { issuer: 'https://login.example.com', clientId: 'vault' },
    upstreams: { wiki: { issuer: 'https://wiki.example.com', clientId: 'gateway', scope: 'read' } },
  }
  expect(() => createVault(loopback)).not.toThrow()
})

test('a store that is away is 503, and takes nobody for a user without a grant [attack 159]', async () => {
  const storage = sharedMemory()
  const { call, connect, gateway } = replica(servers, storage)
  const { person } = await connect('alice')
  const cookie = `${cookieName}=${person.jars.get('mcp.example.com')?.get(cookieName)}`
  const get = vi.spyOn(storage, 'get').mockRejectedValue(new GatewayError('temporarily_unavailable', 'away'))
  expect(await call('token-of-alice')).toMatchObject({ status: 503 })
  const page = await gateway.fetch(new Request(`${url}/connect/wiki`, { headers: { cookie } }))
  expect([page.status, page.headers.get('retry-after')]).toEqual([503, '5'])
  get.mockRestore()
  expect(text(await call('token-of-alice'))).toBe('alice-at-wiki')
})
