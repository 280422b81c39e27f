import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
import { Browser } from '../../../test/browser.js'
import { cookieName, key, replica, type Servers, startServers, url, user } from '../../../test/vault-world.js'
import { createLogger } from '../logging/create-logger.js'

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

const callback = '/connect/wiki/callback'
const connected = (vault: ReturnType<typeof replica>['vault'], name: string) =>
  vault.connections(user(`token-of-${name}`, servers.login.issuer))

/** Goes as far as the upstream's answer, and returns its address without opening it. */
async function stopAtCallback(world: ReturnType<typeof replica>, name: string) {
  const person = world.browser(name)
  const page = await person.open(`${url}/connect/wiki`)
  person.stopAt = callback
  const { url: answer } = await person.submit(page)
  person.stopAt = undefined
  return { person, answer }
}

test("an account cannot be planted in another's vault: the answer of another browser is refused [attack 104, attack 111]", async () => {
  const world = replica(servers)
  const { answer } = await stopAtCallback(world, 'mallory')
  const alice = world.browser('alice')
  await alice.open(`${url}/connect`)
  expect(await alice.open(answer)).toMatchObject({ status: 400 })
  // Nor can a browser that nobody is signed in at
  const { answer: second } = await stopAtCallback(world, 'mallory')
  expect(await world.browser('nobody').open(second)).toMatchObject({ status: 400 })
  expect(await connected(world.vault, 'alice')).toEqual([])
  expect(await connected(world.vault, 'mallory')).toEqual([])
})

test("another's account cannot be had: who follows the attacker's link to the upstream gives nothing away [attack 105]", async () => {
  const world = replica(servers)
  const mallory = world.browser('mallory')
  const page = await mallory.open(`${url}/connect/wiki`)
  mallory.stopAt = `${servers.wiki.issuer}/auth`
  const { url: link } = await mallory.submit(page)
  const alice = world.browser('alice')
  await alice.open(`${url}/connect`)
  expect(await alice.open(link)).toMatchObject({ status: 400 })
  expect(await connected(world.vault, 'mallory')).toEqual([])
  expect(await connected(world.vault, 'alice')).toEqual([])
})

test('an address that somebody else sent leads to the own vault: what is connected is kept for who signed in', async () => {
  const world = replica(servers)
  const { error } = await world.call('token-of-mallory')
  const { url: link } = (error?.data ?? {}) as { url: string }
  const alice = world.browser('alice')
  await alice.submit(await alice.open(link))
  expect(await connected(world.vault, 'mallory')).toEqual([])
  expect(await connected(world.vault, 'alice')).toHaveLength(1)
})

test('an answer works once [attack 104]', async () => {
  const world = replica(servers)
  const { person, answer } = await stopAtCallback(world, 'alice')
  expect((await person.open(answer)).text).toContain('is connected')
  expect(await person.open(answer)).toMatchObject({ status: 400 })
})

test('an answer is for who began, even where somebody else signs in at the same browser meanwhile', async () => {
  let now = Date.now()
  const world = replica(servers, sharedMemory({ now: () => now }))
  const alice = world.browser('alice')
  const page = await alice.open(`${url}/connect/wiki`)
  now += 800_000
  alice.stopAt = callback
  const answers = [await alice.submit(page), await alice.submit(page)].map((at) => at.url)
  alice.stopAt = undefined
  // Her sign-in ends before the answer is there
  now += 200_000
  expect(await alice.open(answers[0] ?? '')).toMatchObject({ status: 403 })
  const bob = world.browser('bob')
  bob.jars.set('mcp.example.com', new Map(alice.jars.get('mcp.example.com')))
  expect((await bob.open(`${url}/connect`)).text).toContain('bob')
  expect(await bob.open(answers[1] ?? '')).toMatchObject({ status: 400 })
  expect(await connected(world.vault, 'bob')).toEqual([])
  expect(await connected(world.vault, 'alice')).toEqual([])
})

test('a sign-in is bound to its browser, and a secret that was planted before it is worth nothing after [attack 111]', async () => {
  const world = replica(servers)
  const mallory = world.browser('mallory')
  mallory.stopAt = '/sign-in/callback'
  const { url: answer } = await mallory.open(`${url}/connect`)
  const planted = 'p'.repeat(43)
  const stranger = world.browser('alice')
  expect(await stranger.open(answer)).toMatchObject({ status: 400 })
  const alice = world.browser('alice')
  alice.jars.set('mcp.example.com', new Map([[cookieName, planted]]))
  expect((await alice.open(`${url}/connect`)).text).toContain('alice')
  expect(alice.jars.get('mcp.example.com')?.get(cookieName)).not.toBe(planted)
  const spy = world.browser('mallory')
  spy.jars.set('mcp.example.com', new Map([[cookieName, planted]]))
  spy.stopAt = servers.login.issuer
  expect((await spy.open(`${url}/connect`)).url).toContain(servers.login.issuer)
})

test('the answer of one step is not taken for that of another [attack 112]', async () => {
  const world = replica(servers)
  const { person, answer } = await stopAtCallback(world, 'alice')
  expect(await person.open(answer.replace(callback, '/connect/sign-in/callback'))).toMatchObject({ status: 400 })
  const next = await stopAtCallback(world, 'alice')
  const wrong = new URL(next.answer)
  wrong.searchParams.set('iss', 'https://evil.example')
  expect(await next.person.open(wrong.href)).toMatchObject({ status: 502 })
  const last = await stopAtCallback(world, 'alice')
  const without = new URL(last.answer)
  without.searchParams.delete('iss')
  expect(await last.person.open(without.href)).toMatchObject({ status: 502 })
  expect(await connected(world.vault, 'alice')).toEqual([])
})

test('an error of the upstream connects nothing, and its words are not repeated [attack 115, attack 117]', async () => {
  const world = replica(servers)
  const { person, answer } = await stopAtCallback(world, 'alice')
  const given = new URL(answer)
  const denied = new URL(given.origin + given.pathname)
  for (const name of ['state', 'iss']) denied.searchParams.set(name, given.searchParams.get(name) ?? '')
  denied.searchParams.set('error', 'access_denied')
  denied.searchParams.set('error_description', '<script>alert(1)</script>')
  const page = await person.open(denied.href)
  expect(page.status).toBe(403)
  expect(page.text).not.toContain('script')
  expect(await connected(world.vault, 'alice')).toEqual([])
})

test.each([
  ['another site', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }],
  ['a sibling host', { Origin: 'https://evil.example.com', 'Sec-Fetch-Site': 'same-site' }],
  ['an opaque origin', { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }],
])('a form of %s changes nothing', async (_what, headers) => {
  const world = replica(servers)
  const { person, page } = await world.connect('alice')
  expect(await person.submit(page, headers)).toMatchObject({ status: 403 })
  expect(await connected(world.vault, 'alice')).toHaveLength(1)
})

test('a form of an old browser needs its Origin', async () => {
  const world = replica(servers)
  const send = (headers: Record<string, string>) =>
    world.gateway.fetch(new Request(`${url}/connect/wiki`, { method: 'POST', headers }))
  expect((await send({})).status).toBe(403)
  expect((await send({ Origin: 'https://evil.example' })).status).toBe(403)
  expect((await send({ Origin: url })).status).toBe(303)
})

test('the browser is sent to the issuer, the upstream and the own pages, and nowhere else [attack 116]', async () => {
  const world = replica(servers)
  const targets = ['?back=//evil.example', '/wiki?back=https://evil.example', '//evil.example', '/%2f%2fevil.example']
  for (const target of [
    ...targets,
    '/wiki/callback?state=x&back=https://evil.example',
    '/sign-in/callback',
    '/wiki/x/y',
  ]) {
    const person = world.browser('alice')
    const { url: end } = await person.open(`${url}/connect${target}`)
    expect(end.startsWith(`${url}/connect`)).toBe(true)
    for (const at of person.visited) expect([url, servers.login.issuer]).toContain(new URL(at).origin)
  }
})

test('sign-ins that nobody finished leave a few cookies, not so many that proxies refuse the whole site', async () => {
  const { gateway } = replica(servers)
  const jar = new Map([['other', 'x']])
  for (let count = 0; count < 60; count++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    expect(cookie.length).toBeLessThan(4096)
    const response = await gateway.fetch(new Request(`${url}/connect`, { headers: { cookie } }))
    expect(response.status).toBe(303)
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/expires=thu, 01 jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
  }
  expect(jar.size).toBe(6)
})

test('a user who begins to connect again and again leaves few records, and holds nobody else up [attack 158]', async () => {
  const storage = sharedMemory()
  const now = Date.now()
  const world = replica(servers, storage, { now: () => now })
  const signIn = async (name: string) => {
    const person = world.browser(name)
    await person.open(`${url}/connect`)
    const Cookie = `${cookieName}=${person.jars.get('mcp.example.com')?.get(cookieName)}`
    const headers = { Cookie, Origin: url, 'Sec-Fetch-Site': 'same-origin' }
    return async () =>
      (await world.gateway.fetch(new Request(`${url}/connect/wiki`, { method: 'POST', headers }))).status
  }
  const begin = await signIn('alice')
  const set = vi.spyOn(storage, 'set')
  const statuses: number[] = []
  for (let count = 0; count < 60; count++) statuses.push(await begin())
  expect(set).toHaveBeenCalledTimes(50)
  expect([statuses[0], statuses[49], statuses[50], statuses[59]]).toEqual([303, 303, 429, 429])
  expect(await (await signIn('bob'))()).toBe(303)
})

test('two vaults on one host keep their sessions and sign-ins apart [attack 109]', async () => {
  const [first, second] = [replica(servers), replica(servers, sharedMemory(), { url: `${url}/other` })]
  const pick = (at: string) => (new URL(at).pathname.startsWith('/other') ? second : first)
  const alice = new Browser(
    (request) => (request.url.startsWith(url) ? pick(request.url).gateway.fetch(request) : undefined),
    { [servers.login.issuer]: 'alice' },
  )
  expect((await alice.open(`${url}/connect`)).text).toContain('alice')
  alice.stopAt = servers.login.issuer
  // Ten sign-ins at the other one take no cookie of this one away
  for (let count = 0; count < 10; count++) await alice.open(`${url}/other`)
  alice.stopAt = undefined
  expect((await alice.open(`${url}/other`)).text).toContain('alice')
  alice.stopAt = servers.login.issuer
  for (const path of ['/connect', '/other']) expect((await alice.open(url + path)).status).toBe(200)
})

test('pages are not to be framed, kept or scripted, and the cookie stays with the host', async () => {
  const { gateway } = replica(servers)
  const response = await gateway.fetch(new Request(`${url}/connect`))
  expect(response.status).toBe(303)
  expect(response.headers.get('set-cookie')).toMatch(
    /^__Host-mcp-vault-[\da-f]{8}-[\da-f]{16}=[\w.-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
  )
  const page = await gateway.fetch(new Request(`${url}/connect/unknown`))
  expect(page.status).toBe(404)
  for (const { headers } of [response, page]) expect(headers.has('cross-origin-opener-policy')).toBe(false)
  expect(Object.fromEntries(page.headers)).toMatchObject({
    'cache-control': 'no-store',
    'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
  })
  for (const method of ['PUT', 'DELETE', 'POST']) {
    const wrong = await gateway.fetch(new Request(`${url}/connect`, { method }))
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  }
})

test('a sign-in by access token needs that token to be for the vault', async () => {
  const { issuer, clientId, clientSecret } = servers.login
  const good = new Set<string>()
  const verifyAccessToken = async (token: string) => {
    const account = await servers.login.accountOf(token)
    good.add(String(account))
    if (account !== 'alice') throw new Error('not for the vault')
    return user(`token-of-${account}`, issuer)
  }
  const signIn = { issuer, clientId, clientSecret, scope: 'openid', verifier: { verifyAccessToken } }
  const world = replica(servers, sharedMemory(), { signIn })
  await world.connect('alice')
  expect(await connected(world.vault, 'alice')).toHaveLength(1)
  expect(await world.browser('bob').open(`${url}/connect`)).toMatchObject({ status: 502 })
  expect(good).toEqual(new Set(['alice', 'bob']))
})

test('no line of the log holds a token, a code, a secret, a verifier, a state or a cookie [attack 160]', async () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'debug', write: (line) => lines.push(line) })
  let now = Date.now
  const world = replica(servers, sharedMemory(), { now: () => now() }, logger)
  servers.wiki.tokenRequests.length = 0
  const { person, answer } = await stopAtCallback(world, 'alice')
  await person.open(answer)
  await person.open(answer)
  await world.call('token-of-alice')
  now = () => Date.now() + 290_000
  await world.call('token-of-alice')
  // A code that the upstream does not know
  const wrong = await stopAtCallback(world, 'bob')
  await wrong.person.open(wrong.answer.replace(/code=[^&]+/, 'code=made-up-by-somebody'))
  await servers.wiki.takeBack('alice-at-wiki')
  await world.call('token-of-alice')
  servers.wiki.down = 500
  await wrong.person.open(`${url}/connect/wiki/callback?state=made-up-by-somebody&code=made-up-by-somebody`)
  servers.wiki.down = undefined
  expect(lines.length).toBeGreaterThan(8)
  const forms = servers.wiki.tokenRequests.flatMap((form) => [
    ...['code', 'code_verifier', 'refresh_token'].map((name) => form.get(name)),
  ])
  const cookies = [person, wrong.person].map(({ jars }) => jars.get('mcp.example.com')?.get(cookieName))
  const states = [answer, wrong.answer].map((at) => new URL(at).searchParams.get('state'))
  const secrets = [...forms, ...cookies, ...states, ...world.seen, servers.wiki.clientSecret, 'token-of-alice', key]
  const known = secrets.filter((value): value is string => typeof value === 'string')
  expect(known.length).toBeGreaterThan(12)
  const log = lines.join('\n')
  for (const value of known) {
    expect(value.length).toBeGreaterThan(10)
    expect(log).not.toContain(value)
  }
})
