import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GatewayError, type Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerOf, authorizePath, form, obtainTokens, pkce, setUp } from '../../../test/fixture.js'
import type { AuthorizationServerOptions } from '../server/options.js'

const url = 'https://client.example.com/client.json'
const callback = 'https://client.example.com/cb'
const document = { client_id: url, client_name: 'Documented', redirect_uris: [callback] }
const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }

type Transport = NonNullable<AuthorizationServerOptions['transport']>

/** A server, what it logged, and what it says to a person and to a program about a client. */
function start(transport: Transport | undefined, options: Partial<AuthorizationServerOptions> = {}) {
  const logged: { message: string; fields: Record<string, unknown> }[] = []
  const write = (fields: object, message: string) => logged.push({ message, fields: { ...fields } })
  const logger = { debug() {}, info() {}, warn: write, error: write } as unknown as AuthorizationServerOptions['logger']
  const setup = setUp({ ...(transport && { transport }), logger, ...options })
  const authorize = async (clientId = url) => {
    const response = await setup.call(authorizePath(clientId, pkce().challenge, { redirect_uri: callback }))
    const [, text = ''] = /<h1>[^<]*<\/h1>\s*<p>([\s\S]*?)<\/p>/.exec(await response.text()) ?? []
    return { status: response.status, type: response.headers.get('content-type'), text: plainText(text) }
  }
  const refresh = async (clientId = url) =>
    answerOf(await setup.call('/token', form({ grant_type: 'refresh_token', refresh_token: 'x', client_id: clientId })))
  return { setup, logged, authorize, refresh }
}

const plainText = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&')

const answers = (body: unknown, status = 200, headers: Record<string, string> = {}): Transport => {
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return async () =>
    new Response([204, 304].includes(status) ? null : (text as string), {
      status,
      headers: { 'Content-Type': 'application/json', ...headers },
    })
}
const fails =
  (error: unknown): Transport =>
  () =>
    Promise.reject(error)
const failsWith = (code: string, more: object = {}): Transport =>
  fails(new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code, ...more }) }))

/** What can be wrong with what a host does, and what is said about it. */
const hosts: [string, Transport, RegExp][] = [
  ['answers 500', answers('', 500), /its host answered with status 500/],
  ['answers 503', answers('', 503), /its host answered with status 503/],
  ['answers 429', answers('', 429), /its host answered with status 429/],
  ['answers 404', answers(document, 404), /its host answered with status 404/],
  ['answers 304, which nobody asked for', answers('', 304), /its host answered with status 304/],
  ['redirects', answers('', 302, { Location: 'https://client.example.com/x' }), /client\.example\.com redirects/],
  ['answers too much', answers('x'.repeat(6000)), /more than 5120 bytes/],
  ['has no name', failsWith('ENOTFOUND'), /client\.example\.com is not on the public Internet/],
  ['has a name that nobody resolves now', failsWith('ESERVFAIL'), /name that cannot be resolved now/],
  ['refuses connections', failsWith('ECONNREFUSED', { syscall: 'connect' }), /refuses the connection/],
  ['breaks off', failsWith('ECONNRESET'), /breaks the connection off/],
  ['cannot be reached', failsWith('EHOSTUNREACH'), /cannot be reached/],
  ['is silent', fails(new DOMException('Too late', 'TimeoutError')), /does not answer in time/],
  ['has a certificate that has expired', failsWith('CERT_HAS_EXPIRED'), /has no valid certificate/],
  ['speaks no HTTP', failsWith('HPE_INVALID_CONSTANT'), /does not speak HTTP/],
  ['fails in a way that nobody knows', fails(new Error('whatever')), /client\.example\.com does not answer/],
]

/** What can be wrong with the document itself. */
const documents: [string, Transport, RegExp][] = [
  ['is HTML', answers('<p>', 200, { 'Content-Type': 'text/html' }), /its Content-Type is not application\/json/],
  ['is not UTF-8', answers(new Uint8Array([0x7b, 0xff, 0x7d])), /it is not UTF-8/],
  ['is not JSON', answers('{'), /it is not JSON/],
  ['is a list', answers('[]'), /it is not a JSON object/],
  ['has another client_id', answers({ ...document, client_id: `${url}?` }), /its client_id is not its own address/],
  ['has a secret', answers({ ...document, client_secret: 'x' }), /it holds a client secret/],
  ['has no name', answers({ ...document, client_name: undefined }), /client_name is missing or empty/],
  ['has no redirect URIs', answers({ ...document, redirect_uris: [] }), /redirect_uris is missing or empty/],
  [
    'has only a redirect URI that will not do',
    answers({ ...document, redirect_uris: ['http://a.example/'] }),
    /http:\/\/a\.example\/ is http, which only/,
  ],
  [
    'asks for a secret',
    answers({ ...document, token_endpoint_auth_method: 'client_secret_post' }),
    /token_endpoint_auth_method must be none or private_key_jwt, not client_secret_post/,
  ],
  [
    'asks for keys and has none',
    answers({ ...document, token_endpoint_auth_method: 'private_key_jwt' }),
    /private_key_jwt needs jwks or jwks_uri/,
  ],
  [
    'has a private key',
    answers({ ...document, jwks: { keys: [{ ...key, d: 'd' }] } }),
    /jwks\.keys\.0: must be a public key/,
  ],
  [
    'has keys in two places',
    answers({ ...document, jwks: { keys: [key] }, jwks_uri: 'https://a.example/k' }),
    /jwks and jwks_uri must not both be there/,
  ],
  [
    'has no grant type of ours',
    answers({ ...document, grant_types: ['implicit'] }),
    /grant_types must include authorization_code/,
  ],
  [
    'has no response type of ours',
    answers({ ...document, response_types: ['token'] }),
    /response_types must include code/,
  ],
  ['has a name of another type', answers({ ...document, client_name: 1 }), /client_name: /],
  [
    'needs more room than there is',
    answers({
      ...document,
      redirect_uris: [callback, ...[1, 2].map((each) => `https://a.example/${each}${'x'.repeat(1900)}`)],
    }),
    /redirect_uris takes \d+ bytes/,
  ],
]

describe.each([
  ['a host', hosts],
  ['a document', documents],
])('%s that', (_, faults) => {
  test.each(faults)(
    '%s is told on a page of 400 that names the document, and in the log [finding 17]',
    async (_, transport, sentence) => {
      const { authorize, logged } = start(transport)
      const page = await authorize()
      expect([page.status, page.type]).toEqual([400, 'text/html; charset=utf-8'])
      expect(page.text).toContain(url)
      expect(page.text).toMatch(sentence)
      expect(logged).toHaveLength(1)
      expect(logged[0]).toMatchObject({ message: 'Client metadata document refused', fields: { client_id: url } })
    },
  )
})

test('each of them has a sentence of its own, on the page and in the log', async () => {
  const said = new Set<string>()
  const noted = new Set<unknown>()
  for (const [, transport] of [...hosts, ...documents]) {
    const { authorize, logged } = start(transport)
    said.add((await authorize()).text)
    noted.add(logged[0]?.fields.reason)
  }
  expect(said.size).toBe(hosts.length + documents.length)
  expect(noted.size).toBe(hosts.length + documents.length)
})

test.each([
  ['http://client.example.com/client.json', /does not begin with https/],
  ['https://client.example.com/', /has no path/],
  ['https://client.example.com/a/../client.json', /must be written https:\/\/client\.example\.com\/client\.json/],
  ['https://CLIENT.example.com/client.json', /must be written https:\/\/client\.example\.com\/client\.json/],
  ['https://user@client.example.com/client.json', /has a user name/],
  ['https://client.example.com/client.json#x', /has a fragment/],
  ['https://client.exa mple.com/client.json', /is no URL/],
  [`https://client.example.com/${'x'.repeat(2048)}`, /more than 2048 characters/],
  ['https://localhost./client.json', /localhost\. is not on the public Internet/],
  ['https://localhost/client.json', /localhost is not on the public Internet/],
  ['https://app.localhost./client.json', /not on the public Internet/],
  ['https://intranet/client.json', /intranet is not on the public Internet/],
  ['https://10.1.2.3/client.json', /10\.1\.2\.3 is not on the public Internet/],
  ['https://[::1]/client.json', /not on the public Internet/],
])('the address %s is told to be wrong without asking anybody [attack 87, attack 88]', async (clientId, sentence) => {
  let asked = 0
  const { authorize, refresh, logged } = start(async () => {
    asked++
    return new Response('')
  })
  const page = await authorize(clientId)
  expect([page.status, asked]).toEqual([400, 0])
  expect(page.text).toMatch(sentence)
  expect(page.text).toContain(clientId.slice(0, 60))
  expect(logged[0]?.fields.reason).toMatch(sentence)
  expect(await refresh(clientId)).toMatchObject({ status: 401, error: 'invalid_client' })
})

test('a name that leads into a private network is not told from one that is not there', async () => {
  const inside = start(fails(new GatewayError('outbound_refused', 'client.example.com is not on the public Internet')))
  const nowhere = start(failsWith('ENOTFOUND'))
  expect((await inside.authorize()).text).toBe((await nowhere.authorize()).text)
  expect(inside.logged[0]?.fields.reason).not.toBe(nowhere.logged[0]?.fields.reason)
})

test('a server that reads no documents, or not those of this origin, says so', async () => {
  const off = start(answers(document), { clientDocuments: false })
  expect(await off.authorize()).toMatchObject({
    status: 400,
    text: expect.stringContaining('this server does not read'),
  })
  const some = start(answers(document), { clientDocuments: ['https://claude.ai'] })
  expect((await some.authorize()).text).toContain('documents of https://client.example.com are not accepted here')
})

describe('a program is told', () => {
  test.each(documents)('invalid_client where a document %s', async (_, transport, sentence) => {
    const answer = await start(transport).refresh()
    expect(answer).toMatchObject({ status: 401, error: 'invalid_client' })
    expect(String(answer.error_description)).toMatch(sentence)
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
  })

  test('to try again where the host is away, which ends no registration and is no 5xx of ours', async () => {
    for (const transport of [answers('', 500), failsWith('ENOTFOUND'), failsWith('ECONNREFUSED')]) {
      const answer = await start(transport).refresh()
      expect(answer).toMatchObject({ status: 400, error: 'temporarily_unavailable' })
      expect(String(answer.error_description)).toContain(url)
    }
  })

  test('the same of keys that its document names', async () => {
    const { setup } = start(async (input) => {
      if (String(input) !== url) return new Response('', { status: 500 })
      return Response.json({
        ...document,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri: 'https://client.example.com/keys',
      })
    })
    const part = (value: object) => btoa(JSON.stringify(value)).replaceAll('=', '')
    const fields = {
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: `${part({ alg: 'ES256' })}.${part({ sub: url })}.AAAA`,
    }
    const answer = await answerOf(await setup.call('/token', form(fields)))
    expect(answer).toMatchObject({ status: 400, error: 'temporarily_unavailable' })
    expect(String(answer.error_description)).toContain('https://client.example.com/keys')
  })
})

describe('what is ours stays 503 or 429', () => {
  test('our store does not answer', async () => {
    const inner = memoryStorage()
    const cause = new Error('connect ECONNREFUSED 10.0.0.5:6379')
    const outage = new GatewayError('temporarily_unavailable', 'The store does not answer', { cause })
    for (const verb of ['get', 'increment', 'compareAndSet'] as const) {
      const storage = { ...inner, [verb]: () => Promise.reject(outage) } as Storage
      const { authorize, refresh } = start(answers(document), { storage })
      expect([verb, (await authorize()).status]).toEqual([verb, 503])
      expect([verb, (await refresh()).status]).toEqual([verb, 503])
    }
  })

  test('our budget for strangers is used up', async () => {
    let go = (): void => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    const { authorize } = start(async () => {
      await held
      return new Response('', { status: 404 })
    })
    const many = Array.from({ length: 60 }, (_, index) => authorize(`https://c${index}.example.com/x`))
    setTimeout(go, 200)
    const statuses = new Set((await Promise.all(many)).map(({ status }) => status))
    expect(statuses.has(503)).toBe(true)
  })
})

test('a document that a person approved is used for a day while its host is away, whatever is wrong there', async () => {
  let transport = answers(document)
  const { setup, refresh } = start((input, init) => transport(input, init))
  const { tokens } = await obtainTokens(setup, { client_id: url }, { redirect_uri: callback })
  const renew = async (refresh_token: string) =>
    answerOf(await setup.call('/token', form({ grant_type: 'refresh_token', refresh_token, client_id: url })))
  setup.clock.advance(3601)
  transport = failsWith('ENOTFOUND')
  const next = await renew(tokens.refresh_token as string)
  expect(next.status).toBe(200)
  setup.clock.advance(2 * 86_400)
  expect(await refresh()).toMatchObject({ status: 400, error: 'temporarily_unavailable' })
  transport = answers(document)
  expect(await renew(next.refresh_token)).toMatchObject({ status: 200 })
})

describe('errors of real connections', () => {
  const servers: Server[] = []
  let plain = 0
  let closed = 0
  beforeAll(async () => {
    const http = createServer((_, response) => response.socket?.destroy())
    const gone = createServer()
    for (const server of [http, gone]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      servers.push(server)
    }
    plain = (http.address() as AddressInfo).port
    closed = (gone.address() as AddressInfo).port
    gone.close()
  })
  afterAll(() => {
    for (const server of servers) server.close()
  })

  test('are told for what they are', async () => {
    const to =
      (target: () => string): Transport =>
      (_, init) =>
        fetch(target(), init)
    const cases: [Transport, RegExp][] = [
      [to(() => `http://127.0.0.1:${closed}/`), /refuses the connection/],
      [to(() => `http://127.0.0.1:${plain}/`), /breaks the connection off|does not answer/],
      [to(() => `https://127.0.0.1:${plain}/`), /does not speak TLS/],
    ]
    for (const [transport, sentence] of cases) {
      const page = await start(transport).authorize()
      expect(page.status).toBe(400)
      expect(page.text).toMatch(sentence)
    }
  })

  test('a name that does not exist, asked of the real name servers', async () => {
    const page = await start(undefined).authorize('https://no-such-host.invalid/client.json')
    expect(page.status).toBe(400)
    expect(page.text).toMatch(
      /no-such-host\.invalid (?:is not on the public Internet|has a name that cannot be resolved now|does not answer)/,
    )
  }, 15_000)
})
