import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApiKeyVerifier } from './api-key-verifier.js'
import { dangerouslyDemoKey } from './demo-key.js'
import { apiKeysFromFolder } from './keys-from-folder.js'

let folder: string
let lines: string[]
const line = (fields: object, text: string) => void lines.push(`${text} ${JSON.stringify(fields)}`)
const logger = { debug: line, info: line, warn: line, error: line }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  folder = mkdtempSync(join(tmpdir(), 'keys-'))
  lines = []
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(folder, { recursive: true, force: true })
})

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const secretOf = () => randomBytes(32).toString('hex')
const fieldsOf = (key: string, more: Record<string, string | undefined> = {}) => ({
  key,
  username: 'alice',
  roles: 'mcp-viewer, mcp-dba',
  'created-at': '2026-11-30T10:00:00Z',
  'expires-at': 'never',
  'keycloak-user-id': '0b1c2d3e-0000-4000-8000-000000000001',
  ...more,
})

let mounts = 0

/** Writes a Secret as the kubelet does: the files in a folder of their own, which `..data` is changed to in one step. */
function mount(at: string, fields: Record<string, string | undefined>): void {
  const version = `..2026_11_30_10_00_00.${++mounts}`
  mkdirSync(join(at, version), { recursive: true })
  for (const [name, text] of Object.entries(fields)) {
    if (text === undefined) continue
    writeFileSync(join(at, version, name), text)
    rmSync(join(at, name), { force: true })
    symlinkSync(join('..data', name), join(at, name))
  }
  symlinkSync(version, join(at, '..data_tmp'))
  renameSync(join(at, '..data_tmp'), join(at, '..data'))
}

const source = () => apiKeysFromFolder(folder, { logger })
const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: { reason?: string; code?: string }) => error.reason ?? error.code,
  )

describe('keys of mounted Secrets', () => {
  test('work with the id, the person and the roles that are written there', async () => {
    const key = secretOf()
    mount(join(folder, 'mcp-api-key-alice-1796032800'), fieldsOf(`${key}\n`))
    const auth = await createApiKeyVerifier(source(), { resource: 'https://mcp.example.com/mcp' }).verifyAccessToken(
      key,
    )
    expect(auth).toMatchObject({
      clientId: 'mcp-api-key-alice-1796032800',
      scopes: [],
      extra: {
        issuer: 'apikey',
        subject: '0b1c2d3e-0000-4000-8000-000000000001',
        roles: ['mcp-viewer', 'mcp-dba'],
        credentialId: 'mcp-api-key-alice-1796032800',
        claims: { preferred_username: 'alice' },
      },
    })
    const ofIssuer = apiKeysFromFolder(folder, { issuer: 'https://login.example.com/realms/mcp' })
    expect((await ofIssuer.identify(key)).issuer).toBe('apikey:https://login.example.com/realms/mcp')
    expect(await source().limitsOf('mcp-api-key-alice-1796032800')).toEqual({})
    expect(await source().limitsOf('another')).toBeUndefined()
  })

  test('are found where the folder is one Secret itself', async () => {
    const key = secretOf()
    mount(folder, fieldsOf(key, { 'keycloak-user-id': undefined }))
    expect(await source().identify(key)).toMatchObject({ subject: 'alice' })
  })

  test('are read again when a mount was exchanged, a Secret was added, or removed', async () => {
    const [one, two, three] = [secretOf(), secretOf(), secretOf()]
    mount(join(folder, 'first'), fieldsOf(one))
    const keys = source()
    expect(await reasonOf(keys.identify(one))).toBe('accepted')
    mount(join(folder, 'first'), fieldsOf(two))
    mount(join(folder, 'second'), fieldsOf(three))
    later(0.999)
    expect(await reasonOf(keys.identify(one))).toBe('accepted')
    later(0.001)
    expect(await reasonOf(keys.identify(one))).toBe('unknown')
    expect(await reasonOf(keys.identify(two))).toBe('accepted')
    expect(await reasonOf(keys.identify(three))).toBe('accepted')
    rmSync(join(folder, 'second'), { recursive: true })
    later(1)
    expect(await reasonOf(keys.identify(three))).toBe('unknown')
  })

  test('end by the millisecond', async () => {
    const key = secretOf()
    const end = new Date(Date.now() + 5000)
    mount(join(folder, 'a'), fieldsOf(key, { 'expires-at': end.toISOString() }))
    const keys = source()
    later(4.999)
    expect(await reasonOf(keys.identify(key))).toBe('accepted')
    later(0.001)
    expect(await reasonOf(keys.identify(key))).toBe('expired')
  })

  test.each([
    ['expires-at', undefined],
    ['expires-at', ''],
    ['expires-at', 'Never'],
    ['expires-at', 'soon'],
    ['expires-at', '2099-01-01'],
    ['expires-at', '2099-01-01T00:00:00'],
    ['expires-at', '2099-13-01T00:00:00Z'],
    ['expires-at', '4102444800'],
    ['created-at', undefined],
    ['created-at', 'yesterday'],
    ['username', undefined],
    ['key', 'f'.repeat(63)],
    ['key', 'F'.repeat(64)],
    ['key', undefined],
  ])('do not work where %s is %j, and the log says so without the key', async (name, text) => {
    const [broken, good] = [secretOf(), secretOf()]
    mount(join(folder, 'broken'), fieldsOf(broken, { [name]: text }))
    mount(join(folder, 'good'), fieldsOf(good))
    const keys = source()
    expect(await reasonOf(keys.identify(broken))).toBe('unknown')
    expect(await reasonOf(keys.identify(good))).toBe('accepted')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"credential_id":"broken"')
    expect(lines[0]).toContain(name)
    expect(lines[0]).not.toContain(broken)
  })

  test('do not work where two Secrets have the same', async () => {
    const key = secretOf()
    mount(join(folder, 'one'), fieldsOf(key))
    mount(join(folder, 'two'), fieldsOf(key, { roles: 'mcp-admin' }))
    expect(await reasonOf(source().identify(key))).toBe('unknown')
    expect(lines[0]).toContain('two Secrets have the same key')
  })

  test('cannot be checked while the folder is not there, and can be when it is', async () => {
    const key = secretOf()
    const keys = apiKeysFromFolder(join(folder, 'later'))
    expect(await reasonOf(keys.identify(key))).toBe('temporarily_unavailable')
    await expect(keys.check?.()).rejects.toThrow(/cannot be read/)
    mount(join(folder, 'later', 'a'), fieldsOf(key))
    expect(await reasonOf(keys.identify(key))).toBe('accepted')
    rmSync(join(folder, 'later'), { recursive: true })
    later(1)
    expect(await reasonOf(keys.identify(key))).toBe('temporarily_unavailable')
  })

  test('that are not written as such are told without a look at the folder, and are left to other verifiers', async () => {
    const keys = source()
    expect(keys.recognise('demo-token-12345')).toBe('no')
    expect(keys.recognise('g'.repeat(64))).toBe('no')
    expect(keys.recognise('a'.repeat(64))).toBe('yes')
    await expect(keys.identify('a'.repeat(64))).rejects.toMatchObject({ reason: 'unknown', isFinal: false })
  })

  test('files that are too long or folders are none', async () => {
    const key = secretOf()
    mount(join(folder, 'a'), fieldsOf(key, { roles: 'r'.repeat(10_000) }))
    expect(await source().identify(key)).toMatchObject({ roles: [] })
  })
})

describe('a demo key', () => {
  const demo = dangerouslyDemoKey({ key: 'demo-token-12345', roles: ['mcp-viewer'] })

  test('works at a server on loopback', async () => {
    const verifier = createApiKeyVerifier(demo, { resource: 'http://127.0.0.1:8787/mcp' })
    expect(await verifier.verifyAccessToken('demo-token-12345')).toMatchObject({
      clientId: 'demo',
      extra: { roles: ['mcp-viewer'] },
    })
    expect(await reasonOf(verifier.verifyAccessToken('demo-token-12346'))).toBe('malformed')
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      expect(await reasonOf(verifier.verifyAccessToken('demo-token-12345', undefined, { address }))).toBe('accepted')
    }
    for (const address of ['192.0.2.1', 'fe80::1%eth0']) {
      expect(await reasonOf(verifier.verifyAccessToken('demo-token-12345', undefined, { address }))).toBe('ip')
    }
  })

  test('lets no verifier of a public server start, and works at none that is not named', async () => {
    expect(() => createApiKeyVerifier(demo, { resource: 'https://mcp.example.com/mcp' })).toThrow(/loopback/)
    expect(() => createApiKeyVerifier(demo).protect('https://mcp.example.com/mcp')).toThrow(/loopback/)
    expect(await reasonOf(createApiKeyVerifier(demo).verifyAccessToken('demo-token-12345'))).toBe('resource')
  })

  test('must be one that a header may hold', () => {
    for (const key of ['', 'short', 'two words here', 7]) {
      expect(() => dangerouslyDemoKey({ key: key as string })).toThrow(/dangerouslyDemoKey: key/)
    }
  })
})
