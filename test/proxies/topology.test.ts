import { createSigningKeys } from '@mcp-gateway/core/keys'
import { memoryStorage } from '@mcp-gateway/core/storage'
import type { JWTPayload } from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createPerson } from '../clients/person.js'
import { readJson, registerClient, type Tokens } from '../clients/plain-client.js'
import { connectSdkV1 } from '../clients/sdk-v1.js'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import { call, initialize, readAll } from '../fixtures/bridge-client.js'
import { hasBinary } from '../servers/binary.js'
import { installedProxies } from './proxies.js'
import { startTopology, type Topology } from './topology.js'

// The proxies' certificates sign themselves
beforeAll(() => void vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0'))
afterAll(() => void vi.unstubAllEnvs())

const kinds = hasBinary('redis-server') ? installedProxies : []

describe.each(kinds)('users of two services behind $name and one auth service', (kind) => {
  let topology: Topology
  let notes: string
  let alice: User
  let mallory: User

  beforeAll(async () => {
    topology = await startTopology(kind)
    notes = `${topology.url}/notes/mcp`
    alice = await logIn(topology.url, 'alice')
    mallory = await logIn(topology.url, 'mallory')
  }, 90_000)
  afterAll(() => topology?.stop())

  /** Sends a message, or nothing, to a service past the proxy, with these headers alone. */
  const direct = (url: string, headers: Record<string, string>, body: object = initialize()) =>
    send(`${url}/notes/mcp`, headers, body)
  const withAssertion = (value: string) => ({ 'X-Identity-Assertion': value })

  /** What forward-auth tells its proxy about a request of this user. Whoever is in its network can ask, and has to have the token. */
  async function assertionOf(user: User, path = '/notes/mcp'): Promise<string> {
    const host = new URL(topology.url).host
    const original = { 'X-Original-Method': 'POST', 'X-Original-URL': topology.url + path }
    const forwarded = {
      'X-Forwarded-Method': 'POST',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': host,
      'X-Forwarded-Uri': path,
    }
    const headers = { ...(kind.dialect === 'original' ? original : forwarded), ...user.bearer }
    const response = await fetch(`${topology.authUrl}/auth`, { headers })
    expect(response.status).toBe(200)
    return response.headers.get('x-identity-assertion') ?? ''
  }

  /** An assertion about alice for the notes that the auth service could have made, with these claims in place of its own. */
  function sign(claims: JWTPayload, by = topology.keys, typ = 'identity+jwt'): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const alice = {
      sub: 'dev|alice',
      client_id: 'client-1',
      scope: 'mcp',
      token_iss: topology.url,
      token_exp: now + 300,
    }
    const times = { iat: now, exp: now + 60, jti: crypto.randomUUID() }
    return by.sign({ iss: topology.url, aud: notes, ...alice, ...times, ...claims }, { typ })
  }

  test('each get a process of their own, and find nothing by the session id of the other [L9]', async () => {
    const stolen = await alice.open()
    const own = await mallory.open()
    expect(await alice.pid(stolen)).not.toBe(await mallory.pid(own))
    expect(await alice.pid(await alice.open())).toBe(await alice.pid(stolen))

    const theft = { ...mallory.bearer, 'Mcp-Session-Id': stolen }
    expect((await send(notes, theft, echo)).status).toBe(404)
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(notes, { method, headers: { ...theft, Accept: 'text/event-stream' } })
      expect(response.status).toBe(404)
      await response.body?.cancel()
    }
    // It is still hers
    expect(await alice.pid(stolen)).toBeGreaterThan(0)
  })

  test('cannot make up an identity: the proxy takes away what a client sends [attack 139]', async () => {
    const stolen = await alice.open()
    const forged = {
      'X-Identity-Assertion': await assertionOf(alice),
      'X-User-Id': 'dev|alice',
      'X-Client-Id': 'client-1',
      'Mcp-Session-Id': stolen,
    }
    expect((await send(notes, { ...forged, ...mallory.bearer }, echo)).status).toBe(404)
    expect((await send(notes, forged, echo)).status).toBe(401)
  })

  test('past the proxy nobody gets in without an assertion, whatever else is sent', async () => {
    const stolen = await alice.open()
    for (const headers of [
      {},
      alice.bearer,
      { 'X-User-Id': 'dev|alice', 'X-Client-Id': 'client-1', 'Mcp-Session-Id': stolen },
      { 'X-Identity-Assertion': '-' },
      { X_Identity_Assertion: await assertionOf(alice) },
      { 'X-Forwarded-User': 'alice', 'X-Forwarded-For': '127.0.0.1' },
    ]) {
      const response = await direct(topology.notes[0], headers as Record<string, string>)
      expect(response.status, JSON.stringify(headers)).toBe(401)
      expect(response.headers.get('www-authenticate')).not.toMatch(/bearer/i)
      expect(await response.json()).toMatchObject({ error: 'identity_missing' })
    }
  })

  test.each([
    ['v1', connectSdkV1],
    ['v2', connectSdkV2],
  ])('past the proxy a client of SDK %s opens no browser', async (_, connect) => {
    const browser = vi.fn()
    await expect(connect(`${topology.notes[0]}/notes/mcp`, browser)).rejects.toThrow()
    expect(browser).not.toHaveBeenCalled()
  })

  test('an assertion that was seen on its way works at no process of the service again', async () => {
    await alice.open()
    const seen = topology.assertions.slice(-2)
    expect(seen).toHaveLength(2)
    for (const assertion of seen) {
      for (const url of topology.notes) {
        const response = await direct(url, withAssertion(assertion))
        expect(response.status).toBe(401)
        expect(await response.json()).toMatchObject({ error: 'identity_invalid' })
      }
    }
  })

  test('of fifty that use one assertion at two processes at once, one gets in', async () => {
    const headers = withAssertion(await assertionOf(alice))
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => direct(topology.notes[index % 2 === 0 ? 0 : 1], headers)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 49 }, () => 401)])
  })

  test('an assertion works at the service that it is for', async () => {
    const forFiles = await logIn(topology.url, 'alice', '/files/mcp')
    const assertion = await assertionOf(forFiles, '/files/mcp')
    expect((await direct(topology.notes[0], withAssertion(assertion))).status).toBe(401)
    expect((await send(`${topology.files}/files/mcp`, withAssertion(assertion), initialize())).status).toBe(200)
  })

  test('an assertion that is forged, has expired or lives for long is refused', async () => {
    const now = Math.floor(Date.now() / 1000)
    const foreign = createSigningKeys({ issuer: 'http://127.0.0.1:9', storage: memoryStorage() })
    const [header = '', body = ''] = (await sign({})).split('.')
    const none = btoa(JSON.stringify({ alg: 'none', typ: 'identity+jwt' })).replaceAll('=', '')
    const forged: Record<string, string> = {
      'signed with another key': await sign({}, foreign),
      unsigned: `${none}.${body}.`,
      'without a signature': `${header}.${body}.`,
      'an access token': await sign({}, topology.keys, 'at+jwt'),
      expired: await sign({ iat: now - 120, exp: now - 60 }),
      'good for an hour': await sign({ exp: now + 3600 }),
      'of another issuer': await sign({ iss: 'https://evil.example.com' }),
      'for another server': await sign({ aud: `${topology.url}/files/mcp` }),
      'without an id': await sign({ jti: undefined }),
    }
    for (const [what, assertion] of Object.entries(forged)) {
      const response = await direct(topology.notes[0], withAssertion(assertion))
      expect(response.status, what).toBe(401)
    }
    // The control: it is the claims alone that made the difference
    expect((await direct(topology.notes[0], withAssertion(await sign({})))).status).toBe(200)
  })

  test('health is answered without an assertion, past the proxy alone', async () => {
    for (const url of [...topology.notes, topology.files]) {
      expect((await fetch(`${url}/health`)).status).toBe(200)
      expect((await fetch(`${url}/ready`)).status).toBe(200)
    }
    expect((await fetch(`${topology.url}/health`)).status).toBe(401)
  })

  test('a client of the SDK signs in and uses a service', async () => {
    const { client, exchanges } = await connectSdkV2(
      `${topology.url}/files/mcp`,
      createPerson({ name: 'ada' }).authorize,
    )
    expect(exchanges[0]).toMatchObject({ method: 'POST', status: 401 })
    expect((await client.listTools()).length).toBeGreaterThan(0)
    await client.close()
  })

  /** Waits until the notes say whether they are ready; one round of checks serves a second. */
  const ready = (status: number) =>
    vi.waitFor(async () => expect((await fetch(`${topology.notes[0]}/ready`)).status).toBe(status), {
      timeout: 10_000,
      interval: 200,
    })

  test('nothing passes while Redis is down, and all goes on when it is back', async () => {
    const assertion = await sign({})
    await topology.redis.kill()
    expect((await direct(topology.notes[0], withAssertion(assertion))).status).toBe(503)
    expect((await fetch(`${topology.notes[0]}/health`)).status).toBe(200)
    await ready(503)
    await topology.redis.restart()
    await ready(200)
    // It was not used up by the failure. What the store has lost with its memory is not for here
    expect((await direct(topology.notes[0], withAssertion(assertion))).status).toBe(200)
  })
})

const echo = call(1, 'echo', { mark: 'x' }, { progressToken: 1 })

function send(url: string, headers: Record<string, string>, body: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(body),
  })
}

/** Somebody who has signed in, with a client that speaks plain HTTP. */
interface User {
  readonly bearer: { readonly Authorization: string }
  /** Opens a session, and resolves to its id. */
  readonly open: () => Promise<string>
  /** The process that serves a session. */
  readonly pid: (session: string) => Promise<number>
}

async function logIn(url: string, name: string, path = '/notes/mcp'): Promise<User> {
  const client = await registerClient(url, { path, name })
  const { access_token } = await readJson<Tokens>(await client.redeem(url, await client.logIn()), 200)
  const resource = url + path
  const bearer = { Authorization: `Bearer ${access_token}` }
  return {
    bearer,
    open: async () => {
      const response = await send(resource, bearer, initialize())
      expect(response.status).toBe(200)
      await response.text()
      return response.headers.get('mcp-session-id') ?? ''
    },
    pid: async (session) => {
      const messages = await readAll(await send(resource, { ...bearer, 'Mcp-Session-Id': session }, echo))
      return (messages.at(-1)?.result as { pid: number } | undefined)?.pid ?? 0
    },
  }
}
