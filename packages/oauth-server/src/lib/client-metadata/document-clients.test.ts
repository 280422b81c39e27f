import { GatewayError, type Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import { authorizePath, form, login, pkce, setUp } from '../../../test/fixture.js'

const url = 'https://client.example.com/client.json'
const callback = 'https://client.example.com/cb'
const document = { client_id: url, client_name: 'Documented', redirect_uris: [callback] }

interface Answer {
  status?: number
  headers?: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer> | ReadableStream
}

/** A server whose documents come from a table, and what it fetched. */
function start(documents: Record<string, unknown> = { [url]: document }, options: Parameters<typeof setUp>[0] = {}) {
  const fetched: { url: string; headers: Headers }[] = []
  const setup = setUp({
    ...options,
    transport: async (input, init) => {
      fetched.push({ url: String(input), headers: new Headers(init?.headers) })
      const entry = documents[String(input)]
      if (entry instanceof Error) throw entry
      const raw = (typeof entry === 'function' ? entry(new Headers(init?.headers)) : undefined) as Answer | undefined
      if (raw)
        return new Response(raw.body ?? null, {
          status: raw.status ?? 200,
          headers: { 'Content-Type': 'application/json', ...raw.headers },
        })
      if (entry === undefined) return new Response('', { status: 404 })
      return new Response(JSON.stringify(entry), { headers: { 'Content-Type': 'application/json' } })
    },
  })
  const authorize = (clientId = url, redirectUri = callback): Promise<Response> =>
    setup.call(authorizePath(clientId, pkce().challenge, { redirect_uri: redirectUri }))
  return { setup, fetched, documents, authorize }
}

test('a client is known by its document; the page shows its host [A7, attack 119]', async () => {
  const { authorize, setup } = start()
  const page = await authorize()
  expect(page.status).toBe(200)
  const text = await page.text()
  expect(text).toContain('Documented')
  expect(text).toContain('client.example.com')
  const metadata = (await (await setup.call('/.well-known/oauth-authorization-server')).json()) as Record<
    string,
    unknown
  >
  expect(metadata.client_id_metadata_document_supported).toBe(true)
})

test('and gets tokens, as a public client', async () => {
  const { setup } = start()
  const { verifier, challenge } = pkce()
  const location = await login(setup, authorizePath(url, challenge, { redirect_uri: callback }), {
    redirectUri: callback,
  })
  const fields = {
    grant_type: 'authorization_code',
    code: location.searchParams.get('code') ?? '',
    code_verifier: verifier,
    redirect_uri: callback,
    client_id: url,
  }
  const response = await setup.call('/token', form(fields))
  expect(await response.json()).toMatchObject({ refresh_token: expect.any(String) })
})

describe('what is no such URL is an unknown client, and nothing is fetched [attack 87]', () => {
  test.each([
    'http://client.example.com/client.json',
    'https://client.example.com',
    'https://client.example.com/',
    'https://client.example.com/a/../client.json',
    'https://client.example.com/a/%2e%2e/client.json',
    'https://client.example.com/./client.json',
    'https://user@client.example.com/client.json',
    'https://user:pass@client.example.com/client.json',
    'https://client.example.com/client.json#x',
    'https://client.example.com/clïent.json',
    'https://clïent.example.com/client.json',
    'https://client.example.com:443/client.json',
    'https://CLIENT.example.com/client.json',
    'https:/client.example.com/client.json',
    'https://client.example.com\\client.json',
    ' https://client.example.com/client.json',
    `https://client.example.com/${'x'.repeat(2048)}`,
  ])('%s', async (clientId) => {
    const { authorize, fetched } = start()
    expect((await authorize(clientId)).status).toBe(400)
    expect(fetched).toEqual([])
  })
})

test.each([
  'https://127.0.0.1/c',
  'https://10.1.2.3/c',
  'https://169.254.169.254/c',
  'https://[::1]/c',
  'https://[fd12::1]/c',
  'https://[::ffff:10.0.0.1]/c',
  'https://[64:ff9b::a00:1]/c',
  'https://100.64.0.1/c',
])('an address that is not public is not fetched: %s [attack 88]', async (clientId) => {
  const { authorize, fetched } = start()
  expect((await authorize(clientId)).status).toBe(400)
  expect(fetched).toEqual([])
})

describe('a document that will not do is an unknown client, and is not kept', () => {
  const large = JSON.stringify({ ...document, padding: 'x'.repeat(6000) })
  const faults: [string, () => unknown][] = [
    ['a redirect [attack 90]', () => ({ status: 302, headers: { location: 'https://client.example.com/other.json' } })],
    ['more than 5 KB [attack 91]', () => ({ body: large })],
    ['more than 5 KB without a length [attack 91]', () => ({ body: endless() })],
    ['404 [attack 92]', () => ({ status: 404, body: JSON.stringify(document) })],
    ['another type [attack 92]', () => ({ body: JSON.stringify(document), headers: { 'Content-Type': 'text/html' } })],
    ['no UTF-8 [attack 92]', () => ({ body: new Uint8Array([0x7b, 0xff, 0x7d]) })],
    ['no JSON [attack 92]', () => ({ body: '{' })],
    ['no object [attack 92]', () => ({ body: '[]' })],
    ['another client_id [attack 92]', () => ({ body: JSON.stringify({ ...document, client_id: `${url}?` }) })],
    [
      'a client_id with the default port [attack 92]',
      () => ({ body: JSON.stringify({ ...document, client_id: 'https://client.example.com:443/client.json' }) }),
    ],
    ['no client_name [attack 92]', () => ({ body: JSON.stringify({ ...document, client_name: undefined }) })],
    ['no redirect_uris [attack 92]', () => ({ body: JSON.stringify({ ...document, redirect_uris: undefined }) })],
    ['a secret [attack 93]', () => ({ body: JSON.stringify({ ...document, client_secret: 'x' }) })],
    [
      'a method with a secret [attack 93]',
      () => ({ body: JSON.stringify({ ...document, token_endpoint_auth_method: 'client_secret_post' }) }),
    ],
    [
      'a private key [attack 93]',
      () => ({
        body: JSON.stringify({ ...document, jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] } }),
      }),
    ],
    ['304 that nobody asked for [attack 94]', () => ({ status: 304 })],
  ]
  test.each(faults)('%s', async (_, answer) => {
    const { authorize, fetched, documents } = start({ [url]: answer })
    expect((await authorize()).status).toBe(400)
    documents[url] = document
    expect((await authorize()).status).toBe(200)
    expect(fetched).toHaveLength(2)
  })

  test('TLS that fails is no client [attack 100]', async () => {
    const { authorize } = start({ [url]: new GatewayError('outbound_refused', 'certificate has expired') })
    expect((await authorize()).status).toBe(400)
  })
})

describe('the cache', () => {
  test('keeps by max-age, between five minutes and a day, and asks again with the tag [attack 94]', async () => {
    const answer = (age: string) => (headers: Headers) =>
      headers.get('if-none-match') === '"v1"'
        ? { status: 304 }
        : { body: JSON.stringify(document), headers: { 'Cache-Control': age, ETag: '"v1"' } }
    for (const [control, kept] of [
      ['max-age=600', 600],
      ['max-age=1', 300],
      ['no-store', 300],
      ['max-age=9999999', 86_400],
    ] as const) {
      const { authorize, fetched, setup } = start({ [url]: answer(control) })
      await authorize()
      setup.clock.advance(kept - 2)
      await authorize()
      expect(fetched).toHaveLength(1)
      setup.clock.advance(4)
      expect((await authorize()).status).toBe(200)
      expect(fetched).toHaveLength(2)
      expect(fetched[1]?.headers.get('if-none-match')).toBe('"v1"')
    }
  })

  test('drops a document that turned bad, and stands by it while its host is away [attack 94]', async () => {
    const { authorize, setup, documents } = start()
    await authorize()
    setup.clock.advance(3601)
    documents[url] = new Error('ECONNREFUSED')
    expect((await authorize()).status).toBe(200)
    documents[url] = (): Answer => ({ status: 429 })
    expect((await authorize()).status).toBe(200)
    documents[url] = { ...document, client_id: 'https://evil.example.com/' }
    expect((await authorize()).status).toBe(400)
    documents[url] = new Error('ECONNREFUSED')
    expect((await authorize()).status).toBe(400)
  })

  test('many at once share one request [attack 95]', async () => {
    const { authorize, fetched } = start()
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await authorize()).status))
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(fetched).toHaveLength(1)
  })

  test('unique URLs run into a budget and are refused at once [attack 95]', async () => {
    const { authorize, fetched } = start({})
    const statuses = await Promise.all(
      Array.from({ length: 400 }, async (_, index) => (await authorize(`https://c${index}.example.com/x`)).status),
    )
    expect(statuses.filter((status) => status === 503 || status === 429).length).toBeGreaterThan(0)
    expect(fetched.length).toBeLessThanOrEqual(300)
  })

  test('keeps so many new documents in an hour, works without keeping more, and renews what it has [attack 79, attack 95]', async () => {
    const inner = memoryStorage()
    const kept = new Set<string>()
    const storage: Storage = {
      ...inner,
      compareAndSet: (key, ...rest) => {
        if (key.startsWith('oauth:document:')) kept.add(key)
        return inner.compareAndSet(key, ...rest)
      },
    }
    const ids = Array.from({ length: 210 }, (_, index) => `https://c${index}.example.com/x`)
    const published = ids.map((id) => [id, { client_id: id, client_name: 'A', redirect_uris: [callback] }])
    const { authorize, fetched, setup } = start(Object.fromEntries(published), { storage })
    for (const id of ids) expect((await authorize(id)).status).toBe(200)
    expect(kept.size).toBe(200)
    for (const id of [ids[0], ids[209]]) expect((await authorize(id)).status).toBe(200)
    expect(fetched).toHaveLength(211)
    kept.clear()
    setup.clock.advance(3601)
    for (const id of [ids[0], ids[209]]) expect((await authorize(id)).status).toBe(200)
    expect(kept.size).toBe(2)
  })

  test('ids that differ a little are different clients [attack 96]', async () => {
    const ids = ['https://a.example/x?t=1', 'https://a.example/x?t=2', 'https://a.example/x/y', 'https://a.example/x:y']
    const { authorize, fetched } = start(
      Object.fromEntries(
        ids.map((id, index) => [id, { client_id: id, client_name: `Client ${index}`, redirect_uris: [callback] }]),
      ),
    )
    for (const [index, id] of ids.entries()) expect(await (await authorize(id)).text()).toContain(`Client ${index}`)
    expect(fetched).toHaveLength(4)
  })

  test('a redirect URI that the document gave up is not used any more [attack 97]', async () => {
    const { authorize, setup, documents } = start()
    expect((await authorize()).status).toBe(200)
    documents[url] = { ...document, redirect_uris: ['https://client.example.com/new'] }
    setup.clock.advance(3601)
    expect((await authorize()).status).toBe(400)
    expect((await authorize(url, 'https://client.example.com/new')).status).toBe(200)
  })
})

test('what is kept of a document is what is needed of it, and 4 KB at most [finding 14]', async () => {
  const values: string[] = []
  const inner = memoryStorage()
  const storage: Storage = {
    ...inner,
    compareAndSet: (key, version, value, ...rest) => {
      if (key.startsWith('oauth:document:')) values.push(value)
      return inner.compareAndSet(key, version, value, ...rest)
    },
  }
  const answer = (more: Record<string, unknown>) => () => ({
    body: JSON.stringify({ ...document, ...more }),
    headers: { ETag: `"${'"'.repeat(5000)}"` },
  })
  const { authorize, documents } = start(
    { [url]: answer({ policy_uri: `https://a.example/${'x'.repeat(2000)}` }) },
    { storage },
  )
  expect((await authorize()).status).toBe(200)
  expect(values[0]?.length).toBeLessThan(500)
  const uris = Array.from({ length: 2 }, (_, index) => `https://a.example/${index}${'x'.repeat(1900)}`)
  documents['https://client.example.com/b.json'] = {
    ...document,
    client_id: 'https://client.example.com/b.json',
    redirect_uris: [callback, ...uris],
  }
  expect((await authorize('https://client.example.com/b.json')).status).toBe(400)
  expect(values).toHaveLength(1)
})

test('a configured client wins over the document at its id [attack 99]', async () => {
  const { authorize, fetched } = start(undefined, {
    clients: [{ client_id: url, client_name: 'Configured', redirect_uris: [callback] }],
  })
  expect(await (await authorize()).text()).toContain('Configured')
  expect(fetched).toEqual([])
})

test('with documents off a URL is an unknown client', async () => {
  const { authorize, fetched } = start(undefined, { clientDocuments: false })
  expect((await authorize()).status).toBe(400)
  expect(fetched).toEqual([])
})

describe('who guards registration [finding 22]', () => {
  const tokens = ['an-initial-access-token']
  const supported = async ({ setup }: ReturnType<typeof start>) =>
    ((await (await setup.call('/.well-known/oauth-authorization-server')).json()) as Record<string, unknown>)
      .client_id_metadata_document_supported

  test('has no document clients either, in authorization, tokens and metadata [finding 22]', async () => {
    const guarded = start(undefined, { registration: { initialAccessTokens: tokens } })
    expect((await guarded.authorize()).status).toBe(400)
    const fields = { grant_type: 'refresh_token', refresh_token: 'x', client_id: url }
    expect((await guarded.setup.call('/token', form(fields))).status).toBe(401)
    expect((await guarded.setup.call('/revoke', form({ token: 'x', client_id: url }))).status).toBe(401)
    expect(await supported(guarded)).toBe(false)
    expect(guarded.fetched).toEqual([])
  })

  test('shuts out a document that was read before [finding 22]', async () => {
    const storage = memoryStorage()
    expect((await start(undefined, { storage }).authorize()).status).toBe(200)
    const guarded = start(undefined, { storage, registration: { initialAccessTokens: tokens } })
    expect((await guarded.authorize()).status).toBe(400)
  })

  test('may let documents in by name, all of them or those of some origins [finding 22]', async () => {
    const all = start(undefined, { registration: { initialAccessTokens: tokens }, clientDocuments: true })
    expect([(await all.authorize()).status, await supported(all)]).toEqual([200, true])
    const some = start(undefined, {
      registration: { initialAccessTokens: tokens },
      clientDocuments: ['https://client.example.com'],
    })
    expect([(await some.authorize()).status, await supported(some)]).toEqual([200, true])
    for (const other of [
      'https://evil.example.com/client.json',
      'https://client.example.com.evil.example/client.json',
      'https://client.example.com:8443/client.json',
      'https://xclient.example.com/client.json',
    ]) {
      expect((await some.authorize(other)).status).toBe(400)
    }
    expect(some.fetched.map((each) => each.url)).toEqual([url])
  })

  test.each([
    'client.example.com',
    'http://client.example.com',
    'https://client.example.com/',
    'https://*.example.com/x',
  ])('must name origins: %s [finding 22]', (origin) => {
    expect(() => start(undefined, { clientDocuments: [origin] })).toThrow(
      expect.objectContaining({ code: 'invalid_configuration' }),
    )
  })

  test('keeps documents where registration is off but not guarded, as the README says [finding 22]', async () => {
    const off = start(undefined, { registration: false })
    expect([(await off.authorize()).status, await supported(off)]).toEqual([200, true])
    const none = start(undefined, { clientDocuments: [] })
    expect([(await none.authorize()).status, await supported(none)]).toEqual([400, false])
  })
})

function endless(): ReadableStream {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1024).fill(32)),
  })
}
