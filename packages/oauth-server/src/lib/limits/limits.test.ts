import type { Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import { authorizePath, form, login, pkce, register, setUp } from '../../../test/fixture.js'
import { devLogin } from '../identity-providers/dev-login.js'
import type { AuthorizationServerOptions } from '../server/options.js'

const issuer = 'https://mcp.example.com'

function start(
  loginLimits: { perAddress?: number; total?: number } = {},
  options: Partial<AuthorizationServerOptions> = {},
) {
  return setUp({
    issuer,
    resources: [`${issuer}/mcp`],
    encryptionKeys: ['A'.repeat(43)],
    dangerouslyAllowSingleProcessStorage: true,
    identityProvider: { ...devLogin(), validate() {} },
    loginLimits,
    ...options,
  })
}

type Started = ReturnType<typeof start>

async function approve(setup: Started, clientId: string, address?: string): Promise<Response> {
  const page = await setup.call(authorizePath(clientId, pkce().challenge, { resource: `${issuer}/mcp` }))
  const transaction = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
  const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const answer = form({ transaction, decision: 'approve' }, { cookie, 'x-forwarded-for': crypto.randomUUID() })
  return setup.call('/consent', answer, address === undefined ? {} : { client: { address } })
}

test('logins that begin are limited per address and over all, each for as long as a login takes [attack 158]', async () => {
  const setup = start({ perAddress: 2, total: 5 })
  const { client_id } = await register(setup)
  const statuses = async (address: string | undefined, times: number) => {
    const answers: Response[] = []
    for (let count = 0; count < times; count++) answers.push(await approve(setup, client_id as string, address))
    return answers
  }
  const first = await statuses('203.0.113.1', 3)
  expect(first.map(({ status }) => status)).toEqual([303, 303, 429])
  expect(Number(first[2]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(first[2]?.headers.get('content-type')).toContain('text/html')
  expect((await statuses('2001:db8::1', 1)).map(({ status }) => status)).toEqual([303])
  expect((await statuses('2001:db8::2', 2)).map(({ status }) => status)).toEqual([303, 429])
  expect((await statuses(undefined, 2)).map(({ status }) => status)).toEqual([303, 429])
  setup.clock.advance(601)
  expect((await statuses('203.0.113.1', 1)).map(({ status }) => status)).toEqual([303])
})

test('strangers who use the limits up lock nobody out who is signed in', async () => {
  const setup = start({ perAddress: 3, total: 3 })
  const { client_id } = await register(setup)
  const jar = new Map<string, string>()
  const go = async (path: string, fields?: Record<string, string>): Promise<{ text: string; location: string }> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const init = fields === undefined ? { headers: { cookie } } : form(fields, { cookie })
    const response = await setup.call(path, init)
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    return { text: await response.text(), location: response.headers.get('location') ?? '' }
  }
  const allow = async (): Promise<string> => {
    const path = authorizePath(client_id as string, pkce().challenge, { resource: `${issuer}/mcp` })
    const [, transaction = ''] = /name="transaction" value="([^"]+)"/.exec((await go(path)).text) ?? []
    return (await go('/consent', { transaction, decision: 'approve' })).location
  }
  const { pathname, search, searchParams } = new URL(await allow())
  await go(pathname + search)
  await go('/login', { state: searchParams.get('state') ?? '', username: 'alice' })
  const strangers: number[] = []
  for (let count = 0; count < 3; count++) strangers.push((await approve(setup, client_id as string)).status)
  expect(strangers).toEqual([303, 303, 429])
  expect(new URL(await allow()).searchParams.get('code')).toBeTruthy()
})

test('limits that would let nobody in do not start', () => {
  for (const loginLimits of [{ perAddress: 0 }, { total: -1 }, { total: Number.NaN }]) {
    expect(() => start(loginLimits)).toThrow(/loginLimits/)
  }
})

/** A page of /authorize, and a function that answers it as often as is asked. */
async function askedPage(setup: Started, clientId: string) {
  const page = await setup.call(authorizePath(clientId, pkce().challenge, { resource: `${issuer}/mcp` }))
  const transaction = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
  const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  return (decision: string, address: string) =>
    setup.call('/consent', form({ transaction, decision }, { cookie }), { client: { address } })
}

describe('one page, answered again and again [finding 14]', () => {
  test.each(['deny', 'approve'])('%s counts once, and goes through a few times and no more', async (decision) => {
    const setup = start({ perAddress: 3, total: 100 })
    const { client_id = '' } = await register(setup)
    const answer = await askedPage(setup, client_id)
    const statuses: number[] = []
    for (let count = 0; count < 1000; count++) statuses.push((await answer(decision, '192.0.2.1')).status)
    expect(statuses.slice(0, 5)).toEqual([303, 303, 303, 303, 403])
    expect(new Set(statuses.slice(5))).toEqual(new Set([403]))
    const next: number[] = []
    for (let count = 0; count < 3; count++) {
      next.push((await (await askedPage(setup, client_id))('approve', '192.0.2.1')).status)
    }
    expect(next).toEqual([303, 303, 429])
  })

  test('leaves no more than a few records, and one that is refused by a limit leaves none', async () => {
    const inner = memoryStorage()
    const written: string[] = []
    const storage: Storage = {
      ...inner,
      set: (key, ...rest) => {
        written.push(key)
        return inner.set(key, ...rest)
      },
    }
    const setup = start({ perAddress: 1 }, { storage })
    const { client_id = '' } = await register(setup)
    const first = await askedPage(setup, client_id)
    written.length = 0
    for (let count = 0; count < 50; count++) await first('approve', '192.0.2.1')
    expect(written.filter((key) => key.startsWith('oauth:state:'))).toHaveLength(4)
    const second = await askedPage(setup, client_id)
    written.length = 0
    for (let count = 0; count < 50; count++) expect((await second('approve', '192.0.2.1')).status).toBe(429)
    expect(written).toEqual([])
    // Another address of theirs may answer the same page: nothing was kept against it.
    expect((await second('approve', '198.51.100.1')).status).toBe(303)
  })
})

test('many networks of one stranger leave half of the answers to the quiet [finding 14]', async () => {
  const setup = start({ perAddress: 100, total: 40 })
  const { client_id = '' } = await register(setup)
  const from = async (address: string) => (await (await askedPage(setup, client_id))('approve', address)).status
  const loud: number[] = []
  for (let index = 0; index < 60; index++) loud.push(await from(`2001:db8:${index % 2}:${index.toString(16)}::1`))
  expect(loud.filter((status) => status === 303).length).toBeLessThanOrEqual(20)
  for (let index = 0; index < 10; index++) expect(await from(`192.0.${index}.1`)).toBe(303)
})

test('registrations of a day are bounded too: a store must hold them all [finding 14]', async () => {
  const setup = start({}, { registration: { total: 5 } })
  const registering = async (hour: number) =>
    (
      await setup.call(
        '/register',
        {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ redirect_uris: ['https://client.example.com/cb'] }),
        },
        { client: { address: `192.0.${hour}.1` } },
      )
    ).status
  const statuses: number[] = []
  setup.clock.advance(86_400 - (Math.floor(setup.clock.now() / 1000) % 86_400))
  for (let count = 0; count < 20; count++) {
    statuses.push(await registering(count))
    if (count % 4 === 3) setup.clock.advance(3600)
  }
  expect(statuses.filter((status) => status === 201)).toHaveLength(10)
})

describe('client documents [finding 14]', () => {
  const documentOf = (id: string) => ({
    client_id: id,
    client_name: 'A',
    redirect_uris: [`${new URL(id).origin}/cb`],
  })

  /** A server that fetches any document, and how often it did. */
  function startDocuments(options: Partial<AuthorizationServerOptions> = {}) {
    const fetched: string[] = []
    const setup = start(
      {},
      {
        transport: async (url) => {
          fetched.push(String(url))
          return Response.json(documentOf(String(url)))
        },
        ...options,
      },
    )
    const ask = async (id: string, address: string) => {
      const changes = { redirect_uri: `${new URL(id).origin}/cb`, resource: `${issuer}/mcp` }
      return setup.call(authorizePath(id, pkce().challenge, changes), {}, { client: { address } })
    }
    return { setup, ask, fetched }
  }

  const stranger = (index: number) => `https://s${index}.example.net/client.json`

  test('one network uses up its own part alone, in however many addresses', async () => {
    const { ask } = startDocuments()
    const statuses: number[] = []
    for (let index = 0; index < 300; index++) {
      statuses.push((await ask(stranger(index), `2001:db8:1:${(index % 256).toString(16)}::1`)).status)
    }
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(120)
    expect(statuses.at(-1)).toBe(429)
    expect((await ask('https://client.example.com/client.json', '192.0.2.1')).status).toBe(200)
  })

  test('many networks leave a part to those that were quiet, and what is known goes on', async () => {
    const { ask, setup } = startDocuments()
    expect((await ask('https://known.example.com/client.json', '192.0.2.1')).status).toBe(200)
    for (let index = 0; index < 400; index++)
      await ask(stranger(index), `2001:db8:${index % 8}:${index.toString(16)}::1`)
    expect((await ask('https://known.example.com/client.json', '192.0.2.9')).status).toBe(200)
    expect((await ask('https://new.example.com/client.json', '192.0.2.10')).status).toBe(200)
    // Stale by now, and the networks of the stranger go on
    setup.clock.advance(3700)
    for (let index = 0; index < 400; index++)
      await ask(stranger(index), `2001:db8:${index % 8}:${index.toString(16)}::1`)
    expect((await ask('https://known.example.com/client.json', '2001:db8:1::1')).status).toBe(200)
  })

  test('a document that a person approved is read anew whatever strangers ask for, for as long as a client lives', async () => {
    const { ask, setup, fetched } = startDocuments()
    const id = 'https://approved.example.com/client.json'
    const changes = { redirect_uri: 'https://approved.example.com/cb', resource: `${issuer}/mcp` }
    const path = authorizePath(id, pkce().challenge, changes)
    expect((await login(setup, path, { redirectUri: changes.redirect_uri })).searchParams.get('code')).toBeTruthy()
    for (const days of [1, 60]) {
      setup.clock.advance(days * 86_400)
      for (let index = 0; index < 260; index++) {
        await ask(stranger(index), `2001:${(index + 0x1000).toString(16)}:8::1`)
      }
      const before = fetched.filter((url) => url === id).length
      expect((await ask(id, '2001:1001:8::1')).status).toBe(200)
      expect(fetched.filter((url) => url === id)).toHaveLength(before + 1)
    }
  })

  test('one that turned bad, and good again, is still one that a person approved', async () => {
    let bad = false
    const { ask, setup } = startDocuments({
      transport: async (url) =>
        bad && String(url).includes('approved')
          ? new Response('', { status: 404 })
          : Response.json(documentOf(String(url))),
    })
    const id = 'https://approved.example.com/client.json'
    const changes = { redirect_uri: 'https://approved.example.com/cb', resource: `${issuer}/mcp` }
    await login(setup, authorizePath(id, pkce().challenge, changes), { redirectUri: changes.redirect_uri })
    setup.clock.advance(3700)
    bad = true
    expect((await ask(id, '192.0.2.1')).status).toBe(400)
    bad = false
    for (let index = 0; index < 260; index++) await ask(stranger(index), `2001:${(index + 0x1000).toString(16)}:8::1`)
    expect((await ask(id, '2001:1001:8::1')).status).toBe(200)
  })

  test('a network has few under way at once, so that hosts that take their time hold nobody else up', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { ask } = startDocuments({
      transport: async (url) => {
        if (String(url).includes('example.net')) await held
        return Response.json(documentOf(String(url)))
      },
    })
    const slow = Array.from({ length: 9 }, (_, index) => ask(stranger(index), '2001:db8:1:1::1'))
    const refused = await Promise.race(slow)
    expect(refused.status).toBe(503)
    expect((await ask('https://client.example.com/client.json', '192.0.2.1')).status).toBe(200)
    const joined = Array.from({ length: 20 }, () => ask(stranger(0), '2001:db8:1:1::1'))
    release()
    expect(new Set((await Promise.all(joined)).map(({ status }) => status))).toEqual(new Set([200]))
    const statuses = (await Promise.all(slow)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(4)
  })
})
