import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import { key, cookieName as name, replica, type Servers, startServers, url, user } from '../../../test/vault-world.js'
import { createJsonCipher } from '../keys/json-cipher.js'
import { sha256Hex } from '../text/sha256.js'
import { principal } from '../tokens/principal.js'

let servers: Servers
beforeAll(async () => {
  servers = await startServers()
})
beforeEach(() => {
  // The provider tells that it runs with its defaults for development, which it does
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})
afterAll(() => servers.close())

const host = 'mcp.example.com'

test('strangers who begin to sign in store nothing', async () => {
  const storage = sharedMemory()
  const writes = [vi.spyOn(storage, 'set'), vi.spyOn(storage, 'add'), vi.spyOn(storage, 'increment')]
  const { gateway } = replica(servers, storage)
  for (const path of ['/connect', '/connect/wiki']) {
    const response = await gateway.fetch(new Request(url + path))
    expect(response.headers.get('location')).toContain(servers.login.issuer)
  }
  for (const write of writes) expect(write).not.toHaveBeenCalled()
})

test('a sign-in ends in time, and no other cookie stands for its own [attack 111]', async () => {
  let now = Date.now()
  const world = replica(servers, sharedMemory(), { now: () => now })
  const begin = async () => {
    const person = world.browser('alice')
    person.stopAt = '/sign-in/callback'
    const { url: answer } = await person.open(`${url}/connect`)
    person.stopAt = undefined
    const jar = person.jars.get(host) ?? new Map<string, string>()
    return { person, answer, jar, step: [...jar.keys()].find((cookie) => cookie.startsWith(`${name}-`)) ?? '' }
  }
  const [one, two, late] = [await begin(), await begin(), await begin()]
  for (const wrong of [two.jar.get(two.step) ?? '', '{}', '%', 'a.b.c.d.e', '']) {
    one.jar.set(one.step, wrong)
    expect(await one.person.open(one.answer)).toMatchObject({ status: 400 })
  }
  expect(await two.person.open(two.answer)).toMatchObject({ status: 200 })
  expect(two.jar.has(two.step)).toBe(false)
  now += 601_000
  expect(await late.person.open(late.answer)).toMatchObject({ status: 400 })
})

test('who can write into the storage signs nobody in: a session that was moved, or is in plain, is none', async () => {
  const storage = sharedMemory()
  const world = replica(servers, storage)
  const alice = world.browser('alice')
  await alice.open(`${url}/connect`)
  const session = await storage.get(`vault:session:${await sha256Hex(alice.jars.get(host)?.get(name) ?? '')}`)
  const cookie = 'm'.repeat(43)
  const target = `vault:session:${await sha256Hex(cookie)}`
  const plain = { key: target, principal: principal(user('token-of-alice', servers.login.issuer)), name: 'alice' }
  for (const value of [session?.value ?? '', JSON.stringify(plain)]) {
    await storage.set(target, value, { ttl: 60 })
    const response = await world.gateway.fetch(
      new Request(`${url}/connect`, { headers: { Cookie: `${name}=${cookie}` } }),
    )
    expect(response.headers.get('location')).toContain(servers.login.issuer)
  }
})

test('a grant in plain is none where there are keys', async () => {
  const storage = sharedMemory()
  const world = replica(servers, storage)
  await world.connect('alice')
  expect(await world.call('token-of-alice')).toMatchObject({ result: expect.anything() })
  const grantKey = `vault:grant:wiki:${await sha256Hex(principal(user('token-of-alice', servers.login.issuer)))}`
  const stored = await storage.get(grantKey)
  const grant = await createJsonCipher([key], 'grant').open(stored?.value ?? '', grantKey)
  expect(grant).toMatchObject({ key: grantKey })
  await storage.set(grantKey, JSON.stringify(grant), { ttl: 60 })
  expect(await world.call('token-of-alice')).toMatchObject({ error: { message: expect.stringContaining('Connect') } })
})
