import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { authorizePath, issuer, pkce, register, type Setup, setUp } from '../../../test/fixture.js'
import { githubClient, startGithubServer } from '../../../test/github-server.js'
import { startOidcServer } from '../../../test/oidc-server.js'
import { github } from '../identity-providers/github.js'
import { type OidcOptions, oidc } from '../identity-providers/oidc.js'
import type { IdentityProvider, LoginRequest } from '../server/identity-provider.js'

/** A provider of metadata alone: what it supports, and where it begins. */
let provider: { url: string; metadata: Record<string, unknown>; close: () => void }
beforeAll(async () => {
  let listener: RequestListener = () => {}
  const server = createServer((request, response) => listener(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  provider = { url, metadata: {}, close: () => server.close().closeAllConnections() }
  listener = (_, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(
      JSON.stringify({
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        ...provider.metadata,
      }),
    )
  }
})
afterAll(() => provider.close())

const oidcProvider = (options: Partial<OidcOptions> = {}) =>
  oidc({ issuer: provider.url, clientId: 'gateway', clientSecret: 'secret', ...options })

/** Goes to the consent page, presses a button, and returns the query that the provider gets. */
async function asked(
  setup: Setup,
  { changes = {}, decision = 'approve' }: { changes?: Record<string, string>; decision?: string } = {},
): Promise<Record<string, string>> {
  const client = await register(setup)
  const page = await setup.call(authorizePath(client.client_id as string, pkce().challenge, changes))
  const transaction = /name="transaction" value="([^"]*)"/.exec(await page.text())?.[1] ?? ''
  const cookie = page.headers.getSetCookie().map((line) => line.split(';')[0])
  const answer = await setup.call('/consent', {
    method: 'POST',
    body: new URLSearchParams({ transaction, decision }),
    headers: { Cookie: cookie.join('; ') },
  })
  expect(answer.status).toBe(303)
  return Object.fromEntries(new URL(answer.headers.get('location') ?? '').searchParams)
}

const promptFor = async (options: Partial<OidcOptions>, changes: Record<string, string>, decision?: string) =>
  (await asked(setUp({ identityProvider: oidcProvider(options) }), { changes, decision })).prompt

describe('prompt towards an OpenID provider', () => {
  test.each([
    // What the client or the person wants, what the provider says that it knows, what it is sent
    ['a new sign-in', { prompt: 'login' }, undefined, 'login'],
    ['another account', { prompt: 'select_account' }, undefined, 'select_account'],
    ['a new sign-in', { prompt: 'login' }, ['none', 'login', 'consent'], 'login'],
    ['another account', { prompt: 'select_account' }, ['none', 'login', 'consent'], 'login'],
    ['a new sign-in', { prompt: 'login' }, ['none', 'consent', 'select_account'], 'select_account'],
    ['another account', { prompt: 'select_account' }, ['none', 'consent', 'select_account'], 'select_account'],
    ['a new sign-in', { prompt: 'login' }, ['none', 'consent'], undefined],
    ['another account', { prompt: 'select_account' }, [], undefined],
    ['a new sign-in', { prompt: 'login' }, 'login', 'login'],
    ['a new sign-in and another account', { prompt: 'select_account login' }, undefined, 'login'],
    ['a new consent', { prompt: 'consent' }, undefined, undefined],
    ['nothing', {}, undefined, undefined],
  ])('%s with %j, of a provider that knows %j, is %s', async (_, changes, supported, sent) => {
    provider.metadata = supported === undefined ? {} : { prompt_values_supported: supported }
    expect(await promptFor({}, changes as Record<string, string>)).toBe(sent)
  })

  test('"Use another account" asks for another account, and not for the one that the client hinted at', async () => {
    provider.metadata = {}
    const setup = setUp({ identityProvider: oidcProvider() })
    const query = await asked(setup, { changes: { login_hint: 'alice@example.com' }, decision: 'switch' })
    expect(query).toMatchObject({ prompt: 'select_account' })
    expect(query).not.toHaveProperty('login_hint')
  })

  test('the option prompts says what the provider knows, whatever its metadata says', async () => {
    provider.metadata = { prompt_values_supported: ['login'] }
    expect(await promptFor({ prompts: ['select_account'] }, { prompt: 'login' })).toBe('select_account')
    expect(await promptFor({ prompts: ['login', 'select_account'] }, { prompt: 'select_account' })).toBe(
      'select_account',
    )
    expect(await promptFor({ prompts: [] }, { prompt: 'login' })).toBe(undefined)
    provider.metadata = {}
  })

  test.each(['create', 'none', 1])('prompts with %j does not start', (value) => {
    expect(() => oidcProvider({ prompts: [value] as never })).toThrow(/prompts/)
  })

  test('Google, whose metadata is silent, is never sent prompt=login', async () => {
    const google = 'https://accounts.google.com'
    const metadata = { issuer: google, authorization_endpoint: `${google}/o/oauth2/v2/auth`, token_endpoint: google }
    const options = { issuer: google, fetch: async () => Response.json(metadata) }
    expect(await promptFor(options, { prompt: 'login' })).toBe('select_account')
    expect(await promptFor(options, { prompt: 'select_account' })).toBe('select_account')
    expect(await promptFor({ ...options, prompts: ['login'] }, { prompt: 'login' })).toBe('login')
  })
})

test('GitHub knows select_account alone, and the hint as login', async () => {
  const site = await startGithubServer({ id: 1, login: 'alice' })
  try {
    const setup = setUp({ identityProvider: github({ ...githubClient, baseUrl: site.url }) })
    for (const prompt of ['login', 'select_account']) {
      const query = await asked(setup, { changes: { prompt, login_hint: 'alice', ui_locales: 'de' } })
      expect(query).toMatchObject({ prompt: 'select_account', login: 'alice' })
    }
    expect(await asked(setup)).not.toHaveProperty('prompt')
  } finally {
    await site.close()
  }
})

describe('login_hint and ui_locales of a client', () => {
  test('reach the provider', async () => {
    const setup = setUp({ identityProvider: oidcProvider() })
    const changes = { login_hint: 'alice+x@example.com', ui_locales: 'fr-CA fr en' }
    expect(await asked(setup, { changes })).toMatchObject(changes)
  })

  test('are neither in the store nor in the way: unreadable or long ones are left out', async () => {
    const setup = setUp({ identityProvider: oidcProvider() })
    const left = { login_hint: 'x'.repeat(257), ui_locales: 'de; DROP' }
    for (const [name, value] of Object.entries({ ...left, login_hint2: 'a' })) {
      expect(await asked(setup, { changes: { [name]: value } })).not.toHaveProperty(name)
    }
    expect(await asked(setup, { changes: { login_hint: 'a\u0000b' } })).not.toHaveProperty('login_hint')
    expect(await asked(setup, { changes: { ui_locales: 'x'.repeat(300) } })).not.toHaveProperty('ui_locales')
    const stored = [vi.spyOn(setup.storage, 'set'), vi.spyOn(setup.storage, 'add')]
    expect(await asked(setup, { changes: { login_hint: 'bob-of-the-hint' } })).toHaveProperty('login_hint')
    expect(stored.flatMap(({ mock }) => mock.calls).length).toBeGreaterThan(0)
    expect(JSON.stringify(stored.map(({ mock }) => mock.calls))).not.toContain('bob-of-the-hint')
  })

  test('a provider of its own is told them, and why it has to ask again', async () => {
    const requests: LoginRequest[] = []
    const own: IdentityProvider = {
      name: 'own',
      title: 'us',
      begin: async (request) => {
        requests.push(request)
        return { redirect: 'https://login.example.com/' }
      },
      complete: async () => ({ again: 'x' }),
    }
    const setup = setUp({ identityProvider: own })
    await asked(setup, { changes: { login_hint: 'bob', ui_locales: 'de', prompt: 'login' } })
    await asked(setup, { decision: 'switch' })
    await asked(setup)
    expect(requests).toMatchObject([
      { fresh: true, prompt: 'login', loginHint: 'bob', uiLocales: 'de' },
      { fresh: true, prompt: 'select_account' },
      { fresh: false },
    ])
    expect(requests[2]).not.toHaveProperty('prompt')
  })
})

describe('a provider that posts its answer back [form_post]', () => {
  test('is asked for it, and what it posts goes on as a GET that carries the cookie of the step', async () => {
    vi.spyOn(console, 'info').mockImplementation(() => {})
    const upstream = await startOidcServer(`${issuer}/callback/oidc`)
    try {
      const setup = setUp({
        identityProvider: oidc({
          issuer: upstream.issuer,
          clientId: upstream.clientId,
          clientSecret: upstream.clientSecret,
          responseMode: 'form_post',
        }),
      })
      const query = await asked(setup)
      expect(query.response_mode).toBe('form_post')
      const answer = new URLSearchParams({ code: 'c', state: query.state as string, iss: upstream.issuer, user: '{}' })
      const response = await setup.call('/callback/oidc', {
        method: 'POST',
        body: answer,
        headers: { Origin: upstream.issuer, 'Sec-Fetch-Site': 'cross-site' },
      })
      expect([response.status, response.headers.getSetCookie()]).toEqual([303, []])
      const location = new URL(response.headers.get('location') ?? '')
      expect(location.origin + location.pathname).toBe(`${issuer}/callback/oidc`)
      expect(Object.fromEntries(location.searchParams)).toEqual({ code: 'c', state: query.state, iss: upstream.issuer })
      expect(response.headers.get('referrer-policy')).toBe('no-referrer')
      expect(response.headers.get('cache-control')).toBe('no-store')
    } finally {
      await upstream.close()
    }
  })

  test('keeps repeated parameters repeated, so that nobody chooses between them', async () => {
    const setup = setUp({ identityProvider: oidcProvider({ responseMode: 'form_post' }) })
    const answer = new URLSearchParams([
      ['state', 'a'],
      ['state', 'b'],
      ['code', 'c'],
    ])
    const response = await setup.call('/callback/oidc', { method: 'POST', body: answer })
    expect(new URL(response.headers.get('location') ?? '').searchParams.getAll('state')).toEqual(['a', 'b'])
  })

  test('a body that is too large, or no form, is refused, and without the option there is no POST at all', async () => {
    const setup = setUp({ identityProvider: oidcProvider({ responseMode: 'form_post' }) })
    const large = await setup.call('/callback/oidc', {
      method: 'POST',
      body: new URLSearchParams({ code: 'x'.repeat(99_999) }),
    })
    expect(large.status).toBe(413)
    const json = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }
    expect((await setup.call('/callback/oidc', json)).status).toBe(400)
    const plain = setUp({ identityProvider: oidcProvider() })
    expect((await plain.call('/callback/oidc', { method: 'POST', body: new URLSearchParams({}) })).status).toBe(405)
    expect(await asked(plain)).not.toHaveProperty('response_mode')
  })

  test.each(['fragment', 'form-post', 1])('responseMode %j does not start', (value) => {
    expect(() => oidcProvider({ responseMode: value as never })).toThrow(/responseMode/)
  })
})
