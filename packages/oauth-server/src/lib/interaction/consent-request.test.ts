import { createHmac } from 'node:crypto'
import type { Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import { authorizePath, form, issuer, pkce, redirectUri, register, type Setup, setUp } from '../../../test/fixture.js'

const https = 'https://client.example.com/cb'
const documentId = 'https://client.example.com/client.json'

/** A browser: it keeps its cookies, answers the form that it was shown, and says where it was sent. */
function createBrowser(setup: Setup) {
  const jar = new Map<string, string>()
  let page = ''
  const go = async (path: string, init: RequestInit = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await setup.call(path, { ...init, headers: { cookie, 'sec-fetch-site': 'same-origin' } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    page = await response.text()
    const location = response.headers.get('location') ?? ''
    return { status: response.status, location, page, retryAfter: response.headers.get('retry-after') }
  }
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(page)?.[1] ?? ''
  return {
    jar,
    go,
    handle: () => field('transaction'),
    decide: (decision = 'approve', handle = field('transaction')) =>
      go('/consent', form({ transaction: handle, decision })),
    async signIn(location: string, username = 'alice') {
      const { pathname, search } = new URL(location)
      await go(pathname + search)
      return go('/login', form({ state: field('state'), username }))
    },
  }
}

/** A storage that tells what was written to it. */
function watched(): { storage: Storage; written: () => string[] } {
  const inner = memoryStorage()
  const names: string[] = []
  const storage: Storage = {
    ...inner,
    set: (key, ...rest) => {
      names.push(key.split(':')[1] ?? '')
      return inner.set(key, ...rest)
    },
    add: (key, ...rest) => {
      names.push(key.split(':')[1] ?? '')
      return inner.add(key, ...rest)
    },
    increment: (key, ...rest) => {
      names.push(key.split(':')[1] ?? '')
      return inner.increment(key, ...rest)
    },
  }
  return { storage, written: () => names.splice(0) }
}

describe('before anyone has decided', () => {
  test('an authorization request leaves nothing in the store [attack 79]', async () => {
    const { storage, written } = watched()
    const setup = setUp({ storage })
    const client = await register(setup)
    written()
    const browser = createBrowser(setup)
    for (let count = 0; count < 50; count++) {
      const path = authorizePath(client.client_id as string, pkce().challenge, { state: 's'.repeat(2000) })
      expect((await browser.go(path)).status).toBe(200)
    }
    expect(written()).toEqual([])
    expect((await browser.decide()).status).toBe(303)
    expect(written()).toEqual(['counted', 'counted', 'state', 'answer'])
  })

  test('a state is at most 2048 characters, and a longer one is told to the person [attack 28, finding 14]', async () => {
    const setup = setUp()
    const client = await register(setup)
    const browser = createBrowser(setup)
    const path = (state: string) => authorizePath(client.client_id as string, pkce().challenge, { state })
    expect((await browser.go(path('s'.repeat(2048)))).status).toBe(200)
    const refused = await browser.go(path('s'.repeat(2049)))
    expect([refused.status, refused.location]).toEqual([400, ''])
    expect(refused.page).toContain('more than 2048 characters')
  })
})

test('what waits for a person at the login is 4 KB at most [finding 14]', async () => {
  const inner = memoryStorage()
  const sizes: number[] = []
  const storage: Storage = {
    ...inner,
    set: (key, value, ...rest) => {
      if (/^oauth:(state|code):/.test(key)) sizes.push(Buffer.byteLength(value))
      return inner.set(key, value, ...rest)
    },
    add: (key, value, ...rest) => {
      if (/^oauth:(state|code):/.test(key)) sizes.push(Buffer.byteLength(value))
      return inner.add(key, value, ...rest)
    },
  }
  const setup = setUp({ storage })
  const long = `${redirectUri}?${'x'.repeat(1900)}`
  const client = await register(setup, { redirect_uris: [redirectUri, long] })
  const statuses: number[] = []
  for (const state of ['s'.repeat(2048), '\u4e2d'.repeat(2048), '\u0001'.repeat(2048), '"'.repeat(1400)]) {
    for (const redirect_uri of [redirectUri, long]) {
      const browser = createBrowser(setup)
      const page = await browser.go(
        authorizePath(client.client_id as string, pkce().challenge, { state, redirect_uri }),
      )
      statuses.push(page.status)
      if (page.status === 200) await browser.signIn((await browser.decide()).location)
    }
  }
  expect(statuses).toEqual([200, 400, 400, 400, 400, 400, 200, 400])
  expect(sizes).toHaveLength(6)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4096)
})

test('a login form that is sent again and again signs in a few times and no more [finding 14]', async () => {
  const setup = setUp()
  const client = await register(setup)
  const browser = createBrowser(setup)
  await browser.go(authorizePath(client.client_id as string, pkce().challenge))
  const { location } = await browser.decide()
  const { pathname, search, searchParams } = new URL(location)
  await browser.go(pathname + search)
  const statuses: number[] = []
  for (let count = 0; count < 20; count++) {
    statuses.push(
      (await browser.go('/login', form({ state: searchParams.get('state') ?? '', username: 'alice' }))).status,
    )
  }
  expect(statuses.filter((status) => status === 303)).toHaveLength(4)
  // From the eleventh answer on the form takes none, whatever is in it
  expect(statuses.slice(4)).toEqual([...Array(6).fill(403), ...Array(10).fill(429)])
})

describe('what comes back with the answer is believed no more than a new request [attack 103]', () => {
  test('a question that was changed is no question', async () => {
    const setup = setUp()
    const client = await register(setup)
    const browser = createBrowser(setup)
    await browser.go(authorizePath(client.client_id as string, pkce().challenge))
    const [text = '', code] = browser.handle().split('.')
    const question = JSON.parse(Buffer.from(text, 'base64url').toString())
    const redirected = { ...question, request: { ...question.request, redirect_uri: 'https://evil.example.com/' } }
    for (const changed of [redirected, { ...question, expiresAt: question.expiresAt + 1e6 }, null, 'x', { id: 1 }]) {
      const forged = Buffer.from(JSON.stringify(changed)).toString('base64url')
      for (const handle of [`${forged}.${code}`, forged, `${forged}.`, `.${code}`, `${forged}.${code}.x`]) {
        expect((await browser.decide('approve', handle)).status).toBe(403)
      }
    }
  })

  test.each([
    ['redirect_uri', 'https://evil.example.com/', 400],
    ['client_id', 'client_unknown', 400],
    ['resource', 'https://evil.example.com/mcp', 303],
    ['code_challenge_method', 'plain', 303],
  ])('a person who knows the cookie cannot get past the checks with it: %s', async (name, value, status) => {
    const setup = setUp()
    const client = await register(setup)
    const browser = createBrowser(setup)
    await browser.go(authorizePath(client.client_id as string, pkce().challenge))
    const question = JSON.parse(Buffer.from(browser.handle().split('.')[0] ?? '', 'base64url').toString())
    const [[, secret = ''] = []] = [...browser.jar]
    const text = Buffer.from(JSON.stringify({ ...question, request: { ...question.request, [name]: value } })).toString(
      'base64url',
    )
    const code = createHmac('sha256', secret).update(text).digest('base64url')
    const answer = await browser.decide('approve', `${text}.${code}`)
    expect(answer.status).toBe(status)
    expect(answer.location).not.toContain('/login')
    if (status === 303) expect(new URL(answer.location).searchParams.get('error')).toBeTruthy()
  })

  test('a person who knows the cookie cannot break the server with what is no request', async () => {
    const setup = setUp()
    const client = await register(setup)
    const browser = createBrowser(setup)
    await browser.go(authorizePath(client.client_id as string, pkce().challenge))
    const question = JSON.parse(Buffer.from(browser.handle().split('.')[0] ?? '', 'base64url').toString())
    const [[, secret = ''] = []] = [...browser.jar]
    for (const request of [[['one']], [1], 'text', null]) {
      const text = Buffer.from(JSON.stringify({ ...question, request })).toString('base64url')
      const code = createHmac('sha256', secret).update(text).digest('base64url')
      expect((await browser.decide('approve', `${text}.${code}`)).status).toBe(403)
    }
  })

  test('a person who knows the cookie cannot have an answer kept for longer than a login', async () => {
    const setup = setUp()
    const client = await register(setup)
    const browser = createBrowser(setup)
    await browser.go(authorizePath(client.client_id as string, pkce().challenge))
    const question = JSON.parse(Buffer.from(browser.handle().split('.')[0] ?? '', 'base64url').toString())
    const [[, secret = ''] = []] = [...browser.jar]
    const text = Buffer.from(JSON.stringify({ ...question, expiresAt: question.expiresAt + 60 })).toString('base64url')
    const code = createHmac('sha256', secret).update(text).digest('base64url')
    expect((await browser.decide('approve', `${text}.${code}`)).status).toBe(403)
  })

  test('a question is for one browser and one answer, wherever it came from', async () => {
    const setup = setUp()
    const client = await register(setup)
    const path = authorizePath(client.client_id as string, pkce().challenge)
    const [mine, theirs] = [createBrowser(setup), createBrowser(setup)]
    await mine.go(path)
    await theirs.go(path)
    expect((await theirs.decide('approve', mine.handle())).status).toBe(403)
  })
})

test.each([[['offline_access', 'mcp']], [['offline_access']], [['mcp']], [[]]])(
  'a question that nobody changed is answered once, whatever the default scopes are: %j',
  async (defaultScopes) => {
    const setup = setUp({ scopes: { mcp: 'Use it', offline_access: 'Stay' }, defaultScopes })
    const client = await register(setup)
    for (const scope of [undefined, 'offline_access', 'mcp offline_access', 'unknown']) {
      const browser = createBrowser(setup)
      await browser.go(authorizePath(client.client_id as string, pkce().challenge, { scope }))
      expect((await browser.decide()).location).toContain('/login?state=')
    }
  },
)

describe('what changed since the page was shown is asked again [attack 97]', () => {
  async function startDocument() {
    const document: Record<string, unknown> = { client_id: documentId, client_name: 'A', redirect_uris: [https] }
    const setup = setUp({ transport: async () => Response.json(document) })
    const browser = createBrowser(setup)
    const path = () => authorizePath(documentId, pkce().challenge, { redirect_uri: https })
    await browser.go(path())
    return { document, setup, browser, path }
  }

  /** Long enough for a document to be read anew, in time for an answer. */
  const stale = 301

  test('a client document, between the page and its answer', async () => {
    const { document, setup, browser } = await startDocument()
    // What it said may be kept for five minutes, which the answer comes after.
    setup.clock.advance(3590)
    await browser.go(authorizePath(documentId, pkce().challenge, { redirect_uri: https }))
    document.client_name = 'B'
    setup.clock.advance(stale)
    const again = await browser.decide()
    expect(again.status).toBe(200)
    expect(again.page).toContain('“<bdi class="foreign">B</bdi>”</span></h1>')
    expect((await browser.decide()).location).toContain('/login?state=')
  })

  test('a client document, between the answer and the end of the login', async () => {
    const { document, setup, browser, path } = await startDocument()
    setup.clock.advance(3590)
    await browser.go(path())
    const { location } = await browser.decide()
    document.client_name = 'B'
    setup.clock.advance(stale)
    const again = await browser.signIn(location)
    expect(again.page).toContain('“<bdi class="foreign">B</bdi>”</span> to ')
    expect(again.page).toContain('<dd><bdi class="foreign">alice</bdi></dd>')
    // Nobody agreed to this document yet
    const silent = await browser.go(`${path()}&prompt=none`)
    expect([silent.status, silent.location]).toEqual([400, ''])
    expect(silent.page).toContain('error=interaction_required')
  })

  test('a redirect URI that the document dropped gets no code [attack 97]', async () => {
    const { document, setup, browser } = await startDocument()
    setup.clock.advance(3590)
    await browser.go(authorizePath(documentId, pkce().challenge, { redirect_uri: https }))
    const { location } = await browser.decide()
    document.redirect_uris = ['https://client.example.com/new']
    setup.clock.advance(stale)
    const refused = await browser.signIn(location)
    expect([refused.status, refused.location]).toEqual([400, ''])
  })

  test('the name of a registered client', async () => {
    const setup = setUp()
    const client = await register(setup)
    const browser = createBrowser(setup)
    await browser.go(authorizePath(client.client_id as string, pkce().challenge))
    const renamed = await setup.call(new URL(client.registration_client_uri as string).pathname, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${client.registration_access_token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        client_id: client.client_id,
        client_name: 'Another name',
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: 'none',
      }),
    })
    expect(renamed.status).toBe(200)
    expect((await browser.decide()).page).toContain('“<bdi class="foreign">Another name</bdi>”</span></h1>')
  })
})

test.each([
  [https, 'an application at client.example.com'],
  [redirectUri, 'an application on this computer'],
  ['cursor://anysphere.cursor-mcp/oauth/callback', 'an application on this device (cursor://'],
])('a client without a name is called by where its answer goes: %s [attack 119]', async (uri, name) => {
  for (const client_name of [undefined, '', '  ', '\u00A0\u3000', '\u2800', '\u3164']) {
    const setup = setUp()
    const client = await register(setup, { client_name, redirect_uris: [uri] })
    expect(client).not.toHaveProperty('client_name')
    const { page } = await createBrowser(setup).go(
      authorizePath(client.client_id as string, pkce().challenge, { redirect_uri: uri }),
    )
    expect(page).toContain(`to connect ${name}`)
    expect(page).toContain('It gave no name.')
  }
})

test('a directory that is away is 503 for a session and an error for the client after a login [attack 159]', async () => {
  let away = false
  const setup = setUp({
    checkUser: () => {
      if (away) throw new Error('directory down')
      return true
    },
  })
  const client = await register(setup, { redirect_uris: [https] })
  const path = (more = {}) =>
    authorizePath(client.client_id as string, pkce().challenge, { redirect_uri: https, ...more })
  const browser = createBrowser(setup)
  await browser.go(path())
  const { location } = await browser.decide()
  away = true
  const refused = new URL((await browser.signIn(location)).location).searchParams
  expect([refused.get('error'), refused.get('state'), refused.get('iss')]).toEqual([
    'temporarily_unavailable',
    'some-state',
    issuer,
  ])
  away = false
  await browser.go(path())
  await browser.signIn((await browser.decide()).location)
  await browser.go(path({ prompt: 'consent' }))
  const handle = browser.handle()
  away = true
  for (const answer of [await browser.go(path()), await browser.decide('approve', handle)]) {
    expect([answer.status, answer.retryAfter]).toEqual([503, '5'])
    expect(answer.page).not.toContain('directory down')
  }
  away = false
  expect((await browser.decide('approve', handle)).location).toContain('code=')
})
