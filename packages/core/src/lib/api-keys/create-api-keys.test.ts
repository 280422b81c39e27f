import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Storage } from '../contract/storage.js'
import { memoryStorage } from '../storage/memory-storage.js'
import type { OwnerRights } from './api-key.js'
import { type ApiKeys, type ApiKeysOptions, createApiKeys } from './create-api-keys.js'
import { keyFormat } from './key-format.js'

const alice = { issuer: 'https://login.example.com', subject: 'alice' }
const robot = { serviceAccount: 'nightly-build' }
const day = 86_400

let storage: Storage
let rights: OwnerRights | undefined
const registry = (options: Partial<ApiKeysOptions> = {}): ApiKeys =>
  createApiKeys({ storage, ownerRights: () => rights, ...options })
const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: { reason?: string; code?: string }) => error.reason ?? error.code,
  )
const seconds = () => Date.now() / 1000
const later = (by: number) => vi.setSystemTime(Date.now() + by * 1000)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  storage = memoryStorage()
  rights = { scopes: ['notes:read', 'notes:write'], roles: ['editor', 'admin'], groups: ['staff'] }
})
afterEach(() => void vi.useRealTimers())

describe('a new key', () => {
  test('is shown once, ends after 90 days, and is told apart by its last characters', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({
      owner: alice,
      name: 'Laptop',
      scopes: ['notes:read'],
      createdBy: 'alice',
    })
    expect(key).toMatch(/^mcpg_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$/)
    expect(apiKey).toEqual({
      id: key.split('_')[1],
      name: 'Laptop',
      owner: alice,
      scopes: ['notes:read'],
      createdAt: seconds(),
      createdBy: 'alice',
      expiresAt: seconds() + 90 * day,
      last4: key.slice(-4),
      generation: 1,
    })
    expect(await keys.get(apiKey.id)).toEqual(apiKey)
  })

  test('leaves no secret in the storage, in the log and in what is listed', async () => {
    const written: string[] = []
    const lines: string[] = []
    const line = (fields: object, text: string) => void lines.push(JSON.stringify(fields) + text)
    const watched: Storage = {
      ...storage,
      add: (key, value, options) => {
        written.push(key + value)
        return storage.add(key, value, options)
      },
    }
    const keys = registry({ storage: watched, logger: { debug: line, info: line, warn: line, error: line } })
    const { key, apiKey } = await keys.create({ owner: alice, name: 'Laptop' })
    const secret = key.split('_')[2] as string
    expect(written).toHaveLength(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(apiKey.id)
    for (const text of [...written, ...lines, JSON.stringify(await keys.list())]) expect(text).not.toContain(secret)
    expect(JSON.stringify(await keys.list())).not.toContain('hash')
  })

  test('ends never only where that is said, and at most so late as the registry allows', async () => {
    const { apiKey } = await registry().create({ owner: robot, name: 'a', expiresAt: null })
    expect(apiKey.expiresAt).toBeNull()
    const strict = registry({ maxLifetime: 30 * day, defaultLifetime: 7 * day })
    expect((await strict.create({ owner: robot, name: 'b' })).apiKey.expiresAt).toBe(seconds() + 7 * day)
    await expect(strict.create({ owner: robot, name: 'c', expiresAt: null })).rejects.toThrow(/at most 2592000 seconds/)
    await expect(strict.create({ owner: robot, name: 'd', expiresAt: seconds() + 31 * day })).rejects.toThrow(/at most/)
    await expect(registry().create({ owner: robot, name: 'e', expiresAt: seconds() - 1 })).rejects.toThrow(/over/)
  })

  test.each([
    ['name', { name: '' }],
    ['name', { name: 'x'.repeat(201) }],
    ['scopes', { scopes: ['two words'] }],
    ['scopes', { scopes: 'notes:read' }],
    ['scopes', { scopes: Array.from({ length: 101 }, (_, index) => `s${index}`) }],
    ['servers', { servers: ['/notes/mcp'] }],
    ['tools', { tools: [7] }],
    ['addresses', { addresses: ['10.0.0.0/33'] }],
    ['addresses', { addresses: ['localhost'] }],
    ['rate', { rate: { limit: 0.5, window: 60 } }],
    ['rate', { rate: { limit: 5, window: 0 } }],
    ['expiresAt', { expiresAt: '2027-01-01' }],
    ['expiresAt', { expiresAt: Number.NaN }],
    ['notBefore', { notBefore: null }],
    ['meta', { meta: { a: 1 } }],
    ['"adresses" is no setting', { adresses: ['10.0.0.1'] }],
    ['owner', { owner: { subject: 'alice' } }],
    ['owner', { owner: { ...alice, serviceAccount: 'both' } }],
    ['owner', { owner: null }],
  ])('is refused with the name of what is wrong: %s', async (named, wrong) => {
    const wanted = { owner: robot, name: 'a', ...wrong } as Parameters<ApiKeys['create']>[0]
    const error = await registry()
      .create(wanted)
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringContaining(named) })
  })

  test('is refused for a person whose rights nobody can tell, and for one who is gone', async () => {
    const without = createApiKeys({ storage })
    await expect(without.create({ owner: alice, name: 'a' })).rejects.toThrow(/ownerRights/)
    await without.create({ owner: robot, name: 'a' })
    rights = undefined
    await expect(registry().create({ owner: alice, name: 'a' })).rejects.toThrow(/owner is not known/)
  })
})

describe('the most keys of an owner', () => {
  test('holds for keys that are made at once', async () => {
    const keys = registry({ maxPerOwner: 3 })
    const made = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => keys.create({ owner: alice, name: `${index}` })),
    )
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(await reasonOf(keys.create({ owner: alice, name: 'more' }))).toBe('conflict')
    await keys.create({ owner: robot, name: 'of somebody else' })
  })

  test('does not count keys that were revoked or have ended', async () => {
    const keys = registry({ maxPerOwner: 2 })
    const { apiKey } = await keys.create({ owner: alice, name: 'a', expiresAt: seconds() + 100 })
    await keys.create({ owner: alice, name: 'b', expiresAt: seconds() + 100 })
    await keys.revoke(apiKey.id)
    await keys.create({ owner: alice, name: 'c' })
    expect(await reasonOf(keys.create({ owner: alice, name: 'd' }))).toBe('conflict')
    later(101)
    await keys.create({ owner: alice, name: 'd' })
    expect(await reasonOf(keys.create({ owner: alice, name: 'e' }))).toBe('conflict')
  })
})

describe('listing', () => {
  test('gives the keys of an owner, or all, page by page', async () => {
    const keys = registry()
    for (let index = 0; index < 5; index++) await keys.create({ owner: alice, name: `${index}` })
    await keys.create({ owner: robot, name: 'robot' })
    await keys.create({ owner: { ...alice, issuer: 'https://other.example.com' }, name: 'another Alice' })
    const names: string[] = []
    let cursor: string | undefined
    do {
      const page = await keys.list({ owner: alice, limit: 2, ...(cursor && { cursor }) })
      names.push(...page.keys.map(({ name }) => name))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(names.sort()).toEqual(['0', '1', '2', '3', '4'])
    expect((await keys.list()).keys).toHaveLength(7)
    expect((await registry({ prefix: 'acme' }).list()).keys).toEqual([])
    await expect(keys.list({ limit: 0 })).rejects.toThrow(/limit/)
  })

  test('tells of a dead key for 30 days', async () => {
    const keys = registry()
    const { apiKey } = await keys.create({ owner: alice, name: 'a', expiresAt: null })
    await keys.revoke(apiKey.id, { by: 'bob', because: 'laptop was lost' })
    later(29 * day)
    expect(await keys.get(apiKey.id)).toMatchObject({ revokedBy: 'bob', revokedBecause: 'laptop was lost' })
    later(2 * day)
    expect(await keys.get(apiKey.id)).toBeUndefined()
  })
})

describe('a change', () => {
  test('holds at the next look, and undefined removes a limit', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({
      owner: alice,
      name: 'a',
      scopes: ['notes:read'],
      addresses: ['10.0.0.1'],
    })
    const changed = await keys.update(apiKey.id, { name: 'b', scopes: ['notes:write'], addresses: undefined })
    expect(changed).toMatchObject({ name: 'b', scopes: ['notes:write'] })
    const found = await keys.identify(key)
    expect(found.scopes).toEqual(['notes:write'])
    expect(found.worksFrom(undefined)).toBe(true)
  })

  test('is refused for what a key cannot be, and for a key that was revoked', async () => {
    const keys = registry()
    const { apiKey } = await keys.create({ owner: alice, name: 'a' })
    await expect(keys.update(apiKey.id, { name: undefined })).rejects.toThrow(/name cannot be removed/)
    await expect(keys.update(apiKey.id, { owner: robot } as object)).rejects.toThrow(/"owner" is no setting/)
    await keys.revoke(apiKey.id)
    expect(await reasonOf(keys.update(apiKey.id, { name: 'b' }))).toBe('conflict')
  })

  test.each(['get', 'update', 'revoke', 'rotate'] as const)(
    '%s of a key that is not there finds none',
    async (verb) => {
      const keys = registry()
      for (const id of ['aaaaaaaaaaaa', '', '../../etc', 'x'.repeat(5000)]) {
        expect(await keys[verb](id, {} as never)).toBeUndefined()
      }
    },
  )
})

describe('a good key', () => {
  test('is found with what it allows, as its owner', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({
      owner: alice,
      name: 'a',
      scopes: ['notes:read', 'admin'],
      roles: ['editor'],
    })
    expect(await keys.identify(key)).toMatchObject({
      id: apiKey.id,
      issuer: 'apikey:https://login.example.com',
      subject: 'alice',
      scopes: ['notes:read'],
      roles: ['editor'],
      groups: ['staff'],
      generation: 1,
      endsAt: (apiKey.expiresAt as number) * 1000,
    })
  })

  test('of a service account has what was written into it', async () => {
    const keys = registry()
    const { key } = await keys.create({ owner: robot, name: 'a', scopes: ['admin'], roles: ['mcp-viewer'] })
    const found = await keys.identify(key)
    expect(found).toMatchObject({
      issuer: 'apikey',
      subject: 'nightly-build',
      scopes: ['admin'],
      roles: ['mcp-viewer'],
      groups: [],
    })
  })

  test('never allows more than its owner may do now, and dies with the owner', async () => {
    const keys = registry()
    const { key } = await keys.create({ owner: alice, name: 'a', scopes: ['notes:read', 'notes:write'] })
    rights = { scopes: ['notes:read'] }
    expect(await keys.identify(key)).toMatchObject({ scopes: ['notes:read'], roles: [], groups: [] })
    rights = undefined
    expect(await reasonOf(keys.identify(key))).toBe('owner')
    expect(await reasonOf(createApiKeys({ storage }).identify(key))).toBe('owner')
    const open = createApiKeys({ storage, dangerouslyIgnoreOwnerRights: true })
    expect(await open.identify(key)).toMatchObject({ scopes: ['notes:read', 'notes:write'] })
  })

  test('has a narrower scope that a broader one of its owner includes', async () => {
    rights = { scopes: ['notes:write'] }
    const keys = registry({ scopeHierarchy: { 'notes:write': ['notes:read'] } })
    const { key } = await keys.create({ owner: alice, name: 'a', scopes: ['notes:read'] })
    expect((await keys.identify(key)).scopes).toEqual(['notes:read'])
  })

  test.each([
    ['rejects', () => Promise.reject(new Error('directory is down'))],
    [
      'throws',
      () => {
        throw new Error('directory is down')
      },
    ],
    ['gives nonsense', () => 'all' as never],
    ['gives scopes that are no list', () => ({ scopes: 'notes:read' }) as never],
  ])('is undecided where ownerRights %s', async (_, ownerRights) => {
    const { key } = await registry().create({ owner: alice, name: 'a' })
    expect(await reasonOf(registry({ ownerRights }).identify(key))).toBe('temporarily_unavailable')
  })
})

describe('a bad key', () => {
  test('costs no read of the storage where its form or checksum is wrong: 100,000 random ones', async () => {
    const get = vi.spyOn(storage, 'get')
    const keys = registry()
    const { key } = keyFormat('mcpg').make()
    for (let index = 0; index < 100_000; index++) {
      const at = 5 + (index % 51)
      const other = String.fromCharCode(97 + (index % 26))
      const text =
        index % 2
          ? `mcpg_${crypto.randomUUID().replaceAll('-', '').repeat(2).slice(0, 51)}`
          : key.slice(0, at) + other + key.slice(at + 1)
      if (text === key) continue
      if (keys.recognise(text) !== 'alike') expect.fail(`took ${text} for a key`)
    }
    expect(await reasonOf(keys.identify(`${key.slice(0, -1)}_`))).toBe('malformed')
    expect(get).not.toHaveBeenCalled()
  })

  test('of a right form is refused: unknown id, other secret, other prefix', async () => {
    const keys = registry()
    const { apiKey, key } = await keys.create({ owner: alice, name: 'a' })
    expect(await reasonOf(keys.identify(keyFormat('mcpg').make().key))).toBe('unknown')
    expect(await reasonOf(keys.identify(keyFormat('mcpg').make(apiKey.id).key))).toBe('secret')
    expect(await reasonOf(keys.identify(keyFormat('acme').make(apiKey.id).key))).toBe('malformed')
    expect(await reasonOf(keys.identify(key))).toBe('accepted')
  })

  test('is refused from the millisecond of its end on', async () => {
    const keys = registry()
    const { key } = await keys.create({ owner: alice, name: 'a', expiresAt: seconds() + 10 })
    later(9.999)
    expect(await reasonOf(keys.identify(key))).toBe('accepted')
    later(0.001)
    expect(await reasonOf(keys.identify(key))).toBe('expired')
  })

  test.each([
    ['expiresAt', '2099-01-01T00:00:00Z'],
    ['expiresAt', undefined],
    ['expiresAt', {}],
  ])('has ended where the end in its record cannot be read: %s = %j', async (name, value) => {
    const keys = registry()
    const { key, apiKey } = await keys.create({ owner: alice, name: 'a' })
    const entry = await storage.get(`apikeys:mcpg:key:${apiKey.id}`)
    const record = JSON.stringify({ ...JSON.parse(entry?.value ?? ''), [name]: value })
    await storage.set(`apikeys:mcpg:key:${apiKey.id}`, record, { ttl: null })
    expect(await reasonOf(keys.identify(key))).toBe('expired')
  })

  test('never begins where the beginning in its record cannot be read', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({ owner: alice, name: 'a' })
    const entry = await storage.get(`apikeys:mcpg:key:${apiKey.id}`)
    const record = JSON.stringify({ ...JSON.parse(entry?.value ?? ''), notBefore: 'soon' })
    await storage.set(`apikeys:mcpg:key:${apiKey.id}`, record, { ttl: null })
    expect((await keys.identify(key)).startsAt).toBe(Number.POSITIVE_INFINITY)
  })

  test.each(['not json', '[]', '{}', '{"owner":{},"secrets":[]}'])(
    'is refused where its record is %j',
    async (value) => {
      const { key, id } = keyFormat('mcpg').make()
      await storage.set(`apikeys:mcpg:key:${id}`, value, { ttl: null })
      expect(await reasonOf(registry().identify(key))).toBe('unknown')
    },
  )

  test('is undecided while the storage does not answer', async () => {
    const { key } = await registry().create({ owner: alice, name: 'a' })
    const down = {
      ...storage,
      get: () => Promise.reject(Object.assign(new Error(), { code: 'temporarily_unavailable' })),
    }
    expect(await reasonOf(registry({ storage: down }).identify(key))).toBe('temporarily_unavailable')
  })
})

describe('revoking', () => {
  test('ends a key for good, once', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({ owner: alice, name: 'a' })
    const revoked = await keys.revoke(apiKey.id, { by: 'alice' })
    later(10)
    expect(await keys.revoke(apiKey.id, { by: 'bob' })).toEqual(revoked)
    expect(await reasonOf(keys.identify(key))).toBe('revoked')
    expect(await reasonOf(keys.rotate(apiKey.id))).toBe('conflict')
  })

  test('by the key itself needs its whole secret', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({ owner: alice, name: 'a' })
    expect(await keys.revokeByToken(keyFormat('mcpg').make(apiKey.id).key)).toBeUndefined()
    expect(await keys.revokeByToken('rubbish')).toBeUndefined()
    expect(await reasonOf(keys.identify(key))).toBe('accepted')
    expect(await keys.revokeByToken(key, { because: 'found in a repository' })).toMatchObject({ id: apiKey.id })
    expect(await reasonOf(keys.identify(key))).toBe('revoked')
  })
})

describe('rotating', () => {
  test('gives a new secret under the same id, and both work for the grace', async () => {
    const keys = registry()
    const first = await keys.create({ owner: alice, name: 'a', scopes: ['notes:read'], addresses: ['10.0.0.0/8'] })
    const second = await keys.rotate(first.apiKey.id, { grace: 3600 })
    expect(second?.apiKey).toEqual({
      ...first.apiKey,
      last4: second?.key.slice(-4),
      generation: 2,
      graceUntil: seconds() + 3600,
    })
    expect((await keys.identify(first.key)).generation).toBe(1)
    expect((await keys.identify(second?.key ?? '')).generation).toBe(2)
    later(3600)
    expect(await reasonOf(keys.identify(first.key))).toBe('expired')
    expect(await reasonOf(keys.identify(second?.key ?? ''))).toBe('accepted')
    expect(await keys.revokeByToken(first.key)).toBeUndefined()
  })

  test('keeps the end of the key, also one that never comes', async () => {
    const keys = registry()
    for (const expiresAt of [null, seconds() + 100]) {
      const { apiKey } = await keys.create({ owner: robot, name: 'a', expiresAt })
      expect((await keys.rotate(apiKey.id))?.apiKey.expiresAt).toBe(expiresAt)
    }
  })

  test('by two at once is won by one', async () => {
    const keys = registry()
    const { apiKey, key } = await keys.create({ owner: alice, name: 'a' })
    for (const grace of [60, 0]) {
      const results = await Promise.allSettled([keys.rotate(apiKey.id, { grace }), keys.rotate(apiKey.id, { grace })])
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const [won] = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      expect(await reasonOf(keys.identify(won?.key ?? ''))).toBe('accepted')
      const [lost] = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
      expect(lost).toMatchObject({ code: 'conflict', status: 409 })
    }
    expect(await reasonOf(keys.identify(key))).toBe('secret')
  })

  test('in the grace of another rotation needs a grace of 0, which ends all older secrets', async () => {
    const keys = registry()
    const first = await keys.create({ owner: alice, name: 'a' })
    const second = await keys.rotate(first.apiKey.id)
    await expect(keys.rotate(first.apiKey.id)).rejects.toThrow(/end it with grace 0/)
    const third = await keys.rotate(first.apiKey.id, { grace: 0 })
    expect(await reasonOf(keys.identify(first.key))).toBe('secret')
    expect(await reasonOf(keys.identify(second?.key ?? ''))).toBe('secret')
    expect(await reasonOf(keys.identify(third?.key ?? ''))).toBe('accepted')
  })

  test.each([-1, Number.NaN, 31 * day, '60' as never])('refuses a grace of %s', async (grace) => {
    const keys = registry()
    const { apiKey } = await keys.create({ owner: alice, name: 'a' })
    expect(await reasonOf(keys.rotate(apiKey.id, { grace }))).toBe('invalid_request')
  })
})

describe('the last use', () => {
  const settle = () => new Promise((resolve) => setImmediate(resolve))

  test('is written at most once a minute, and nobody waits for it', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({ owner: alice, name: 'a' })
    const write = vi.spyOn(storage, 'compareAndSet')
    for (let index = 0; index < 5; index++) {
      const found = await keys.identify(key)
      found.used?.('192.0.2.1')
      found.used?.('192.0.2.1')
      await settle()
      later(10)
    }
    expect(write).toHaveBeenCalledTimes(1)
    expect(await keys.get(apiKey.id)).toMatchObject({ lastUsedAt: seconds() - 50, lastUsedAddress: '192.0.2.1' })
    later(11)
    ;(await keys.identify(key)).used?.(undefined)
    await settle()
    expect(await keys.get(apiKey.id)).toMatchObject({ lastUsedAt: seconds() })
    expect(await keys.get(apiKey.id)).not.toHaveProperty('lastUsedAddress')
  })

  test('does not undo a revocation, and a storage that fails does not fail the request', async () => {
    const keys = registry()
    const { key, apiKey } = await keys.create({ owner: alice, name: 'a' })
    const found = await keys.identify(key)
    await keys.revoke(apiKey.id)
    found.used?.('192.0.2.1')
    await settle()
    expect(await keys.get(apiKey.id)).toHaveProperty('revokedAt')
    vi.spyOn(storage, 'compareAndSet').mockRejectedValue(new Error('down'))
    const other = await keys.create({ owner: robot, name: 'b' }).catch(() => undefined)
    expect(other).toBeUndefined()
    found.used?.('192.0.2.1')
    await settle()
  })

  test('renews a hash that was made with an older pepper', async () => {
    const old = { version: 'a', secret: 'o'.repeat(32) }
    const current = { version: 'b', secret: 'n'.repeat(32) }
    const { key } = await registry({ peppers: [old] }).create({ owner: alice, name: 'a' })
    expect(await reasonOf(registry({ peppers: [current] }).identify(key))).toBe('secret')
    ;(await registry({ peppers: [current, old] }).identify(key)).used?.(undefined)
    await settle()
    expect(await reasonOf(registry({ peppers: [current] }).identify(key))).toBe('accepted')
  })
})

describe('the rate of a key', () => {
  test('is counted in windows, over all processes, and says how long to wait', async () => {
    const [one, two] = [registry(), registry()]
    const { key } = await one.create({ owner: alice, name: 'a', rate: { limit: 3, window: 60 } })
    const use = async (keys: ApiKeys) => (await keys.identify(key)).count?.()
    later(30)
    expect([await use(one), await use(two), await use(one)]).toEqual([undefined, undefined, undefined])
    const write = vi.spyOn(storage, 'increment')
    expect([await use(two), await use(two), await use(two)]).toEqual([30, 30, 30])
    expect(write).toHaveBeenCalledTimes(1)
    later(30)
    expect(await use(two)).toBeUndefined()
  })
})

test.each([
  ['storage', { storage: {} }],
  ['prefix', { prefix: 'Has Blanks' }],
  ['peppers', { peppers: ['secret'] }],
  ['ownerRights', { ownerRights: [] }],
  ['defaultLifetime', { defaultLifetime: 0 }],
  ['defaultLifetime', { defaultLifetime: 10 * day, maxLifetime: day }],
  ['maxPerOwner', { maxPerOwner: -1 }],
])('a wrong %s is refused at construction', (named, options) => {
  const make = () => createApiKeys({ storage, ...options } as ApiKeysOptions)
  expect(make).toThrow(
    expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining(named) }),
  )
})
